"""What a module needs to read records and to answer.

Bodies are read through `Fields`, refusals carry a code and a sentence, and `export` makes the
classes that the world asks for out of one `Validator`.
"""

from componentize_py_types import Err, Ok
from described import Described, described
from reading import Field, Fields, Integer, Link, List, Refusal, Text, decode, refuse  # for modules, too
from wit_world import exports
from wit_world.exports import validation as wit
from wit_world.imports.types import Operation, Reason


class Needs(Exception):
    """Asks for records by id; the host calls again when they are here."""

    def __init__(self, ids: list[str]):
        super().__init__("needs other records")
        self.ids = ids


class Candidate:
    """A record to judge: what the WIT's `entry` has, and its body as fields."""

    def __init__(self, entry, supplied):
        self.entry = entry
        self.supplied = supplied

    def body(self) -> Fields:
        return Field(decode(self.entry.body) if self.entry.body else {}, "").map()

    def links(self, relation: str) -> list[str]:
        """Targets of a relation."""
        return [link.target for link in self.entry.links if link.relation == relation]

    def need(self, id_: str) -> "Candidate":
        """Another record by its id: given, or asked for."""
        for supplied in self.supplied:
            if supplied.id == id_:
                return Candidate(supplied.entry, self.supplied)
        raise Needs([id_])


class Validator(Described):
    """What a module says of itself and how it judges. Override what differs."""

    lifecycle = "append"
    key = wit.KeyRule_None_()
    text_indexes: dict[str, str] = {}
    integer_indexes: dict[str, str] = {}
    text_fields: dict[str, int] = {}
    workflow = None
    title: str | None = None
    description: str | None = None
    schema = "{}"

    def prepare(self, draft):
        return draft

    def validate(self, record: Candidate):
        """The index entries as (name, value) pairs, or a refusal."""
        return []

    def validate_delete(self, record: Candidate):
        return None


def _value(value):
    return wit.IndexValue_Text(value) if isinstance(value, str) else wit.IndexValue_Integer(value)


def export(validator: Validator):
    """The classes that the validator world asks for."""

    class Validation(exports.Validation):
        def rules(self):
            kinds = [
                (validator.text_indexes, wit.IndexKind.TEXT),
                (validator.integer_indexes, wit.IndexKind.INTEGER),
            ]
            return wit.TypeRules(
                lifecycle=wit.Lifecycle[validator.lifecycle.upper()],
                key=validator.key,
                indexes=[wit.Index(name, of, about) for names, of in kinds for name, about in names.items()],
                text=[wit.TextField(path, weight) for path, weight in validator.text_fields.items()],
                workflow=validator.workflow,
                display=wit.Display(validator.title, validator.description),
                schema=validator.schema,
            )

        def prepare(self, drafts):
            return [self._prepare(draft) for draft in drafts]

        def _prepare(self, draft):
            try:
                return Ok(validator.prepare(draft))
            except Refusal as refusal:
                return Err(Reason(refusal.code, refusal.text))

        def validate(self, batch):
            return [self._judge(candidate) for candidate in batch]

        def _judge(self, candidate):
            record = Candidate(candidate.entry, candidate.supplied)
            try:
                if candidate.entry.operation == Operation.DELETE:
                    validator.validate_delete(record)
                    return wit.Verdict_Valid([])
                found = validator.validate(record) or []
                return wit.Verdict_Valid([wit.IndexEntry(name, _value(value)) for name, value in found])
            except Needs as needs:
                return wit.Verdict_Needs(needs.ids)
            except Refusal as refusal:
                return wit.Verdict_Invalid(Reason(refusal.code, refusal.text))

    return described(validator), Validation
