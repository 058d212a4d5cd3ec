//! Shuffled, duplicated, withheld, forked: the same in the end.

use atlas_record::identity::{Action, Identity, Keep, Kept, Target};
use proptest::prelude::*;

use crate::*;

/// Anything that an identity is made of.
#[derive(Debug, Clone)]
enum Piece {
    Event(Box<SignedEvent>),
    Grant(Box<Signed<Grant>>),
    Revocation(Box<Signed<Revocation>>),
    Receipt(Receipt),
}

fn add(identity: &mut Identity, piece: &Piece) {
    match piece.clone() {
        Piece::Event(event) => {
            identity.insert(*event);
        }
        Piece::Grant(grant) => {
            identity.add_grant(*grant);
        }
        Piece::Revocation(revocation) => {
            identity.add_revocation(*revocation);
        }
        Piece::Receipt(receipt) => {
            identity.attest(&receipt);
        }
    }
}

/// What someone does next: which, with what keys, after which event, attested when.
type Deed = (u8, u16, proptest::sample::Index, Option<u8>);

/// Builds a history that owners and thieves write: every event follows some event that is there,
/// mostly the last one.
fn history(witnessed: bool, deeds: &[Deed]) -> Vec<Piece> {
    let first = genesis(witnessed);
    let id = first.identity().unwrap();
    // Events with the root key in force after them.
    let mut events = vec![(first, 1u16)];
    let mut pieces = Vec::new();
    let mut grants: Vec<Signed<Grant>> = Vec::new();
    for (i, (what, who, at, attested)) in deeds.iter().enumerate() {
        let last = events.len() - 1;
        let (prev, now) = events[if what % 4 == 0 { at.index(events.len()) } else { last }].clone();
        let keep = |key: &SecretKey| {
            Keep {
                positions: vec![Kept::new(
                    &key.public(),
                    &space(1),
                    u64::from(*who) + 1,
                    atlas_record::RecordId([1; 32]),
                )],
                statements: grants.iter().step_by(2).map(|grant| grant.id().0).collect(),
            }
            .normal()
        };
        let who = who % 4;
        let event = match what % 8 {
            0 | 1 => Some((add_device(&prev, who, now), now)),
            2 => {
                let action = Action::RemoveDevice { key: device(who).public(), keep: keep(&device(who)) };
                Some((after(&prev, action, &[&root(now)]), now))
            }
            3 => Some((rotate(&prev, now + 1, witnessed), now + 1)),
            4 if i % 5 == 0 => {
                let to = 50 + i as u16 * 2;
                let keys = [&recoverer(0), &recoverer(1), &root(to)];
                Some((after(&prev, Action::Recover(established(to, witnessed)), &keys), to))
            }
            5 => {
                let parent = grants.get(at.index(grants.len().max(1))).filter(|it| it.statement().parent.is_none());
                let made = match parent {
                    Some(parent) => {
                        let by = (0..4).map(app).find(|key| key.public() == parent.statement().audience).unwrap();
                        let mut on = parent.statement().clone();
                        (on.parent, on.issuer, on.audience) = (Some(parent.id()), by.public(), app(who).public());
                        on.scope.depth = 0;
                        on.sign(&by).unwrap()
                    }
                    None => grant(id, &device(who), &app(who), i as u8),
                };
                grants.push(made.clone());
                pieces.push(Piece::Grant(Box::new(made)));
                None
            }
            6 => {
                let target = match grants.get(at.index(grants.len().max(1))) {
                    Some(grant) => Target::Grant(grant.id()),
                    None => Target::Key(app(who).public()),
                };
                pieces.push(Piece::Revocation(Box::new(revoke(id, &device(who), target, keep(&app(who))))));
                None
            }
            _ => {
                let revocation = revoke(id, &device(who), Target::Key(app(who).public()), keep(&app(who)));
                pieces.push(Piece::Revocation(Box::new(revocation)));
                None
            }
        };
        if let Some((event, root)) = event {
            if let Some(days) = attested {
                for witness in 0..(days % 4).min(3) {
                    let seen = T0 + u64::from(*days % 8) * DAY;
                    pieces.push(Piece::Receipt(receipt(id, event.id(), witness.into(), seen)));
                }
            }
            pieces.push(Piece::Event(Box::new(event.clone())));
            events.push((event, root));
        }
    }
    pieces
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    proptest::collection::vec((any::<u8>(), any::<u16>(), any::<proptest::sample::Index>(), any::<Option<u8>>()), 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(debug_assertions) { 48 } else { 512 }, ..ProptestConfig::default() })]

    #[test]
    fn any_order_and_any_repetition_come_to_the_same(
        witnessed in any::<bool>(),
        deeds in deeds(),
        order in any::<[u64; 4]>(),
        withheld in 0usize..8,
    ) {
        let pieces = history(witnessed, &deeds);
        let mut straight = Identity::new(genesis(witnessed)).unwrap();
        pieces.iter().for_each(|piece| add(&mut straight, piece));
        let expected = seen(&straight);

        for seed in order {
            let mut shuffled: Vec<(u64, &Piece)> = pieces
                .iter()
                .chain(pieces.iter().step_by(3))
                .enumerate()
                .map(|(i, piece)| ((i as u64 + 1).wrapping_mul(seed | 1).rotate_left(17).wrapping_mul(0x9e37_79b9_7f4a_7c15), piece))
                .collect();
            shuffled.sort_by_key(|(rank, _)| *rank);
            // The last ones come much later, after everything was asked for once.
            let late = shuffled.split_off(shuffled.len().saturating_sub(withheld));
            let mut identity = Identity::new(genesis(witnessed)).unwrap();
            shuffled.iter().for_each(|(_, piece)| add(&mut identity, piece));
            let _ = seen(&identity);
            late.iter().for_each(|(_, piece)| add(&mut identity, piece));
            prop_assert_eq!(&seen(&identity), &expected);
        }
    }

    #[test]
    fn a_key_that_was_named_stays_named(witnessed in any::<bool>(), deeds in deeds()) {
        let mut identity = Identity::new(genesis(witnessed)).unwrap();
        let mut named = 0;
        for piece in history(witnessed, &deeds) {
            add(&mut identity, &piece);
            let now = identity.log().named().count();
            prop_assert!(now >= named);
            named = now;
        }
    }
}
