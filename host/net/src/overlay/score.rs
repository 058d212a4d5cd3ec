//! What peers did, in points that are slowly forgotten.
//!
//! Only what this node saw itself counts; nobody's word about another peer does. A fault that cannot
//! happen to an honest peer weighs enough that three of them end the connection. One that can (a slow line, a
//! record that was announced and then could not be read) weighs little, and is forgotten before it adds up.

use std::collections::BTreeMap;
use std::fmt;

use super::config::Config;
use super::types::{Millis, PeerKey, Refusal};

/// Something that a peer should not have done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Offence {
    /// Frames or messages that break the protocol.
    Garbage,
    /// Served what is not taken.
    Served(Refusal),
    /// Sent what nobody asked for.
    Unrequested,
    /// Did not serve what it announced.
    NotServed,
    /// Announced a time or type that the member does not have.
    FalseClaim,
    /// Announced what is known to be refused.
    Refused,
    /// Announced the same again and again.
    Replay,
    /// Announced in a space that is not shared.
    WrongSpace,
    /// Announced faster than anyone may.
    Flood,
    /// Let a fetch or a session wait for too long.
    Slow,
    /// A reconciliation that cost far more than what it found.
    FalseFingerprints,
    /// A reconciliation without an end.
    Endless,
}

impl Offence {
    /// Points, each time. The unit is arbitrary: [`Config::left_at`] is where it ends.
    pub fn points(self) -> f64 {
        match self {
            Self::Garbage | Self::Served(Refusal::Malformed | Refusal::BadSignature | Refusal::WrongId) => 40.0,
            Self::FalseFingerprints => 40.0,
            // Who is limited is not reconciled with, so there is no second time.
            Self::Endless => 100.0,
            Self::Unrequested | Self::FalseClaim => 20.0,
            Self::Served(Refusal::WrongSpace | Refusal::NotAdmissible) => 10.0,
            Self::WrongSpace => 5.0,
            // A line that was cut looks the same for a while.
            Self::Slow => 2.0,
            Self::Refused => 2.0,
            Self::NotServed => 1.0,
            Self::Replay => 0.02,
            Self::Flood => 0.01,
        }
    }
}

/// Why a peer has the standing it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Nothing to complain about.
    Fine,
    /// What weighed most.
    Offence(Offence),
    /// It came back before its time.
    TooEarly,
    /// No place: too many peers, and most of them from its subnet.
    Crowded,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fine => "nothing to complain about",
            Self::TooEarly => "came back before its time",
            Self::Crowded => "too many peers from its subnet",
            Self::Offence(offence) => match offence {
                Offence::Garbage => "sends what the protocol does not allow",
                Offence::Served(Refusal::Malformed) => "served malformed bytes",
                Offence::Served(Refusal::BadSignature) => "served bad signatures",
                Offence::Served(Refusal::WrongId) => "served other things than it was asked for",
                Offence::Served(Refusal::WrongSpace) => "served records of another space",
                Offence::Served(Refusal::NotAdmissible) => "served records that are not admissible",
                Offence::Unrequested => "sends what nobody asked for",
                Offence::NotServed => "announces what it does not serve",
                Offence::FalseClaim => "announces records as what they are not",
                Offence::Refused => "announces what is refused",
                Offence::Replay => "announces the same again and again",
                Offence::WrongSpace => "announces in spaces that are not shared",
                Offence::Flood => "announces faster than allowed",
                Offence::Slow => "keeps others waiting",
                Offence::FalseFingerprints => "sends fingerprints that differ where the sets do not",
                Offence::Endless => "reconciles without an end",
            },
        })
    }
}

/// How a peer is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// As any other.
    Good,
    /// Not a neighbour, no partner of reconciliations, read at a tenth of the rate, and fetched from only
    /// where nobody else has it.
    Limited,
    /// Disconnected, for a while.
    Left,
}

/// The points of one peer.
#[derive(Debug, Clone)]
pub(super) struct Score {
    points: f64,
    at: Millis,
    /// What brought most points, and how many. Fades like the points.
    worst: (Reason, f64),
}

impl Score {
    pub fn new(now: Millis, points: f64) -> Self {
        Self { points, at: now, worst: (Reason::Fine, 0.0) }
    }

    /// The points that are left.
    pub fn points(&self, now: Millis, config: &Config) -> f64 {
        self.points * fade(now.saturating_sub(self.at), config.forgive)
    }

    /// Adds `times` of an offence.
    pub fn add(&mut self, now: Millis, config: &Config, offence: Offence, times: usize) {
        let fade = fade(now.saturating_sub(self.at), config.forgive);
        let added = offence.points() * times as f64;
        self.points = self.points * fade + added;
        self.worst.1 *= fade;
        self.at = self.at.max(now);
        let reason = Reason::Offence(offence);
        if self.worst.0 == reason {
            self.worst.1 += added;
        } else if added >= self.worst.1 {
            self.worst = (reason, added);
        }
    }

