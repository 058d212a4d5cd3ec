//! Reconciliation against what others wrote: recorded transcripts, and the reference crate as the
//! other side; and against peers that do not mean well.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::convert::Infallible;

use atlas_net::negentropy::{
    Id, Initiator, Item, Limits, Malformed, Memory, ReconcileError, Responder, Split, Step, wire,
};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

#[path = "../../record/tests/common/data.rs"]
#[allow(dead_code, reason = "other helpers of the file are for other crates")]
mod data;

type Set = BTreeSet<Item>;

fn memory(set: &Set) -> Memory {
    Memory::new(set.iter().copied().collect()).unwrap()
}

fn framed(frame: usize) -> Limits {
    Limits { frame, ..Limits::NONE }
}

/// What a session came to.
#[derive(Debug, Default)]
struct Session {
    have: Vec<Item>,
    need: Vec<Id>,
    messages: Vec<Vec<u8>>,
}

impl Session {
    fn take(&mut self, step: Step) -> Option<Vec<u8>> {
        self.have.extend(step.have);
        self.need.extend(step.need);
        step.reply
    }

    /// Exactly the differences: all of them, and nothing else. Where `cut`, a member may be named again, and
    /// one may be named as needed that is there.
    fn assert_found(&self, ours: &Set, theirs: &Set, cut: bool) {
        let have: Vec<_> = ours.difference(theirs).copied().collect();
        let need: BTreeSet<Id> = theirs.difference(ours).map(|item| item.id).collect();
        assert_eq!(self.have.iter().copied().collect::<Set>(), have.iter().copied().collect());
        let here: BTreeSet<Id> = ours.iter().map(|item| item.id).collect();
        let found = self.need.iter().copied().filter(|id| !cut || !here.contains(id));
        assert_eq!(found.collect::<BTreeSet<_>>(), need);
        if !cut {
            assert_eq!((self.have.len(), self.need.len()), (have.len(), need.len()));
        }
    }
}

/// Our machine asks, `answer` is the other side.
fn ask(ours: &Set, limits: Limits, split: Split, mut answer: impl FnMut(&[u8]) -> Vec<u8>) -> Session {
    let items = memory(ours);
    let mut session = Session::default();
    let mut initiator = Initiator::new(limits, split);
    let mut message = Some(initiator.start(&items).unwrap());
    while let Some(sent) = message {
        assert!(sent.len() <= limits.frame, "{} bytes", sent.len());
        let answer = answer(&sent);
        message = session.take(initiator.step(&items, &answer).unwrap());
        session.messages.extend([sent, answer]);
        assert!(session.messages.len() < 2000, "the session does not end");
    }
    session
}

/// Both sides are ours.
fn both(ours: &Set, theirs: &Set, limits: [Limits; 2], splits: [Split; 2]) -> Session {
    let items = memory(theirs);
    let [split, other] = splits;
    let mut responder = Responder::new(limits[1], other);
    ask(ours, limits[0], split, |message| {
        let answer = responder.answer(&items, message).unwrap();
        assert!(answer.len() <= limits[1].frame, "{} bytes", answer.len());
        answer
    })
}

fn reference_set(set: &Set) -> negentropy::NegentropyStorageVector {
    let mut storage = negentropy::NegentropyStorageVector::new();
    for item in set {
        storage.insert(item.time, negentropy::Id::from_byte_array(item.id)).unwrap();
    }
    storage.seal().unwrap();
    storage
}

/// Ours asks, the reference crate answers.
fn ask_reference(ours: &Set, theirs: &Set, frames: [usize; 2], split: Split) -> Session {
    let limit = if frames[1] == usize::MAX { 0 } else { frames[1] as u64 };
    let mut other = negentropy::Negentropy::owned(reference_set(theirs), limit).unwrap();
    ask(ours, framed(frames[0]), split, |message| other.reconcile(message).unwrap())
}

