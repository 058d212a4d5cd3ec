"""The founder and those whom the config names may write.

This is the whole module. `members_of` says what a config may hold, `admit` who comes in. Change
them into your own. A change of the members is a change of the config, and so an amendment.
"""

import re

from atlas import Admission, Applicant, export
from reading import Fields, read_config, refuse

MEMBERS = 16_384
"""Most members that a config names."""


def members_of(config: Fields) -> set[str]:
    config.only("members")
    found = set()
    for member in config.list("members").count(0, MEMBERS):
        id_ = member.text().value
        if not re.fullmatch("bafy[a-z2-7]{55}", id_):
            member.refuse("not-an-id", "no identity: expected its id, as bafyr4ig…")
        if id_ in found:
            member.refuse("twice", "named twice")
        found.add(id_)
    return found


class Members(Admission):
    name = "example:members"
    version = "0.1.0"
    summary = "The founder and the members that the config names may write."

    members: set[str] = set()

    def configure(self, config: bytes):
        self.members = members_of(read_config(config)) if config else set()

    def admit(self, applicant: Applicant):
        if applicant.author != applicant.founder and applicant.author not in self.members:
            ask = "ask its founder, or propose an amendment that names the author"
            refuse("no-member", f"the author is no member of this space: {ask}")


Module, Admitting = export(Members())
