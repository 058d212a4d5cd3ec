//! The log of root events: who may write it, and what happens where it forks.

use atlas_record::identity::{Action, Establishment, Identity, Inserted, Keep, LogFault};

use crate::*;

fn identity(witnessed: bool) -> (Identity, SignedEvent) {
    let first = genesis(witnessed);
    (Identity::new(first.clone()).unwrap(), first)
}

#[track_caller]
fn unauthorised(inserted: Inserted) {
    assert!(matches!(inserted, Inserted::Refused(LogFault::Unauthorised(_))), "{inserted:?}");
}

#[test]
fn a_stolen_current_root_key_cannot_rotate_the_identity_away() {
    let (mut ada, first) = identity(false);
    let thief = key(666);
    let stolen = Establishment { root: set(&[&thief], 1), next: next(&[&thief], 1), recovery: None, witnesses: None };
    unauthorised(ada.insert(after(&first, Action::Rotate(stolen.clone()), &[&root(1), &thief])));
    unauthorised(ada.insert(after(&first, Action::Rotate(stolen.clone()), &[&root(1)])));
    unauthorised(ada.insert(after(&first, Action::Recover(stolen), &[&root(1), &thief])));
    unauthorised(ada.insert(after(
        &first,
        Action::Close { keys: vec![root(1).public()], keep: Keep::default() },
        &[&root(1)],
    )));
    assert_eq!(ada.insert(rotate(&first, 2, false)), Inserted::Attached, "the owner can");
    assert_eq!(ada.log().establishment(), &established(2, false));
}

#[test]
fn the_old_root_keys_end_with_a_rotation() {
    let (mut ada, first) = identity(false);
    let second = rotate(&first, 2, false);
    ada.insert(second.clone());
    unauthorised(ada.insert(add_device(&second, 1, 1)));
    assert_eq!(ada.insert(add_device(&second, 1, 2)), Inserted::Attached);
    assert!(ada.log().state().devices.contains_key(&device(1).public()));
}

#[test]
fn two_of_three_root_keys_are_enough_and_one_is_not() {
    let keys = [root(1), root(2), root(3)];
    let after_them = [root(4), root(5), root(6)];
    let establishment = Establishment {
        root: set(&keys.each_ref(), 2),
        next: next(&after_them.each_ref(), 2),
        recovery: None,
        witnesses: None,
    };
    let action = Action::Genesis { establishment, devices: vec![], nonce: [0; 16] };
    let event = Event { number: 0, prev: None, created: T0, action };
    assert!(Identity::new(event.clone().sign(&keys.each_ref()[..2]).unwrap()).is_err(), "a genesis needs all");
    let first = event.sign(&keys.each_ref()).unwrap();
    let mut ada = Identity::new(first.clone()).unwrap();
    let add = Action::AddDevice(device(1).public());
    unauthorised(ada.insert(after(&first, add.clone(), &[&keys[0], &device(1)])));
    let second = after(&first, add, &[&keys[0], &keys[2], &device(1)]);
    assert_eq!(ada.insert(second.clone()), Inserted::Attached);

    // A rotation may show only some of the committed keys; the others can come later.
    let unseen = commitment(&root(6).public());
    let mut later = next(&[&root(7)], 1);
    later.digests.push(unseen);
    let shown = |keys: &[&SecretKey], threshold| {
        Action::Rotate(Establishment {
            root: set(keys, threshold),
            next: later.clone(),
            recovery: None,
            witnesses: None,
        })
    };
    unauthorised(ada.insert(after(&second, shown(&[&root(4)], 1), &[&root(4)])));
    unauthorised(ada.insert(after(&second, shown(&[&root(4), &root(5)], 2), &[&root(4)])));
    unauthorised(ada.insert(after(&second, shown(&[&root(4), &root(5), &root(8)], 2), &[&root(4), &root(5)])));
    let third = after(&second, shown(&[&root(4), &root(5)], 1), &[&root(4), &root(5)]);
    assert_eq!(ada.insert(third.clone()), Inserted::Attached);
    let fourth = after(&third, Action::Rotate(established(6, false)), &[&root(6)]);
    assert_eq!(ada.insert(fourth), Inserted::Attached, "the key that was kept back");
}