    pub fn standing(&self, now: Millis, config: &Config) -> Standing {
        match self.points(now, config) {
            points if points >= config.left_at => Standing::Left,
            points if points >= config.limited_at => Standing::Limited,
            _ => Standing::Good,
        }
    }

    pub fn reason(&self) -> Reason {
        self.worst.0
    }
}

fn fade(passed: Millis, half: Millis) -> f64 {
    0.5f64.powf(passed as f64 / half.max(1) as f64)
}

#[derive(Debug, Clone)]
struct Away {
    until: Millis,
    strikes: u32,
    reason: Reason,
    /// Which entry of the order stands for it.
    order: u64,
}

/// Peers that were left, and when they may come back.
#[derive(Debug)]
pub(super) struct Departed<P> {
    peers: BTreeMap<P, Away>,
    /// Oldest first.
    order: BTreeMap<u64, P>,
    next: u64,
}

impl<P: PeerKey> Departed<P> {
    pub fn new() -> Self {
        Self { peers: BTreeMap::new(), order: BTreeMap::new(), next: 0 }
    }

    /// Sends a peer away; for longer each time. Says until when.
    pub fn leave(&mut self, now: Millis, config: &Config, peer: P, reason: Reason) -> Millis {
        let before = self.peers.remove(&peer);
        if let Some(away) = &before {
            self.order.remove(&away.order);
        }
        // Who stayed away for long enough afterwards starts again.
        let strikes = before
            .filter(|away| now < away.until.saturating_add(config.away.1))
            .map_or(0, |away| away.strikes.saturating_add(1));
        let wait = config.away.0.saturating_mul(1 << strikes.min(20)).min(config.away.1);
        let until = now.saturating_add(wait);
        self.peers.insert(peer, Away { until, strikes, reason, order: self.next });
        self.order.insert(self.next, peer);
        self.next += 1;
        if self.peers.len() > config.departed
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.peers.remove(&oldest);
        }
        until
    }

    /// Until when a peer must stay away, if it must.
    pub fn until(&self, now: Millis, peer: &P) -> Option<Millis> {
        self.peers.get(peer).map(|away| away.until).filter(|&until| now < until)
    }

    /// Whether it was ever sent away, as far as is remembered.
    pub fn remembers(&self, peer: &P) -> bool {
        self.peers.contains_key(peer)
    }

    /// Who is away, until when, and why.
    pub fn iter(&self, now: Millis) -> impl Iterator<Item = (P, Millis, Reason)> {
        self.peers.iter().filter(move |(_, away)| now < away.until).map(|(peer, away)| (*peer, away.until, away.reason))
    }

    pub fn len(&self) -> usize {
        self.peers.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_bad_signatures_end_it_and_one_is_forgotten() {
        let config = Config::default();
        let bad = Offence::Served(Refusal::BadSignature);
        let mut score = Score::new(0, 0.0);
        score.add(0, &config, bad, 1);
        assert_eq!(score.standing(0, &config), Standing::Limited);
        assert_eq!(score.standing(2 * config.forgive, &config), Standing::Good);
        score.add(0, &config, bad, 2);
        assert_eq!(score.standing(0, &config), Standing::Left);
        assert_eq!(score.reason(), Reason::Offence(bad));
    }

    #[test]
    fn who_comes_back_worse_stays_away_longer_up_to_a_bound() {
        let config = Config::default();
        let mut departed = Departed::new();
        let mut now = 0;
        let mut waits = Vec::new();
        for _ in 0..10 {
            let until = departed.leave(now, &config, 7u8, Reason::TooEarly);
            assert_eq!(departed.until(until - 1, &7), Some(until));
            assert_eq!(departed.until(until, &7), None);
            waits.push(until - now);
            now = until;
        }
        assert_eq!(waits[..3], [60_000, 120_000, 240_000]);
        assert_eq!(waits[9], config.away.1);
        let much_later = now + 2 * config.away.1;
        assert_eq!(departed.leave(much_later, &config, 7, Reason::TooEarly), much_later + config.away.0);
    }

    #[test]
    fn only_so_many_are_remembered() {
        let config = Config { departed: 3, ..Config::default() };
        let mut departed = Departed::new();
        (0..10u8).for_each(|peer| _ = departed.leave(0, &config, peer, Reason::TooEarly));
        assert_eq!((departed.len(), departed.order.len()), (3, 3));
        assert_eq!(departed.until(1, &9), Some(60_000));
    }
}
