//! `atlas:trust`: how far one identity trusts another, in a context.
//!
//! A statement is an edge of the trust graph. What follows from many of them is not said
//! here: trust modules compute it, each its own way. See the README for fields and errors.

#![cfg_attr(test, allow(clippy::unwrap_used))]

use atlas_sdk::{
    Candidate, Description, Draft, Fields, Judgement, LinkRule, Reason, Rules, Text, To, Valid, Validator, ensure,
    export_validator,
};

/// The weights that a statement may have, in thousandths: distrust below zero.
pub const WEIGHTS: std::ops::RangeInclusive<i64> = -1000..=1000;
/// Most characters of a reason.
pub const REASON_CHARS: usize = 1_000;
/// Most bytes of a reason in UTF-8.
pub const REASON_BYTES: usize = 4_000;
/// Most links to what a statement rests on.
pub const EVIDENCE: usize = 16;
/// Most fields beyond the defined ones.
pub const EXTRA_FIELDS: usize = 16;

/// The fields that this version defines.
const FIELDS: [&str; 3] = ["context", "weight", "reason"];

const LINKS: [LinkRule; 2] =
    [LinkRule::one("trusts", &[To::Identity]), LinkRule::up_to("evidence", EVIDENCE, &[To::Cid, To::Address])];

/// Judges trust statements.
#[derive(Default)]
pub struct Trust;

impl Validator for Trust {
    fn describe() -> Description {
        let summary = "Trust statements: how far one identity trusts another in a context, from -1000 to 1000.";
        Description::new("atlas:trust", env!("CARGO_PKG_VERSION"), summary)
    }

    fn rules(&self) -> Rules {
        Rules::replaceable()
            .key_any()
            .index_text("context", "what the trust is about, as `general` or `code`")
            .index_text("subject", "who is trusted: the identity's id")
            .index_integer("weight", "how far, in thousandths: -1000 to 1000")
            .text_field("reason", 100)
            .title("context")
            .summary("reason")
            .schema(include_str!("../schema.json"))
    }

    /// Makes the key of subject and context.
    fn prepare(&self, draft: &mut Draft) -> Result<(), Reason> {
        let subject = draft.link_to("trusts").and_then(|target| target.strip_prefix("id:"));
        if let (None, Some(subject)) = (&draft.key, subject) {
            draft.key = Some(key(subject, &context(&draft.body())?));
        }
        Ok(())
    }

    fn validate(&self, trust: &Candidate) -> Judgement {
        let body = trust.body();
        trust.check_links(&LINKS)?;
        let subject = trust.link("trusts").and_then(|target| target.strip_prefix("id:")).unwrap_or_default();
        ensure!(
            subject != trust.author,
            "about-oneself",
            "the `trusts` link points at the author: expected somebody else, for trust in oneself says nothing"
        );
        let context = context(&body)?;
        let weight = *body.integer("weight")?.within(WEIGHTS)?;
        if let Some(reason) = body.optional_text("reason")? {
            reason.prose(REASON_CHARS, REASON_BYTES)?;
        }
        body.extensible(&FIELDS, EXTRA_FIELDS)?;
        trust.expect_key(&key(subject, &context))?;
        Ok(Valid::new().text("context", context.as_str()).text("subject", subject).integer("weight", weight))
    }
}

fn context<'a>(body: &Fields<'a>) -> Result<Text<'a>, Reason> {
    body.text("context")?.word()
}

/// One statement for each subject and context: the latest stands.
fn key(subject: &str, context: &str) -> String {
    [subject, ":", context].concat()
}

export_validator!(Trust);

#[cfg(test)]
mod tests;