#[test]
fn a_lost_root_is_recovered_by_the_recovery_set() {
    let (mut ada, first) = identity(false);
    let fresh = established(50, false);
    let recover = |keys: &[&SecretKey]| after(&first, Action::Recover(fresh.clone()), keys);
    unauthorised(ada.insert(recover(&[&recoverer(0), &root(50)])));
    unauthorised(ada.insert(recover(&[&recoverer(0), &recoverer(1)])));
    let done = recover(&[&recoverer(0), &recoverer(2), &root(50)]);
    assert_eq!(ada.insert(done.clone()), Inserted::Attached);
    unauthorised(ada.insert(rotate(&done, 2, false)));
    assert_eq!(ada.insert(rotate(&done, 51, false)), Inserted::Attached);
}

#[test]
fn two_successors_of_one_event_are_reported_and_neither_counts() {
    let (mut ada, first) = identity(false);
    let (here, there) = (add_device(&first, 1, 1), add_device(&first, 2, 1));
    let further = add_device(&here, 3, 1);
    for event in [&here, &further, &there] {
        assert_eq!(ada.insert(event.clone()), Inserted::Attached);
    }
    let dispute = ada.log().duplicity().unwrap();
    let mut both = vec![here.id(), there.id()];
    both.sort();
    assert_eq!((dispute.after, &dispute.successors), (first.id(), &both));
    assert_eq!(ada.log().state().devices.len(), 1, "as it was before the fork");
    assert_eq!(ada.log().set_aside().len(), 3);
    for i in 1..=3 {
        assert!(ada.log().ever_named(&device(i).public()), "its headers are replicated");
        assert!(!ada.causes(&device(i).public(), None).is_empty(), "and count for nothing");
    }
}

#[test]
fn even_a_rotation_resolves_no_fork_without_witnesses() {
    let (mut ada, first) = identity(false);
    ada.insert(add_device(&first, 1, 1));
    ada.insert(rotate(&first, 2, false));
    assert!(ada.log().duplicity().is_some());
}

/// The owner rotates, after a thief has used the current root key at the same place.
fn robbed(owner_seen: Timestamp, thief_seen: Option<Timestamp>) -> Identity {
    let (mut ada, first) = identity(true);
    let (theirs, ours) = (add_device(&first, 1, 1), rotate(&first, 2, true));
    for i in 0..2 {
        if let Some(seen) = thief_seen {
            ada.attest(&receipt(ada.id(), theirs.id(), i, seen));
        }
        ada.attest(&receipt(ada.id(), ours.id(), i + 1, owner_seen));
    }
    ada.insert(theirs);
    ada.insert(ours);
    ada
}

#[test]
fn a_higher_tier_nullifies_a_lower_one_within_72_hours_and_not_after() {
    let inside = robbed(T0 + 72 * HOUR, Some(T0));
    assert_eq!(inside.log().duplicity(), None);
    assert_eq!(inside.log().establishment(), &established(2, true));
    assert!(!inside.causes(&device(1).public(), None).is_empty(), "the thief's device counts for nothing");
    let outside = robbed(T0 + 72 * HOUR + 1, Some(T0));
    assert!(outside.log().duplicity().is_some());
}

#[test]
fn what_no_witness_attests_cannot_dispute_what_a_quorum_does() {
    let ada = robbed(T0 + 1000 * DAY, None);
    assert_eq!(ada.log().duplicity(), None);
    assert_eq!(ada.log().establishment(), &established(2, true));
}

#[test]
fn one_witness_is_no_quorum() {
    let (mut ada, first) = identity(true);
    let (theirs, ours) = (add_device(&first, 1, 1), rotate(&first, 2, true));
    ada.insert(theirs.clone());
    ada.insert(ours.clone());
    for (event, who) in [(&ours, 0), (&theirs, 1)] {
        ada.attest(&receipt(ada.id(), event.id(), who, T0));
    }
    assert!(ada.log().duplicity().is_some());
    ada.attest(&receipt(ada.id(), ours.id(), 2, T0));
    assert_eq!(ada.log().duplicity(), None);
}