/// The reference crate asks, ours answers.
fn asked_by_reference(ours: &Set, theirs: &Set, frames: [usize; 2], split: Split) -> Session {
    let limit = if frames[0] == usize::MAX { 0 } else { frames[0] as u64 };
    let mut asking = negentropy::Negentropy::owned(reference_set(ours), limit).unwrap();
    let items = memory(theirs);
    let mut responder = Responder::new(framed(frames[1]), split);
    let (mut have, mut need) = (Vec::new(), Vec::new());
    let mut session = Session::default();
    let mut message = Some(asking.initiate().unwrap());
    while let Some(sent) = message {
        let answer = responder.answer(&items, &sent).unwrap();
        assert!(answer.len() <= frames[1]);
        message = asking.reconcile_with_ids(&answer, &mut have, &mut need).unwrap();
        session.messages.extend([sent, answer]);
        assert!(session.messages.len() < 2000, "the session does not end");
    }
    let by_id: std::collections::HashMap<Id, Item> = ours.iter().map(|item| (item.id, *item)).collect();
    session.have = have.iter().map(|id| by_id[&id.to_bytes()]).collect();
    session.need = need.iter().map(|id| id.to_bytes()).collect();
    session
}

// ---- transcripts

/// A set as the recorded runs list it: `time,id` a line, or `stamp,who,item,time,id`.
fn recorded_set(text: &str) -> Set {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.rsplit(',');
            let (id, time) = (fields.next()?, fields.next()?.parse().ok()?);
            Some(Item { time, id: data::hex(id).try_into().ok()? })
        })
        .collect()
}

/// Each side's files, or `None` with a visible word.
fn recorded(names: [&str; 2]) -> Option<[String; 2]> {
    let read = |name: &str| {
        let path = data::shared(&format!("negentropy/{name}.txt"))?;
        Some(std::fs::read_to_string(path).unwrap())
    };
    Some([read(names[0])?, read(names[1])?])
}

/// Messages of a recorded run.
fn recorded_messages(text: &str) -> Vec<Vec<u8>> {
    text.lines().filter_map(|line| Some(data::hex(line.split_once(",msg,")?.1))).collect()
}

#[test]
fn the_recorded_run_of_two_other_implementations_is_replayed_from_both_sides() {
    let Some([javascript, kotlin]) = recorded(["lang1-js-client", "lang1-kotlin-server"]) else { return };
    // The Kotlin side initiates, the JavaScript side answers; their sets are equal.
    let (asking, answering) = (recorded_set(&kotlin), recorded_set(&javascript));
    assert_eq!((asking.len(), answering.len()), (25, 25));
    let [first, answer] = [&recorded_messages(&kotlin)[0], &recorded_messages(&javascript)[0]];
    let (asking, answering) = (memory(&asking), memory(&answering));

    let mut initiator = Initiator::new(Limits::default(), Split::Fixed);
    assert_eq!(initiator.start(&asking).unwrap(), *first);
    assert_eq!(Responder::new(Limits::default(), Split::Fixed).answer(&answering, first).unwrap(), *answer);
    assert_eq!(initiator.step(&asking, answer).unwrap(), Step::default());
}

/// The recorded sets of `names`, and the SHA-256 of every message that the Kotlin implementation's own
/// tests expect for them. Of a message that is cut, the last 16 bytes are left out: they are the fingerprint of
/// what did not fit, in which the older implementations forget the range that was dropped last.
fn replay(names: [&str; 2], frame: usize, cut: Option<usize>, expected: &[&str]) {
    let Some(texts) = recorded(names) else { return };
    let [client, server] = texts.map(|text| recorded_set(&text));
    assert!(!client.is_empty() && client != server);
    let session = both(&client, &server, [framed(frame); 2], [Split::Fixed, Split::Fixed]);
    session.assert_found(&client, &server, false);
    let digests: Vec<_> = (session.messages.iter().enumerate())
        .map(|(i, message)| &message[..message.len() - if cut == Some(i) { 16 } else { 0 }])
        .map(|message| data_encoding::HEXLOWER.encode(&Sha256::digest(message)))
        .collect();
    assert_eq!(&digests[..expected.len()], expected);
    // The same from each side alone, against the reference crate.
    let frames = [frame; 2];
    assert_eq!(ask_reference(&client, &server, frames, Split::Fixed).messages, session.messages);
    assert_eq!(asked_by_reference(&client, &server, frames, Split::Fixed).messages, session.messages);
    both(&server, &client, [framed(frame); 2], [Split::Fixed, Split::Fixed]).assert_found(&server, &client, false);
}

