//! The standard modules of the other roles, in the engine that nodes run.

use atlas_engine::roles::admission::{Admittance, Applicant, Quota};
use atlas_engine::roles::governance::{self, Ballots, Chunk, Decision, Delegations, Members};
use atlas_engine::roles::trust::{Edges, Seed};
use atlas_engine::roles::{economy, ranker, trust};
use atlas_engine::validator::Operation;
use atlas_engine::{Admission, Answered, Binding, Bound, CodeHash, Economy, Governance, Part, Ranker, Trust};
use atlas_record::cbor::encode_map;
use std::sync::Arc;

use crate::ENGINE;
use crate::record::{ADA, BOB, ID, NOW, body};

fn bound<P: Part>(name: &str, config: &[u8]) -> Arc<Bound<P>> {
    let module = atlas_prebuilt::get(name).unwrap();
    let binding = Binding::new(CodeHash::of(module.bytes)).with_config(config);
    let bound = ENGINE.bind::<P>(module.bytes, binding).unwrap();
    assert_eq!(bound.description().name, format!("atlas:{name}"));
    bound
}

/// The answer, which is the same alone and in a warm instance.
#[track_caller]
fn ask<P: Part>(module: &Bound<P>, question: &P::Question) -> P::Answer {
    let alone = module.ask_alone(question);
    let warm = module.ask(&[question.clone(), question.clone()]);
    assert!(warm.iter().all(|judged| judged.outcome == alone.outcome), "{warm:?}");
    match alone.outcome {
        Answered::Answer(answer) => answer,
        other => panic!("{other:?}: {:?}", module.last_panic()),
    }
}

#[test]
fn direct() {
    let edges = Edges { truster: vec![0, 1], trusted: vec![2, 3], weight: vec![500, 1000], created: vec![1, 1] };
    let seeds = vec![Seed { identity: 0, weight: 1 }];
    let question = trust::Question { identities: 4, seeds, now: NOW, explain: vec![2], chunks: vec![edges] };
    let standing = ask(&bound::<Trust>("direct", b""), &question);
    assert_eq!(standing.scores, [1_000_000, 0, 500_000, 0]);
    assert_eq!(standing.explanations[0].parts[0].path, [0, 2]);
}

#[test]
fn recent() {
    let question = ranker::Question {
        now: NOW,
        ids: vec!["a".into(), "b".into(), "c".into()],
        authors: vec![0, 1, 0],
        created: vec![NOW - 3, NOW - 1, NOW - 3],
        columns: vec![],
    };
    let recent = bound::<Ranker>("recent", b"");
    assert_eq!(recent.rules().features.len(), 1);
    assert_eq!(ask(&recent, &question).order, [1, 0, 2]);
}

/// `count` voters, of whom every third votes no.
fn tally(count: u32, rows: usize) -> governance::Question {
    let voters: Vec<u32> = (0..count).collect();
    let (yes, no) = (encode_map(&body(r#"{"vote":"yes"}"#)), encode_map(&body(r#"{"vote":"no"}"#)));
    let vote = |voter: &u32| if voter.is_multiple_of(3) { no.clone() } else { yes.clone() };
    let chunk = |voters: &[u32]| Chunk {
        members: Members { voter: voters.to_vec(), weight: vec![1000; voters.len()], since: vec![0; voters.len()] },
        ballots: Ballots {
            voter: voters.to_vec(),
            cast: vec![NOW - 5; voters.len()],
            body: voters.iter().map(vote).collect(),
        },
        delegations: Delegations { voter: vec![], delegate: vec![] },
    };
    governance::Question {
        proposal: ID.into(),
        proposer: None,
        body: encode_map(&body(r#"{"title":"t","kind":"question"}"#)),
        opened: NOW - 10,
        closes: NOW - 1,
        now: NOW,
        voters: count,
        parameters: encode_map(&body(r#"{"quorum":50}"#)),
        lot: vec![0; 32],
        chunks: voters.chunks(rows).map(chunk).collect(),
    }
}

#[test]
fn majority() {
    let outcome = ask(&bound::<Governance>("majority", b""), &tally(9, 2));
    assert_eq!((outcome.decision, outcome.counted), (Decision::Accepted(vec![]), 9));
    assert_eq!(outcome.figures[0].value, 6000);
}

#[test]
fn majority_counts_a_hundred_thousand_ballots_within_ordinary_memory() {
    let module = atlas_prebuilt::get("majority").unwrap();
    let binding = Binding { fuel: 10_000_000_000, ..Binding::new(CodeHash::of(module.bytes)) };
    let majority = ENGINE.bind::<Governance>(module.bytes, binding).unwrap();
    let judged = majority.ask_alone(&tally(100_000, 10_000));
    let Answered::Answer(outcome) = judged.outcome else { panic!("{judged:?}") };
    assert_eq!(outcome.counted, 100_000);
}

#[test]
fn open_and_members() {
    let applicant = |author: &str| Applicant {
        space: ID.into(),
        founder: ID.into(),
        type_name: "atlas.post".into(),
        author: author.into(),
        created: NOW,
        key: None,
        operation: Operation::Put,
        links: vec![],
        size: 10,
        extensions: vec![],
        supplied: vec![],
    };
    let open = bound::<Admission>("open", br#"{"records":5,"bytes":1000}"#);
    let quota = Quota { records: 5, bytes: 1000 };
    assert_eq!(ask(&open, &applicant(BOB)), Admittance::Admitted(Some(quota)));
    let members = bound::<Admission>("members", format!(r#"{{"members":["{ADA}"]}}"#).as_bytes());
    assert_eq!(ask(&members, &applicant(ADA)), Admittance::Admitted(None));
    assert!(matches!(ask(&members, &applicant(BOB)), Admittance::Refused(reason) if reason.code == "no-member"));
}

#[test]
fn balanced() {
    let peers = economy::Peers {
        served_us: vec![0, 1 << 30],
        served_them: vec![0, 1 << 30],
        keeps: vec![0, 0],
        passed: vec![0, 0],
        failed: vec![0, 0],
        met: vec![NOW, NOW],
        active: vec![NOW, NOW],
        trust: vec![0, 0],
    };
    let items = economy::Items {
        size: vec![1],
        replicas: vec![0],
        voted: vec![3],
        pledged: vec![0],
        requests: vec![0],
        active: vec![NOW],
    };
    let weights = ask(&bound::<Economy>("balanced", b""), &economy::Question { now: NOW, peers, items });
    assert!(weights.service[1] > 10 * weights.service[0]);
    assert_eq!(weights.replicas, [3]);
}
