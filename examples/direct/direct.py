"""Trust as the seeds state it themselves, and nothing that follows from it.

This is the whole module. `fold` says what is kept of the statements, `weigh` what they are
worth, `explain` why. Change them into your own.
"""

from collections import defaultdict

from atlas import PARTS, WHOLE, WHOLE_EDGE, Part, Trust, export


def towards_zero(whole: int, by: int) -> int:
    """A quotient rounded towards 0, where `//` rounds down."""
    return whole // by if whole >= 0 else -(-whole // by)


def weigh(statements: list[tuple[int, int, int]]) -> list[int]:
    """What each statement adds to the mean, rounded towards 0: what is added up is the score."""
    total = sum(seed_weight for _, seed_weight, _ in statements)
    return [towards_zero(seed_weight * weight * (WHOLE // WHOLE_EDGE), total) for _, seed_weight, weight in statements]


def explain(identity: int, statements: list[tuple[int, int, int]]) -> list[Part]:
    """The weightiest causes, and the rest in one."""
    total = sum(seed_weight for _, seed_weight, _ in statements)
    parts = []
    for (seed, seed_weight, weight), amount in zip(statements, weigh(statements)):
        because = f"a seed says {weight} of 1000, and counts {seed_weight} of {total}"
        parts.append(Part(because, [seed, identity], amount))
    parts.sort(key=lambda part: (-abs(part.amount), part.path))
    if len(parts) <= PARTS:
        return parts
    parts, rest = parts[: PARTS - 1], parts[PARTS - 1 :]
    return [*parts, Part(f"{len(rest)} seeds more say less", [], sum(part.amount for part in rest))]


class Direct(Trust):
    name = "example:direct"
    version = "0.1.0"
    summary = "Trust as the seeds state it themselves: the mean of what they say, and nothing that follows."

    def begin(self, question):
        weights = {seed.identity: seed.weight for seed in question.seeds}
        # What the seeds state, by whom it is about.
        return weights, defaultdict(list)

    def fold(self, question, kept, edges):
        weights, statements = kept
        for seed, trusted, weight in zip(edges.truster, edges.trusted, edges.weight):
            if seed in weights:
                statements[trusted].append((seed, weights[seed], weight))

    def finish(self, question, kept):
        weights, statements = kept
        scores = [0] * question.identities
        for identity, said in statements.items():
            scores[identity] = sum(weigh(said))
        # A seed trusts itself, whatever other seeds say of it.
        for seed in weights:
            scores[seed] = WHOLE
        return scores, [self.explanation(identity, *kept) for identity in question.explain]

    def explanation(self, identity, weights, statements):
        if identity in weights:
            return [Part("is a seed", [identity], WHOLE)]
        return explain(identity, statements.get(identity, []))


Module, Trusting = export(Direct())
