//! Whom to connect to: peers that invitations name, that the DHT lists, or that are on the same network.
//!
//! The swarm keeps an address book and dials again; here it is decided for which space it is worth it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use atlas_record::SpaceId;
use tokio::time::Instant;

use crate::replica::Shared;
use crate::swarm::{Multiaddr, Network, PeerId, peer_of};

/// How often it is looked whether anything is to be done.
pub const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Between two tries of addresses, at first and at most: it doubles while nobody answers.
const TRY_EVERY: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(15));
/// Between two questions to the DHT about one space.
const ASK_EVERY: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(300));
/// Peers of a space below which more are looked for.
const ENOUGH_PEERS: usize = 4;
/// Providers that one answer of the DHT makes us dial.
const MOST_PROVIDERS: usize = 8;
/// Connections beyond which nobody is dialed only because it is near.
const ENOUGH_NEAR: usize = 64;
/// Addresses that are remembered for a space.
const MOST_ADDRESSES: usize = 64;

/// What the DHT knows a public space by. Whoever sees it cannot tell the space's id.
pub fn root(space: &SpaceId) -> [u8; 32] {
    blake3::derive_key("atlas 2026-11 root of a space in the DHT", &space.0)
}

/// What to dial: of a peer that is named all addresses at once, for as many dials would be as many
/// connections; addresses without a name each by itself.
fn by_peer(addresses: &[Multiaddr]) -> Vec<(Option<PeerId>, Vec<Multiaddr>)> {
    let mut dials: Vec<(Option<PeerId>, Vec<Multiaddr>)> = Vec::new();
    for address in addresses {
        let peer = peer_of(address);
        match dials.iter_mut().find(|(known, _)| peer.is_some() && *known == peer) {
            Some((_, addresses)) => addresses.push(address.clone()),
            None => dials.push((peer, vec![address.clone()])),
        }
    }
    dials
}

struct Pace {
    next: Instant,
    wait: Duration,
    most: Duration,
}

impl Pace {
    fn new((first, most): (Duration, Duration)) -> Self {
        Self { next: Instant::now(), wait: first, most }
    }

    /// Whether it is time, and then not again for longer.
    fn due(&mut self, now: Instant) -> bool {
        if now < self.next {
            return false;
        }
        self.next = now + self.wait;
        self.wait = (self.wait * 2).min(self.most);
        true
    }
}

struct Wanted {
    addresses: Vec<Multiaddr>,
    tries: Pace,
    questions: Pace,
}

/// Who is worth connecting to.
pub struct Contacts {
    network: Network,
    spaces: BTreeMap<SpaceId, Wanted>,
    public: BTreeSet<SpaceId>,
    provided: HashMap<SpaceId, [u8; 32]>,
    pub look_at: Instant,
}

impl Contacts {
    /// Nobody yet.
    pub fn new(network: Network) -> Self {
        Self {
            network,
            spaces: BTreeMap::new(),
            public: BTreeSet::new(),
            provided: HashMap::new(),
            look_at: Instant::now(),
        }
    }

    /// The spaces that this node keeps: public ones are told to the DHT.
    pub fn set_spaces(&mut self, spaces: &BTreeMap<SpaceId, Shared>) {
        self.spaces.retain(|space, _| spaces.contains_key(space));
        self.public = spaces.values().filter(|shared| !shared.private).map(|shared| shared.id).collect();
        for space in spaces.keys() {
            self.wanted(*space);
        }
        let gone: Vec<SpaceId> = self.provided.keys().filter(|space| !self.public.contains(space)).copied().collect();
        for space in gone {
            if let Some(root) = self.provided.remove(&space) {
                let network = self.network.clone();
                tokio::spawn(async move { network.unprovide(root).await });
            }
        }
        for space in &self.public {
            if !self.provided.contains_key(space) {
                let (network, root, space) = (self.network.clone(), root(space), *space);
                self.provided.insert(space, root);
                tokio::spawn(async move {
                    if let Err(error) = network.provide(root).await {
                        tracing::warn!("space {space} cannot be found through the DHT: {error}");
                    }
                });
            }
        }
    }

    fn wanted(&mut self, space: SpaceId) -> &mut Wanted {
        self.spaces.entry(space).or_insert_with(|| Wanted {
            addresses: Vec::new(),
            tries: Pace::new(TRY_EVERY),
            questions: Pace::new(ASK_EVERY),
        })
    }

    /// Peers that are said to have a space.
    pub fn reach(&mut self, space: SpaceId, addresses: Vec<Multiaddr>) {
        let wanted = self.wanted(space);
        for address in addresses {
            if !wanted.addresses.contains(&address) && wanted.addresses.len() < MOST_ADDRESSES {
                wanted.addresses.push(address);
            }
        }
        wanted.tries = Pace::new(TRY_EVERY);
        self.look_at = Instant::now();
    }

    /// Dials whom it is time to dial. `peers` tells how many peers share a space.
    pub fn look(&mut self, peers: impl Fn(&SpaceId) -> usize) {
        let now = Instant::now();
        self.look_at = now + LOOK_EVERY;
        for (space, wanted) in &mut self.spaces {
            let found = peers(space);
            if found > 0 {
                wanted.tries = Pace { next: now + TRY_EVERY.0, ..Pace::new(TRY_EVERY) };
            } else if !wanted.addresses.is_empty() && wanted.tries.due(now) {
                for (peer, addresses) in by_peer(&wanted.addresses) {
                    let network = self.network.clone();
                    tokio::spawn(async move {
                        let reached = match peer {
                            Some(peer) => network.connect(peer, addresses).await,
                            None => network.dial(addresses[0].clone()).await.map(drop),
                        };
                        if let Err(error) = reached {
                            tracing::debug!("a peer of an invitation could not be reached: {error}");
                        }
                    });
                }
            }
            if found < ENOUGH_PEERS && self.public.contains(space) && wanted.questions.due(now) {
                let (network, root) = (self.network.clone(), root(space));
                tokio::spawn(async move {
                    let me = network.peer_id();
                    let others = network.providers(root).await.into_iter().filter(|(peer, _)| *peer != me);
                    for (peer, addresses) in others.take(MOST_PROVIDERS) {
                        let network = network.clone();
                        tokio::spawn(async move { network.connect(peer, addresses).await });
                    }
                });
            }
        }
    }

    /// Someone is on the same network.
    pub fn near(&self, peer: PeerId, addresses: Vec<Multiaddr>, connected: usize) {
        if connected < ENOUGH_NEAR && peer != self.network.peer_id() {
            let network = self.network.clone();
            tokio::spawn(async move {
                if let Err(error) = network.connect(peer, addresses).await {
                    tracing::debug!(%peer, "a node on the same network could not be reached: {error}");
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_with_many_addresses_is_dialed_once() {
        let (one, other) = (PeerId::random(), PeerId::random());
        let of = |text: &str| text.parse::<Multiaddr>().unwrap();
        let addresses = [
            of(&format!("/ip4/9.9.9.9/tcp/1/p2p/{one}")),
            of("/ip4/9.9.9.9/tcp/2"),
            of(&format!("/ip4/9.9.9.9/udp/1/quic-v1/p2p/{one}")),
            of(&format!("/ip4/9.9.9.9/tcp/1/p2p/{one}/p2p-circuit/p2p/{other}")),
            of("/ip4/9.9.9.9/tcp/3"),
        ];
        let dials = by_peer(&addresses);
        let counts: Vec<_> = dials.iter().map(|(peer, addresses)| (*peer, addresses.len())).collect();
        assert_eq!(counts, [(Some(one), 2), (None, 1), (Some(other), 1), (None, 1)]);
    }
}
