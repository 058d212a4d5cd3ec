//! `atlas:name`: names for identities, addresses and spaces that people can say.
//!
//! A claim is held for a time, renewed, offered to somebody else, accepted by them, or
//! released; each version names the one it comes from. A validator sees one chain of
//! versions at a time, so two people may claim one name: whose claim counts is for time and
//! the space's governance to say. See the README for fields and errors.

#![cfg_attr(test, allow(clippy::unwrap_used))]

use atlas_sdk::{
    Candidate, Description, Draft, Entry, FOLLOWS, Fields, Judgement, LinkRule, Reason, Rules, STATE, Step, To, Valid,
    Validator, Workflow, ensure, export_validator, invalid,
};

/// The name is claimed and used.
pub const HELD: &str = "held";
/// The name is used, and offered to somebody else.
pub const OFFERED: &str = "offered";
/// The name was given up.
pub const RELEASED: &str = "released";

/// How long a claim holds at most without being renewed: two years.
pub const LONGEST_MS: u64 = 731 * 24 * 60 * 60 * 1000;
/// Most characters of a text.
pub const TEXT_CHARS: usize = 1_000;
/// Most bytes of a text in UTF-8.
pub const TEXT_BYTES: usize = 4_000;
/// Most bytes of a proof.
pub const PROOF_BYTES: usize = 1_024;
/// Most fields beyond the defined ones.
pub const EXTRA_FIELDS: usize = 16;

/// The fields that this version defines.
const FIELDS: [&str; 4] = ["name", "state", "text", "proof"];

const LINKS: [LinkRule; 3] = [
    LinkRule::one("names", &[To::Identity, To::Address, To::Cid]),
    LinkRule::optional("to", &[To::Identity]),
    LinkRule::optional(FOLLOWS, &[To::Record]),
];

/// Judges names.
#[derive(Default)]
pub struct Name;

fn workflow() -> Workflow {
    Workflow::new([HELD, OFFERED, RELEASED])
        .allow(HELD, OFFERED)
        .allow(HELD, RELEASED)
        .allow(OFFERED, HELD)
        .allow(OFFERED, RELEASED)
}

impl Validator for Name {
    fn describe() -> Description {
        let summary = "Names: claimed for an identity, an address or a space, renewed, passed on and released.";
        Description::new("atlas:name", env!("CARGO_PKG_VERSION"), summary)
    }

    fn rules(&self) -> Rules {
        Rules::replaceable()
            .key_any()
            .index_text("name", "the name, while it is held or offered")
            .index_text(STATE, "held, offered or released")
            .index_text("domain", "a domain that is said to prove it")
            .index_integer("until", "when the claim ends, in milliseconds since 1970")
            .text_field("name", 300)
            .text_field("text", 100)
            .workflow(workflow())
            .title("name")
            .summary("text")
            .schema(include_str!("../schema.json"))
    }

    /// The key is the name; a new claim is `held`. What a version follows, and until when it
    /// holds, its author says.
    fn prepare(&self, draft: &mut Draft) -> Result<(), Reason> {
        if draft.key.is_none() {
            draft.key = Some(draft.body().text("name")?.host_name()?.as_str().to_owned());
        }
        draft.complete_state(&workflow())
    }

    fn validate(&self, claim: &Candidate) -> Judgement {
        let body = claim.body();
        let name = body.text("name")?.host_name()?;
        let state = body.text(STATE)?;
        if let Some(text) = body.optional_text("text")? {
            text.prose(TEXT_CHARS, TEXT_BYTES)?;
        }
        let mut valid = Valid::new().text(STATE, state.as_str());
        if let Some(proof) = body.optional_map("proof")? {
            valid = valid.text("domain", domain(&proof)?);
        }
        body.extensible(&FIELDS, EXTRA_FIELDS)?;
        claim.check_links(&LINKS)?;
        claim.expect_key(&name)?;
        ensure!(
            claim.link("to").is_some() == (*state == OFFERED),
            "wrong-offer",
            "`state` is `{}`: a name that is offered has a `to` link to whom (id:CID), and no other has one",
            state.as_str()
        );
        if let Step::From(before, state_before) = claim.step("a name", &workflow(), &state)? {
            check_holder(claim, &state, before, state_before)?;
        }
        if *state == RELEASED {
            return Ok(valid);
        }
        Ok(valid.text("name", name.as_str()).integer("until", until(claim)?))
    }
}

/// When the claim ends, which is when the record expires.
fn until(claim: &Entry) -> Result<i64, Reason> {
    let latest = claim.created.saturating_add(LONGEST_MS);
    match claim.expires.map(|at| (at, i64::try_from(at))) {
        Some((at, Ok(until))) if at > claim.created && at <= latest => Ok(until),
        Some((at, _)) => invalid!(
            "bad-term",
            "the claim ends at {at}: expected a time after it was written, {}, and two years later at most",
            claim.created
        ),
        None => invalid!("bad-term", "the claim has no end: expected the record to expire within two years"),
    }
}

/// Who may go on from a claim: its holder, and the one it was offered to.
fn check_holder(claim: &Entry, state: &str, before: &Entry, state_before: &str) -> Result<(), Reason> {
    if let Some(end) = before.expires.filter(|end| *end <= claim.created) {
        invalid!(
            "too-late",
            "the claim that it follows ended at {end}, before this was written, {}: claim the name anew without the \
             `{FOLLOWS}` link",
            claim.created
        );
    }
    if claim.author == before.author {
        return Ok(());
    }
    let to = before.link("to").and_then(|target| target.strip_prefix("id:"));
    ensure!(
        state_before == OFFERED && to == Some(&claim.author),
        "not-yours",
        "the claim that it follows is held by {} and not offered to the author: expected the holder, or whom it is \
         offered to",
        before.author
    );
    ensure!(
        state == HELD,
        "not-yours",
        "a name that was offered to the author can be accepted, as `{HELD}`, and not be `{state}`"
    );
    Ok(())
}

/// A domain whose owner is said to stand behind the claim.
fn domain(proof: &Fields<'_>) -> Result<String, Reason> {
    proof.only(&["domain", "text"])?;
    let domain = proof.text("domain")?.host_name()?.matches(
        "not-a-domain",
        "a domain: expected two segments or more, as `example.org`",
        |text| text.contains('.'),
    )?;
    proof.text("text")?.bytes_within(1..=PROOF_BYTES)?.one_line()?;
    Ok(domain.as_str().to_owned())
}

export_validator!(Name);

#[cfg(test)]
mod tests;
