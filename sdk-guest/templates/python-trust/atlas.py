"""What a trust module needs: `export` makes the classes that the world asks for out of one `Trust`.

It keeps what it wants of the edges, however they are ordered and cut, and answers at the end.
"""

from described import Described, described
from wit_world import exports
from wit_world.exports import trusting as wit
from wit_world.exports.trusting import Edges, Part, Question

WHOLE = 1_000_000
"""Whole trust, in millionths: as oneself."""
WHOLE_EDGE = 1_000
"""What an edge's weight of whole trust is, in thousandths."""
PARTS = 16
"""Causes of one explanation."""


class Trust(Described):
    """What a module says of itself and how it scores. Override what differs."""

    def begin(self, question: Question):
        """What is kept of the edges."""
        return None

    def fold(self, question: Question, kept, edges: Edges):
        """Puts a chunk of edges, as columns, into what is kept."""

    def finish(self, question: Question, kept) -> tuple[list[int], list[list[Part]]]:
        """One score for each identity; and for each that the question's `explain` names, in that
        order, the parts of its score."""
        return [0] * question.identities, [[] for _ in question.explain]


def export(trust: Trust):
    """The classes that the trust world asks for."""
    question, kept = None, None

    class Trusting(exports.Trusting):
        def init(self, asked):
            nonlocal question, kept
            question, kept = asked, trust.begin(asked)

        def fold(self, chunk):
            trust.fold(question, kept, chunk)

        def finish(self):
            nonlocal question, kept
            scores, explanations = trust.finish(question, kept)
            explained = [wit.Explanation(*pair) for pair in zip(question.explain, explanations)]
            question, kept = None, None
            return wit.Standing(scores, explained)

    return described(trust), Trusting
