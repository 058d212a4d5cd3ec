//! Links: reliable streams over lines that are not.

use rand::RngExt;
use rand::rngs::StdRng;

use super::Micros;

/// What all links are like.
#[derive(Debug, Clone)]
pub struct Network {
    /// One way, at least and at most; each link has its own.
    pub latency: (Micros, Micros),
    /// Added to each message, at most.
    pub jitter: Micros,
    /// Bytes a second, each way.
    pub bandwidth: u64,
    /// How likely a message is held up by a lost packet.
    pub loss: f64,
    /// For how long it is then.
    pub retransmit: Micros,
    /// How likely a message is the last one before the connection breaks.
    pub breaks: f64,
}

impl Default for Network {
    /// 50 ms there and back, 20 Mbit/s, a clean line.
    fn default() -> Self {
        Self { latency: (25_000, 25_000), jitter: 0, bandwidth: 2_500_000, loss: 0.0, retransmit: 200_000, breaks: 0.0 }
    }
}

/// A connection between two nodes. Direction 0 is from the one with the lower number.
#[derive(Debug)]
pub(super) struct Link {
    /// Which connection of all: what is under way when one breaks does not arrive on the next.
    pub epoch: u64,
    latency: Micros,
    /// When each direction has sent what it was given.
    free: [Micros; 2],
    /// When the last message of each direction arrives: a stream keeps its order.
    arrives: [Micros; 2],
}

impl Link {
    pub fn new(epoch: u64, network: &Network, rng: &mut StdRng) -> Self {
        let (least, most) = network.latency;
        Self { epoch, latency: rng.random_range(least..=most), free: [0; 2], arrives: [0; 2] }
    }

    /// When a message arrives, or `None` if the connection breaks instead.
    pub fn send(
        &mut self,
        now: Micros,
        way: usize,
        bytes: usize,
        network: &Network,
        rng: &mut StdRng,
    ) -> Option<Micros> {
        if network.breaks > 0.0 && rng.random_bool(network.breaks) {
            return None;
        }
        let sent = self.free[way].max(now) + bytes as u64 * 1_000_000 / network.bandwidth;
        self.free[way] = sent;
        let mut arrives = sent + self.latency;
        if network.jitter > 0 {
            arrives += rng.random_range(0..=network.jitter);
        }
        if network.loss > 0.0 && rng.random_bool(network.loss) {
            arrives += network.retransmit;
        }
        self.arrives[way] = self.arrives[way].max(arrives);
        Some(self.arrives[way])
    }
}
