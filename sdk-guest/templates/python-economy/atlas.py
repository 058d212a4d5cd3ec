"""What an economy module needs: `export` makes the classes that the world asks for out of one `Economy`.

Rows are made here of the columns that the host hands over.
"""

from collections import namedtuple

from described import Described, described
from wit_world import exports
from wit_world.exports import balancing as wit

SERVICE = 1_000_000
"""The largest share of a peer."""
REPLICAS = 1_000
"""Most replicas to aim for."""

Peer = namedtuple("Peer", "served_us served_them keeps passed failed met active trust")
Item = namedtuple("Item", "size replicas voted pledged requests active")


class Economy(Described):
    """What a module says of itself and how it weighs. Override what differs."""

    def weigh(self, now: int, peers: list[Peer], items: list[Item]) -> tuple[list[int], list[int], list[int]]:
        """For each peer its share; for each item its retention; for each item its replicas."""
        return [1] * len(peers), [0] * len(items), [0] * len(items)


def _rows(row, columns):
    return list(map(row, *(getattr(columns, name) for name in row._fields)))


def export(economy: Economy):
    """The classes that the economy world asks for."""

    class Balancing(exports.Balancing):
        def weigh(self, question):
            peers, items = _rows(Peer, question.peers), _rows(Item, question.items)
            return wit.Weights(*economy.weigh(question.now, peers, items))

    return described(economy), Balancing
