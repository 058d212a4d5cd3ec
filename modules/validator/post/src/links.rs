//! Whom a post answers, quotes and mentions. Other relations are the author's own.

use atlas_sdk::target::Target;
use atlas_sdk::{Candidate, Reason, ensure, reason};

/// Most quoted records.
pub const QUOTES: usize = 4;
/// Most mentioned identities.
pub const MENTIONS: usize = 64;

struct Rule {
    relation: &'static str,
    most: usize,
    expected: &'static str,
    fits: fn(&Target) -> bool,
}

fn is_record(target: &Target) -> bool {
    matches!(target, Target::Cid(_) | Target::Address(_))
}

const RECORD: &str = "a record, as a CID or an address (atlas://SPACE/AUTHOR/TYPE/KEY)";

const RULES: [Rule; 4] = [
    Rule { relation: "reply", most: 1, expected: RECORD, fits: is_record },
    Rule { relation: "root", most: 1, expected: RECORD, fits: is_record },
    Rule { relation: "quote", most: QUOTES, expected: RECORD, fits: is_record },
    Rule {
        relation: "mention",
        most: MENTIONS,
        expected: "an identity, as id:CID",
        fits: |target| matches!(target, Target::Identity(_)),
    },
];

pub(crate) fn check(post: &Candidate) -> Result<(), Reason> {
    for Rule { relation, most, expected, fits } in RULES {
        let count = post.links(relation).count();
        ensure!(count <= most, "too-many", "{count} `{relation}` links: expected {most} at most");
        for target in post.links(relation) {
            let fitting = target.parse().is_ok_and(|target| fits(&target));
            ensure!(fitting, "wrong-target", "the `{relation}` link points at `{target}`: expected {expected}");
        }
    }
    if post.links("root").next().is_some() && post.links("reply").next().is_none() {
        return Err(reason!(
            "root-without-reply",
            "a `root` link names the first post of a thread, but nothing is answered: expected a `reply` link too"
        ));
    }
    Ok(())
}
