"""What an admission module needs: `export` makes the classes that the world asks for out of one `Admission`."""

from dataclasses import replace

from described import Described, described
from reading import Refusal, decode, decode_map, refuse
from wit_world import exports
from wit_world.exports import admitting as wit
from wit_world.exports.admitting import Quota
from wit_world.imports.types import Reason


class Needs(Exception):
    """Asks for records by id; the host calls again when they are here."""

    def __init__(self, ids: list[str]):
        super().__init__("needs other records")
        self.ids = ids


class Applicant:
    """A header that wants in: what the WIT's `applicant` has, in `header`."""

    def __init__(self, header):
        self.header = header
        self.author = header.author
        self.founder = header.founder

    def links(self, relation: str) -> list[str]:
        """Targets of a relation, in the author's order."""
        return [link.target for link in self.header.links if link.relation == relation]

    def extension(self, name: str, otherwise=None):
        """Something else that the header carries: `None` where it cannot be read, `otherwise` where it is not there."""
        for extension in self.header.extensions:
            if extension.name == name:
                try:
                    return decode(extension.value)
                except Refusal:
                    return None
        return otherwise

    def need(self, id_: str):
        """Another record by its id: given, its body a dict, or asked for."""
        for supplied in self.header.supplied:
            if supplied.id == id_:
                return replace(supplied.entry, body=decode_map(supplied.entry.body) or {})
        raise Needs([id_])


class Admission(Described):
    """What a module says of itself and whom it lets in. Override what differs."""

    def admit(self, applicant: Applicant) -> Quota | None:
        """Nothing, or a quota, or a refusal."""
        return None


def export(admission: Admission):
    """The classes that the admission world asks for."""

    class Admitting(exports.Admitting):
        def admit(self, batch):
            return [self._admit(Applicant(header)) for header in batch]

        def _admit(self, applicant):
            try:
                return wit.Admittance_Admitted(admission.admit(applicant))
            except Needs as needs:
                return wit.Admittance_Needs(needs.ids)
            except Refusal as refusal:
                return wit.Admittance_Refused(Reason(refusal.code, refusal.text))

    return described(admission), Admitting