#[test]
fn the_simple_sets_give_the_messages_that_others_give() {
    let expected = [
        "c8819e4d0126273964fe6e4998d997b685d9b21361b675b74fa4411e69014f73",
        "7bba3b3d866c9d4486916dc187255193390cc14d206eb8367d8f6b4ffdae7b06",
    ];
    replay(["simpletest-client", "simpletest-server"], usize::MAX, None, &expected);
}

#[test]
fn the_sets_for_frame_limits_give_the_messages_that_others_give() {
    let expected = [
        "2de4d4a527d3abbd4c557ea06a9ec56ff82f1363cd2e8c745167701e33daac25",
        "9542347f5cacc3f8122b81dfe844d71cefa95f096eede40a6bdb4af6363733c1",
        "d537ad4c1fedc302846232bf563b17f4e415bce8367180d6277fa821d04c3be0",
        "ec4d48c521007560df3fb1d204bee842f210d0c086254032c0517ceb83c5b9be",
    ];
    replay(["framelimits-client", "framelimits-server"], 4096, Some(1), &expected);
}

// ---- properties

/// Two sets that share some members. Times collide often, ids share prefixes.
fn two_sets(most: usize) -> impl Strategy<Value = [Set; 2]> {
    let item = (0u64..40, prop_oneof![Just(0u8), any::<u8>()], any::<[u8; 32]>()).prop_map(|(time, first, mut id)| {
        (id[0], id[1]) = (first, first);
        Item { time: 1_700_000_000_000 + time * time, id }
    });
    (prop::collection::vec((item, 0u8..12), 0..most)).prop_map(|members| {
        let mut sets = [Set::new(), Set::new()];
        for (item, whose) in members {
            if whose != 0 {
                sets[0].insert(item);
            }
            if whose != 1 {
                sets[1].insert(item);
            }
        }
        sets
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_differs_is_found_however_ranges_are_cut([ours, theirs] in two_sets(600), seeds: [u8; 2]) {
        let random = |i: usize| Split::random([seeds[i]; 32]);
        let none = [Limits::NONE; 2];
        both(&ours, &theirs, none, [Split::Fixed, Split::Fixed]).assert_found(&ours, &theirs, false);
        both(&ours, &theirs, none, [random(0), random(1)]).assert_found(&ours, &theirs, false);
        both(&ours, &theirs, none, [random(0), Split::Fixed]).assert_found(&ours, &theirs, false);
        let few = Limits { have: 3, ..framed(4096) };
        both(&ours, &theirs, [few, framed(5000)], [random(0), random(1)]).assert_found(&ours, &theirs, true);
    }

    #[test]
    fn with_fixed_points_every_message_is_that_of_the_reference_crate([ours, theirs] in two_sets(600)) {
        let frames = [usize::MAX; 2];
        let session = both(&ours, &theirs, [Limits::NONE; 2], [Split::Fixed, Split::Fixed]);
        prop_assert_eq!(&ask_reference(&ours, &theirs, frames, Split::Fixed).messages, &session.messages);
        prop_assert_eq!(&asked_by_reference(&ours, &theirs, frames, Split::Fixed).messages, &session.messages);
    }

    #[test]
    fn the_reference_crate_is_a_peer_in_both_roles(
        [ours, theirs] in two_sets(900),
        seed: u8,
        frames in prop::array::uniform2(prop_oneof![Just(usize::MAX), 4096usize..9000]),
    ) {
        let random = || Split::random([seed; 32]);
        ask_reference(&ours, &theirs, frames, random()).assert_found(&ours, &theirs, true);
        asked_by_reference(&ours, &theirs, frames, random()).assert_found(&ours, &theirs, true);
    }

    #[test]
    fn any_bytes_get_a_bounded_answer_or_an_error_with_a_name(
        [ours, _] in two_sets(400),
        bytes in prop::collection::vec(prop_oneof![0u8..4, any::<u8>()], 0..400),
        role: bool,
    ) {
        let items = memory(&ours);
        let message = [&[wire::VERSION][..], &bytes].concat();
        let limits = Limits { have: 10, ..framed(4096) };
        if role {
            match Responder::new(limits, Split::random([0; 32])).answer(&items, &message) {
                Ok(answer) => prop_assert!(answer.len() <= 4096),
                Err(error) => prop_assert!(matches!(error, ReconcileError::Malformed(_))),
            }
        } else {
            match Initiator::new(limits, Split::random([0; 32])).step(&items, &message) {
                Ok(step) => {
                    prop_assert!(step.reply.is_none_or(|reply| reply.len() <= 4096));
                    prop_assert!(step.have.len() <= 10 && step.need.len() <= message.len() / 32);
                }
                Err(error) => prop_assert!(matches!(error, ReconcileError::Malformed(_))),
            }
        }
    }
}

// ---- bounds and versions

/// Members at every millisecond, with ids that only their number decides.
fn numbered(range: std::ops::Range<u64>) -> Set {
    range.map(|i| Item { time: i, id: Sha256::digest(i.to_be_bytes()).into() }).collect()
}

#[test]
fn a_large_set_against_an_empty_one_comes_in_bounded_parts() {
    let (large, empty) = (numbered(0..30_000), Set::new());
    let few = Limits { have: 1000, ..framed(64 * 1024) };
    let mut initiator = Initiator::new(few, Split::random([1; 32]));
    let (items, nothing) = (memory(&large), memory(&empty));
    let mut responder = Responder::new(few, Split::random([2; 32]));
    let mut message = Some(initiator.start(&items).unwrap());
    let mut session = Session::default();
    while let Some(sent) = message {
        let step = initiator.step(&items, &responder.answer(&nothing, &sent).unwrap()).unwrap();
        assert!(step.have.len() <= 1000);
        message = session.take(step);
    }
    session.assert_found(&large, &empty, false);
    // The other way round the ids themselves are what has to travel.
    let session = both(&empty, &large, [few; 2], [Split::random([1; 32]), Split::random([2; 32])]);
    session.assert_found(&empty, &large, false);
    let bytes: usize = session.messages.iter().map(Vec::len).sum();
    assert!(bytes < 30_000 * 34, "{bytes} bytes for 30,000 ids");
}

#[test]
fn a_peer_that_never_agrees_is_given_up() {
    let items = memory(&numbered(0..1000));
    let mut initiator = Initiator::new(Limits { rounds: 5, ..Limits::default() }, Split::Fixed);
    // Everything, and a fingerprint that nothing has.
    let lie = [&[wire::VERSION, 0, 0, 1][..], &[7; 16]].concat();
    for _ in 0..5 {
        assert!(initiator.step(&items, &lie).unwrap().reply.is_some());
    }
    assert_eq!(initiator.step(&items, &lie), Err(ReconcileError::Endless(5)));
}

#[test]
fn another_version_is_answered_with_ours() {
    let items = memory(&numbered(0..10));
    let limits = Limits::default();
    assert_eq!(Responder::new(limits, Split::Fixed).answer(&items, &[0x62, 9, 9]).unwrap(), [wire::VERSION]);
    let error: ReconcileError<Infallible> = Malformed::OtherVersion(2).into();
    assert_eq!(Initiator::new(limits, Split::Fixed).step(&items, &[0x62]), Err(error));
}

#[test]
fn a_message_that_is_too_long_is_not_read() {
    let items = memory(&Set::new());
    let limits = Limits { incoming: 10, ..Limits::default() };
    let error = Malformed::TooLong { bytes: 11, limit: 10 };
    assert_eq!(Responder::new(limits, Split::Fixed).answer(&items, &[0x61; 11]), Err(error.into()));
}