#[test]
fn a_witness_that_says_two_times_is_taken_at_the_earlier_in_any_order() {
    for times in [[T0, T0 + 100 * DAY], [T0 + 100 * DAY, T0]] {
        let (mut ada, first) = identity(true);
        let (theirs, ours) = (add_device(&first, 1, 1), rotate(&first, 2, true));
        ada.insert(theirs.clone());
        ada.insert(ours.clone());
        for who in 0..2 {
            ada.attest(&receipt(ada.id(), theirs.id(), who, T0));
            for seen in times {
                ada.attest(&receipt(ada.id(), ours.id(), who, seen));
            }
        }
        assert_eq!(ada.log().duplicity(), None);
    }
}

#[test]
fn a_device_that_was_removed_never_comes_back() {
    let (mut ada, first) = identity(false);
    let gone = after(&first, Action::RemoveDevice { key: device(0).public(), keep: Keep::default() }, &[&root(1)]);
    let again = add_device(&gone, 0, 1);
    for event in [&gone, &again] {
        assert_eq!(ada.insert(event.clone()), Inserted::Attached);
    }
    assert_eq!(ada.log().state().devices[&device(0).public()].removed, Some(gone.id()));
}

#[test]
fn nothing_follows_the_closing() {
    let (mut ada, first) = identity(false);
    let closing = Action::Close { keys: vec![root(2).public()], keep: Keep::default() };
    let last = after(&first, closing, &[&root(2)]);
    assert_eq!(ada.insert(last.clone()), Inserted::Attached);
    let more = ada.insert(rotate(&last, 2, false));
    assert!(matches!(more, Inserted::Refused(LogFault::AfterClose(_))), "{more:?}");
    assert!(!ada.causes(&device(0).public(), None).is_empty());
}

#[test]
fn an_event_of_another_identity_is_no_part_of_the_log() {
    let (mut ada, first) = identity(false);
    let other = genesis(true);
    assert!(matches!(ada.insert(other.clone()), Inserted::Refused(LogFault::ForeignGenesis(_))));
    assert_eq!(ada.insert(add_device(&other, 1, 1)), Inserted::Waits(other.id()));
    let event = Event { number: 7, prev: Some(first.id()), created: T0, action: Action::AddDevice(device(1).public()) };
    let skipping = ada.insert(event.sign(&[&root(1), &device(1)]).unwrap());
    assert!(matches!(skipping, Inserted::Refused(LogFault::Number { .. })), "{skipping:?}");
}

#[test]
fn a_fork_at_the_beginning_of_a_long_log_is_found_whenever_it_comes() {
    let (_, first) = identity(false);
    let mut events = vec![add_device(&first, 1, 1)];
    for i in 2..500 {
        events.push(add_device(&events[i - 2], 1 + (i as u16 % 3), 1));
    }
    let fork = add_device(&first, 9, 1);
    for place in [0, 250, events.len()] {
        let (mut ada, _) = identity(false);
        let mut all = events.clone();
        all.insert(place, fork.clone());
        for event in &all {
            ada.insert(event.clone());
        }
        assert_eq!(ada.log().duplicity().map(|it| it.after), Some(first.id()));
        assert_eq!(ada.log().set_aside().len(), events.len() + 1);
    }
}

#[test]
fn a_log_of_a_hundred_thousand_events_is_read_in_order_and_at_once() {
    let count = if cfg!(debug_assertions) { 20_000 } else { 100_000 };
    let (mut ada, first) = identity(false);
    let mut last = first;
    for i in 0..count {
        // Signing is the slow part: one device, added and removed over and over.
        let key = device(1).public();
        let action =
            if i % 2 == 0 { Action::AddDevice(key) } else { Action::RemoveDevice { key, keep: Keep::default() } };
        let keys = [&root(1), &device(1)];
        last = after(&last, action, &keys[..if i % 2 == 0 { 2 } else { 1 }]);
        assert_eq!(ada.insert(last.clone()), Inserted::Attached);
    }
    assert_eq!(ada.log().state().number, count);
    assert_eq!(ada.log().events().len() as u64, count + 1);
}
