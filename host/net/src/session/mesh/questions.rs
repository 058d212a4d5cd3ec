//! When to ask a peer for what no comparison shows to be lacking: whoever had nothing is asked less often each time.

use std::collections::HashMap;
use std::time::Duration;

use atlas_record::SpaceId;
use tokio::time::Instant;

use crate::swarm::PeerId;

/// Between two questions to a peer about a space, at first and at most.
const ASK_EVERY: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(3600));

/// When each peer was asked about each space.
#[derive(Debug, Default)]
pub struct Questions(HashMap<(PeerId, SpaceId), Pace>);

#[derive(Debug, Clone, Copy)]
struct Pace {
    not_before: Instant,
    wait: Duration,
}

impl Questions {
    /// Whether it is time to ask a peer.
    pub fn is_due(&self, peer: PeerId, space: SpaceId, now: Instant) -> bool {
        self.0.get(&(peer, space)).is_none_or(|pace| pace.not_before <= now)
    }

    /// A peer was asked, and so much came.
    pub fn asked(&mut self, peer: PeerId, space: SpaceId, came: usize, now: Instant) {
        let pace = self.0.entry((peer, space)).or_insert(Pace { not_before: now, wait: ASK_EVERY.0 });
        if came > 0 {
            *pace = Pace { not_before: now, wait: ASK_EVERY.0 };
        } else {
            pace.not_before = now + pace.wait;
            pace.wait = (pace.wait * 2).min(ASK_EVERY.1);
        }
    }

    /// A peer is gone.
    pub fn forget(&mut self, peer: PeerId) {
        self.0.retain(|(known, _), _| *known != peer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_none_is_asked_less_and_less_and_who_has_some_at_once() {
        let (mut questions, space, mut now) = (Questions::default(), SpaceId([1; 32]), Instant::now());
        let [peer, other] = [PeerId::random(), PeerId::random()];
        let mut waits = Vec::new();
        for _ in 0..10 {
            assert!(questions.is_due(peer, space, now));
            questions.asked(peer, space, 0, now);
            let asked = now;
            while !questions.is_due(peer, space, now) {
                now += Duration::from_secs(1);
            }
            waits.push((now - asked).as_secs());
        }
        assert_eq!(waits, [20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]);
        assert!(questions.is_due(other, space, now) && questions.is_due(peer, SpaceId([2; 32]), now));
        questions.asked(peer, space, 3, now);
        assert!(questions.is_due(peer, space, now));
        questions.asked(peer, space, 0, now);
        assert!(!questions.is_due(peer, space, now + Duration::from_secs(19)), "and has to begin anew");
        questions.forget(peer);
        assert!(questions.is_due(peer, space, now) && questions.0.is_empty());
    }
}
