//! Every number that bounds or paces the machine, with what it is for.

use super::types::Millis;

/// Bounds and paces. The defaults suit a node with a home connection and some hundred peers.
///
/// What the tables can grow to: the want-list to 20 MiB (`wants`, some 300 bytes each), what is remembered to
/// 8 MiB (`recent`, some 500 bytes each), ids against replays to 26 MiB (`replay` for each of `peers`, some 50
/// bytes each), and per space the outboxes to 25 MiB (`outbox` for each of `peers`, some 100 bytes each). That
/// takes an attack by all peers at once; a quiet node needs some hundred KiB.
#[derive(Debug, Clone)]
pub struct Config {
    /// Peers that are connected at the same time.
    pub peers: usize,
    /// Spaces that one peer may share.
    pub spaces_per_peer: usize,
    /// Peers that were left and may not come back yet. The oldest is forgotten.
    pub departed: usize,

    /// Peers per space that this node chooses as neighbours: it counts on their announcements, and they get its own.
    pub neighbours: usize,
    /// Peers per space that chose this node, and get its announcements.
    pub followers: usize,
    /// Peers per space, other ones each time, to whom everything new is announced as well: so a ring of
    /// neighbours that keeps silent does not cut anyone off.
    pub extra: usize,
    /// How long a set of neighbours stays before one of them is replaced.
    pub rotate_every: Millis,
    /// How long announcements are gathered.
    pub gather: Millis,
    /// Entries per announcement.
    pub frame_entries: usize,
    /// Announcements that wait for one peer and one space. What is beyond becomes "there is more".
    pub outbox: usize,
    /// Entries a second that are announced to one peer, and how many at once.
    pub send: (f64, f64),
    /// Entries a second that are read from one peer, and how many at once. Higher than `send`, so that
    /// honest peers never meet it.
    pub receive: (f64, f64),
    /// Ids that are remembered per peer, to tell replays.
    pub replay: usize,

    /// Members on the want-list.
    pub wants: usize,
    /// Of these, how many one peer may owe by its announcements before it delivered anything.
    pub owed: usize,
    /// How much each member that it delivered adds to that.
    pub owed_per_delivered: usize,
    /// What a peer may owe at most: a quarter of the list, so that no three peers can fill it.
    pub owed_most: usize,
    /// Members in flight, over all peers.
    pub in_flight: usize,
    /// Fetches in flight per peer.
    pub fetches_per_peer: usize,
    /// Members per fetch, at first and at most. Doubles with each that completes.
    pub batch: (usize, usize),
    /// How long a fetch may bring nothing.
    pub fetch_idle: Millis,
    /// How long a fetch may take, whatever it brings.
    pub fetch_whole: Millis,
    /// How often a member is tried before it is left to reconciliation.
    pub attempts: usize,
    /// Members remembered: who has them, and which are refused whoever sends them.
    pub recent: usize,

    /// Reconciliations at the same time, over all spaces. There is one per space.
    pub reconciles: usize,
    /// Between two reconciliations of a space when all is well, on average.
    pub reconcile_every: Millis,
    /// Between two of a space when something was missed.
    pub reconcile_soon: Millis,
    /// How long one may take.
    pub reconcile_whole: Millis,
    /// Bytes a reconciliation may cost whatever it finds, and for each difference that it finds. Beyond
    /// them the peer's fingerprints were lies.
    pub reconcile_cost: (u64, u64),

    /// Half of a peer's penalty is forgotten in this time.
    pub forgive: Millis,
    /// The penalty from which a peer is limited.
    pub limited_at: f64,
    /// The penalty from which a peer is left.
    pub left_at: f64,
    /// How long a peer that was left stays away; doubles each time, up to the second.
    pub away: (Millis, Millis),
}

impl Default for Config {
    fn default() -> Self {
        Self {
            peers: 256,
            spaces_per_peer: 1024,
            departed: 4096,
            neighbours: 5,
            followers: 10,
            extra: 1,
            rotate_every: 300_000,
            gather: 5,
            frame_entries: 512,
            outbox: 1024,
            send: (1000.0, 4096.0),
            receive: (2000.0, 16_384.0),
            replay: 2048,
            wants: 65_536,
            owed: 1024,
            owed_per_delivered: 4,
            owed_most: 16_384,
            in_flight: 8192,
            fetches_per_peer: 4,
            batch: (16, 1024),
            fetch_idle: 10_000,
            fetch_whole: 60_000,
            attempts: 6,
            recent: 16_384,
            reconciles: 4,
            reconcile_every: 30_000,
            reconcile_soon: 1000,
            reconcile_whole: 120_000,
            reconcile_cost: (128 * 1024, 4096),
            forgive: 300_000,
            limited_at: 20.0,
            left_at: 100.0,
            away: (60_000, 3_600_000),
        }
    }
}
