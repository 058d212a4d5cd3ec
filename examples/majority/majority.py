"""More yes than no decides, if enough of the roll took part.

This is the whole module. Who is on the roll votes with the weight that it gives; abstaining counts
for the quorum and for nothing else. `said` says what a ballot means, `decide` what comes of all of
them. Change them into your own.
"""

from atlas import OPEN, REJECTED, Governance, Outcome, Reason, accepted, export
from reading import cut, decode_map, is_int64

VOTES = ("yes", "no", "abstain")


def said(question, cast: int, body: bytes) -> str | Reason:
    """What a ballot says, or why it does not count. Texts are about the rule: one stands for all of its code."""
    if cast < question.opened:
        return Reason("early", f"cast before voting began at {question.opened}")
    if cast > question.closes:
        return Reason("late", f"cast after voting ended at {question.closes}")
    ballot = decode_map(body)
    if ballot is None:
        return Reason("unreadable", "the ballot is no canonical map")
    vote = ballot.get("vote")
    return vote if vote in VOTES else Reason("no-vote", "expected `vote`: yes, no or abstain")


def quorum_of(question, roll: int) -> int:
    """What has to take part, in the roll's thousandths: percent of the roll, rounded up."""
    percent = question.parameters.get("quorum")
    percent = min(max(percent, 0), 100) if is_int64(percent) else 0
    return (roll * percent + 99) // 100


def decide(question, sums: dict[str, int], quorum: int):
    choice = question.body.get("choice")
    if isinstance(choice, str) and choice != "vote":
        # A proposal may hold anything.
        return REJECTED, f"the proposal is answered by {cut(choice, 64)}: a majority decides yes or no only"
    if question.now <= question.closes:
        return OPEN, f"voting is open until {question.closes}"
    took_part, yes, no = sum(sums.values()), sums["yes"], sums["no"]
    if took_part < quorum or took_part == 0:
        return REJECTED, f"{took_part} took part, and the quorum is {quorum}"
    if yes > no:
        return accepted(), f"{yes} said yes and {no} no"
    return REJECTED, f"{yes} said yes and {no} no: more have to say yes"


class Majority(Governance):
    name = "example:majority"
    version = "0.1.0"
    summary = "More yes than no decides, once a quorum of the roll took part."

    def begin(self, question):
        # By voter: a line of the roll and a ballot come in any order.
        return {}, {}

    def fold(self, question, kept, chunk):
        weights, votes = kept
        members, ballots = chunk.members, chunk.ballots
        weights.update(zip(members.voter, members.weight))
        for voter, cast, body in zip(ballots.voter, ballots.cast, ballots.body):
            votes[voter] = said(question, cast, body)

    def finish(self, question, kept):
        weights, votes = kept
        sums, set_aside = dict.fromkeys(VOTES, 0), {}
        for voter, vote in votes.items():
            if voter not in weights:
                set_aside[voter] = Reason("not-on-roll", "the voter is not on the roll")
            elif isinstance(vote, Reason):
                set_aside[voter] = vote
            else:
                sums[vote] += weights[voter]
        roll = sum(weights.values())
        quorum = quorum_of(question, roll)
        decision, text = decide(question, sums, quorum)
        figures = {**sums, "roll": roll, "quorum": quorum}
        return Outcome(decision, text, figures, len(votes) - len(set_aside), set_aside)


Module, Tallying = export(Majority())
