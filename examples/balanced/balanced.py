"""Who serves is served, what is rare is kept, and strangers can begin.

This is the whole module, in whole numbers with every unit named. `service` says what share a peer
gets, `retention` how long an item stays. Change them into your own.
"""

from atlas import REPLICAS, SERVICE, Economy, Item, Peer, export

# What a peer without a history gets: 1 % of the largest share.
STRANGER = 10_000
# Bytes that make a difference: a peer that gave less is hardly told from a stranger.
GRAIN = 16 << 20
# After how long without a receipt what a peer gave counts half: 30 days in milliseconds.
HALF_LIFE_MS = 30 * 24 * 60 * 60 * 1000
# Replicas to aim for where the space did not vote.
ORDINARY = 2
HOUR_MS = 60 * 60 * 1000


def service(now: int, peer: Peer) -> int:
    """What a peer gave, of all that passed between both, with the failed audits and the distrust taken off."""
    idle = max(now - peer.active, 0) // HALF_LIFE_MS
    # A kept byte is worth a sixteenth of a served one, as long as it is kept.
    gave = (peer.served_us + peer.keeps // 16) >> min(idle, 127)
    earned = (SERVICE - STRANGER) * gave // (gave + peer.served_them + GRAIN)
    audited = (STRANGER + earned) * (peer.passed + 1) // (peer.passed + 1 + 10 * peer.failed)
    # Distrust takes off up to all; trust adds nothing that was not earned.
    distrust = max(-peer.trust, 0)
    share = audited * max(1_000_000 - distrust, 0) // 1_000_000
    return min(max(share, 1), SERVICE)


def target(item: Item) -> int:
    return min(item.voted, REPLICAS) if item.voted else ORDINARY


def retention(now: int, item: Item) -> int:
    """Pledged before everything; then by replicas that are missing; then by use."""
    pledged = 1_000_000_000_000 if item.pledged else 0
    missing = max(target(item) - item.replicas, 0) * 100_000_000
    used = min(item.requests, 1000) * 10_000
    hours = max(now - item.active, 0) // HOUR_MS
    fresh = 10_000_000 // (1 + min(hours, 10_000_000))
    return pledged + missing + used + fresh


class Balanced(Economy):
    name = "example:balanced"
    version = "0.1.0"
    summary = "Serves who serves, keeps what is rare or pledged, and lets strangers begin."

    def weigh(self, now: int, peers: list[Peer], items: list[Item]):
        return (
            [service(now, peer) for peer in peers],
            [retention(now, item) for item in items],
            [target(item) for item in items],
        )


Module, Balancing = export(Balanced())
