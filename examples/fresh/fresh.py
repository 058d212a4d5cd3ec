"""Orders what is fresh and talked about first: age, replies, and nobody whom the viewer distrusts.

This is the whole module. The first lines say what it weighs; `weigh` says what a candidate is
worth by each feature, or why it is left out. Change them into your own.
"""

from atlas import Candidate, Ranker, export, leave_out

FRESH = 1_000_000
MINUTE = 1_000
REPLY = 20_000
MOST_REPLIES = 100


class Fresh(Ranker):
    name = "example:fresh"
    version = "0.1.0"
    summary = "What is fresh and talked about first."

    features = {
        "fresh": "a million when new, a thousand less with each minute",
        "replies": "20,000 for each reply, up to a hundred of them",
    }
    columns = ["replies", "trust"]

    def weigh(self, candidate: Candidate, now: int):
        if candidate.column("trust", 0) < 0:
            leave_out("distrusted", "the viewer distrusts its author")
        # Who dates a record into the future gains nothing by it.
        minutes = max(now - candidate.created, 0) // 60_000
        fresh = FRESH - min(minutes, FRESH // MINUTE) * MINUTE
        replies = min(max(candidate.column("replies", 0), 0), MOST_REPLIES) * REPLY
        return [fresh, replies]


Module, Ranking = export(Fresh())
