//! Version 1 of the protocols, byte for byte: what nodes of a release said is in `fixtures/wire-1.txt`, a message a
//! line. A later tree that reads or writes any of it otherwise no longer speaks with them, and needs another version.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::collections::BTreeSet;
use std::fmt::Debug;

use atlas_net::wire::fetch::{Answer, Request};
use atlas_net::wire::gossip::{Announcement, Gossip, SHORT_IDS};
use atlas_net::wire::reconcile::{Reconcile, Summary};
use atlas_net::wire::{ALL, Follows, Message, Set, Tag};
use atlas_record::order::Rank;
use atlas_record::{RecordId, SpaceId, TypeName};
use data_encoding::HEXLOWER;

const RELEASED: &str = include_str!("fixtures/wire-1.txt");

const TAG: Tag = Tag([0xa1; 16]);

fn type_name(name: &str) -> TypeName {
    name.parse().unwrap()
}

fn gossip() -> Vec<Gossip> {
    let types = BTreeSet::from([type_name("atlas.post"), type_name("app.bsky.feed.post")]);
    let rank = |created, id| Rank { created, id: RecordId([id; 32]) };
    vec![
        Gossip::Hello { agent: "atlas/0.1.0".to_owned(), nonce: [7; 32], abilities: 0 },
        Gossip::Spaces(vec![TAG, Tag([0xb2; 16])]),
        Gossip::Open { tag: TAG, follow: Follows::All },
        Gossip::Open { tag: TAG, follow: Follows::Types(types.into_iter().collect()) },
        Gossip::Member { tag: TAG, follow: Follows::All, proof: vec![1, 2, 3] },
        Gossip::Close(TAG),
        Gossip::Announce(Announcement {
            tag: TAG,
            sets: vec![
                (Set::Identities, vec![rank(0, 3)]),
                (Set::Laws, vec![rank(1, 4)]),
                (Set::Records(type_name("atlas.post")), vec![rank(1_767_225_600_000, 5), rank(u64::MAX, 6)]),
            ],
            more: true,
        }),
        Gossip::Goodbye("too many connections".to_owned()),
        Gossip::Neighbour { tag: TAG, on: true },
        Gossip::Hello { agent: "atlas/0.1.0".to_owned(), nonce: [7; 32], abilities: SHORT_IDS },
    ]
}

fn reconcile() -> Vec<Reconcile> {
    let summary = || Summary { count: 1_000_000, digest: [9; 32] };
    vec![
        Reconcile::Begin { tag: TAG, set: Set::Laws, summary: summary(), inner: vec![0x61, 0, 0] },
        Reconcile::Equal,
        Reconcile::Differs { summary: summary(), inner: vec![0x61] },
        Reconcile::More(vec![0x61, 1]),
        Reconcile::Declined("busy".to_owned()),
    ]
}

fn requests() -> Vec<Request> {
    let set = Set::Records(type_name("atlas.post"));
    vec![
        Request::Items { tag: TAG, set, ids: vec![[1; 32], [2; 32]] },
        Request::Blob { tag: TAG, id: [3; 32] },
        Request::Records { tag: TAG, type_name: type_name("atlas.post"), ids: vec![[4; 16], [5; 16]], whole: true },
        Request::Path { tag: TAG, last: [6; 32], record: [7; 32] },
    ]
}

fn answers() -> Vec<Answer> {
    vec![
        Answer::Items(vec![vec![1, 2], vec![3]]),
        Answer::Piece(vec![4, 5]),
        Answer::End,
        Answer::Declined("not here".to_owned()),
    ]
}

/// Holds messages of one stream against what was released under its name.
fn check<M: Message + PartialEq + Debug>(stream: &str, messages: Vec<M>) {
    let lines: Vec<&str> = RELEASED.lines().filter_map(|line| line.strip_prefix(stream)?.strip_prefix(' ')).collect();
    let written: Vec<String> = messages.iter().map(|message| HEXLOWER.encode(&message.encode())).collect();
    assert_eq!(written, lines, "{stream} is written otherwise than it was released");
    for (line, message) in lines.iter().zip(messages) {
        let bytes = HEXLOWER.decode(line.as_bytes()).unwrap();
        assert_eq!(M::decode(&bytes).unwrap().as_ref(), Some(&message), "{stream} is read otherwise");
        // A list of so many items begins with 0x80 and the number; one more at the end is for later versions.
        let mut longer = bytes.clone();
        assert!(matches!(longer[0], 0x81..=0x96), "{message:?} is a short list");
        longer[0] += 1;
        longer.push(0xf6);
        assert_eq!(M::decode(&longer).unwrap(), Some(message), "{stream}: what comes after is passed over");
    }
    assert_eq!(M::decode(&[0x81, 0x18, 99]).unwrap(), None, "{stream}: so are messages that nobody knows yet");
}

#[test]
fn every_message_is_as_it_was_released() {
    check("gossip", gossip());
    check("reconcile", reconcile());
    check("request", requests());
    check("answer", answers());
    let known = ["gossip ", "reconcile ", "request ", "answer ", "tag ", "#"];
    let other = RELEASED.lines().find(|line| !known.iter().any(|start| line.starts_with(start)));
    assert_eq!(other, None);
}

#[test]
fn spaces_are_named_as_they_were_released() {
    let line = RELEASED.lines().find_map(|line| line.strip_prefix("tag ")).unwrap();
    let tag = Tag::of(&SpaceId([1; 32]), &[2; 32], &[3; 32]);
    assert_eq!(HEXLOWER.encode(&tag.0), line);
    assert_eq!(ALL, ["/atlas/gossip/1", "/atlas/reconcile/1", "/atlas/fetch/1"]);
}
