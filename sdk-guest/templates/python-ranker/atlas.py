"""What a ranker needs: `export` makes the classes that the world asks for out of one `Ranker`.

Sums, order and ties are done here, so that the contributions add up and nothing vanishes.
"""

from described import Described, described
from wit_world import exports
from wit_world.exports import ranking as wit
from wit_world.imports.types import Reason

LEAST, MOST = -(2**63), 2**63 - 1


class LeftOut(Exception):
    """The candidate is not shown, for this reason."""

    def __init__(self, code: str, text: str):
        super().__init__(text)
        self.code = code
        self.text = text


def leave_out(code: str, text: str):
    """Leaves the candidate out: a stable code for programs, a sentence for people."""
    raise LeftOut(code, text)


class Candidate:
    """A candidate, as one row of the question."""

    def __init__(self, question, columns, row: int):
        self.id = question.ids[row]
        self.author = question.authors[row]
        self.created = question.created[row]
        self._columns = columns
        self._row = row

    def column(self, name: str, otherwise: int) -> int:
        """Its value in a column, or `otherwise` where the host does not have the column."""
        values = self._columns.get(name)
        return otherwise if values is None else values[self._row]


class Ranker(Described):
    """What a module says of itself and what it weighs. Override what differs."""

    features: dict[str, str] = {}
    columns: list[str] = []

    def weigh(self, candidate: Candidate, now: int) -> list[int]:
        """One whole number for each feature, or the candidate is left out."""
        return []


def _fit(value: int) -> int:
    return max(LEAST, min(MOST, value))


def _settle(values: list[int]):
    """Cuts contributions so that they add up to what 64 bits can hold: the largest lose first."""
    kept = [_fit(value) for value in values]
    while (over := sum(kept) - _fit(sum(kept))) != 0:
        if over > 0:
            at = max(range(len(kept)), key=lambda i: (kept[i], -i))
            kept[at] -= min(over, kept[at])
        else:
            at = min(range(len(kept)), key=lambda i: (kept[i], i))
            kept[at] += min(-over, -kept[at])
    return kept, sum(kept)


def export(ranker: Ranker):
    """The classes that the ranker world asks for."""

    class Ranking(exports.Ranking):
        def rules(self):
            features = [wit.Feature(name, about) for name, about in ranker.features.items()]
            return wit.RankerRules(features, ranker.columns)

        def rank(self, question):
            columns = {column.name: column.values for column in question.columns}
            shown, left = [], []
            for row, id_ in enumerate(question.ids):
                try:
                    values, score = _settle(ranker.weigh(Candidate(question, columns, row), question.now))
                    shown.append((-score, id_, row, values))
                except LeftOut as out:
                    left.append((id_, wit.LeftOut(row, Reason(out.code, out.text))))
            shown.sort(key=lambda one: one[:2])
            left.sort(key=lambda one: one[0])
            return wit.Ordered(
                order=[row for _, _, row, _ in shown],
                scores=[-score for score, _, _, _ in shown],
                contributions=[value for _, _, _, values in shown for value in values],
                left_out=[out for _, out in left],
            )

    return described(ranker), Ranking
