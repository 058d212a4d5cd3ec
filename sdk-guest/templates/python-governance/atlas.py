"""What a governance module needs: `export` makes the classes that the world asks for out of one `Governance`.

It keeps what it wants of roll and ballots, however they are ordered and cut, and decides at the end.
"""

from collections import namedtuple
from dataclasses import replace

from described import Described, described
from reading import decode_map
from wit_world import exports
from wit_world.exports import tallying as wit
from wit_world.exports.tallying import Chunk
from wit_world.imports.types import Reason

ONE_VOTE = 1_000
"""One vote, in the thousandths that a roll gives weights in."""

Outcome = namedtuple("Outcome", "decision text figures counted set_aside")
"""A decision, why, the figures by name, how many ballots count, and the others: `Reason` by voter."""


def accepted(*options: int):
    """Accepted; or these options are chosen, the first choice first."""
    return wit.Decision_Accepted(list(options))


REJECTED = wit.Decision_Rejected()
OPEN = wit.Decision_Open()
"""Not yet: the host asks again."""


class Governance(Described):
    """What a module says of itself and how it counts. Override what differs."""

    def begin(self, question):
        """What is kept. `body` and `parameters` of the question are dicts, empty where they cannot be read."""
        return None

    def fold(self, question, kept, chunk: Chunk):
        """Puts a part of the roll and of the ballots into what is kept: columns, and bodies as bytes."""

    def finish(self, question, kept) -> Outcome:
        return Outcome(OPEN, "", {}, 0, {})


def _grouped(set_aside: dict[int, Reason]):
    """By code, and by number within. The text of the lowest number stands for all of its code."""
    groups = {}
    for voter, reason in sorted(set_aside.items(), key=lambda pair: pair[0]):
        groups.setdefault(reason.code, wit.SetAside(reason, [])).voters.append(voter)
    return [groups[code] for code in sorted(groups)]


def export(governance: Governance):
    """The classes that the governance world asks for."""
    question, kept = None, None

    class Tallying(exports.Tallying):
        def init(self, asked):
            nonlocal question, kept
            body, parameters = decode_map(asked.body) or {}, decode_map(asked.parameters) or {}
            question = replace(asked, body=body, parameters=parameters)
            kept = governance.begin(question)

        def fold(self, chunk):
            governance.fold(question, kept, chunk)

        def finish(self):
            nonlocal question, kept
            outcome = governance.finish(question, kept)
            question, kept = None, None
            return wit.Outcome(
                decision=outcome.decision,
                text=outcome.text,
                figures=[wit.Figure(name, value) for name, value in outcome.figures.items()],
                counted=outcome.counted,
                set_aside=_grouped(outcome.set_aside),
            )

    return described(governance), Tallying
