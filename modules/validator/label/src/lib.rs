//! `atlas:label`: what someone says a record, an address or an identity *is*.
//!
//! A label hides nothing by itself; readers choose whose labels they heed. Each can name
//! the rule it applies and where to appeal, and its author can take it back. See the
//! README for fields and errors.

#![cfg_attr(test, allow(clippy::unwrap_used))]

use atlas_sdk::{
    Candidate, Description, Draft, Fields, Judgement, LinkRule, Reason, Rules, Text, To, Valid, Validator, ensure,
    export_validator, limits,
};

/// The value that asks others not to show something.
pub const HIDE: &str = "hide";
/// Most characters of a reason.
pub const REASON_CHARS: usize = 1_000;
/// Most bytes of a reason in UTF-8.
pub const REASON_BYTES: usize = 4_000;
/// Most fields beyond the defined ones.
pub const EXTRA_FIELDS: usize = 16;

/// The fields that this version defines.
const FIELDS: [&str; 3] = ["value", "negated", "reason"];

const LINKS: [LinkRule; 3] = [
    LinkRule::one("labels", &[To::Cid, To::Address, To::Identity]),
    LinkRule::optional("rule", &[To::Cid, To::Address]),
    LinkRule::optional("appeal", &[To::Identity, To::Cid, To::Address]),
];

/// Judges labels.
#[derive(Default)]
pub struct Label;

impl Validator for Label {
    fn describe() -> Description {
        let summary = "Labels on records, addresses and identities, with the rule, the reason and where to appeal.";
        Description::new("atlas:label", env!("CARGO_PKG_VERSION"), summary)
    }

    fn rules(&self) -> Rules {
        Rules::replaceable()
            .key_any()
            .index_text("value", "the label, where it stands")
            .index_text("negated", "the label, where it was taken back")
            .text_field("reason", 100)
            .title("value")
            .summary("reason")
            .schema(include_str!("../schema.json"))
    }

    /// Makes the key of subject and value.
    fn prepare(&self, draft: &mut Draft) -> Result<(), Reason> {
        if let (None, Some(subject)) = (&draft.key, draft.link_to("labels")) {
            draft.key = Some(key(subject, &value(&draft.body())?)?);
        }
        Ok(())
    }

    fn validate(&self, label: &Candidate) -> Judgement {
        let body = label.body();
        label.check_links(&LINKS)?;
        let value = value(&body)?;
        let negated = body.optional_boolean("negated")?.unwrap_or(false);
        let reason = body.optional_text("reason")?;
        let reasoned = reason.map(|reason| reason.prose(REASON_CHARS, REASON_BYTES)).transpose()?.is_some();
        body.extensible(&FIELDS, EXTRA_FIELDS)?;
        ensure!(
            *value != HIDE || negated || (reasoned && label.link("rule").is_some() && label.link("appeal").is_some()),
            "unfounded",
            "`value` is `{HIDE}`, which asks others not to show something: expected a `reason`, a `rule` link to the \
             rule that it applies, and an `appeal` link to where it can be contested"
        );
        label.expect_key(&key(label.link("labels").unwrap_or_default(), &value)?)?;
        Ok(Valid::new().text(if negated { "negated" } else { "value" }, value.as_str()))
    }
}

fn value<'a>(body: &Fields<'a>) -> Result<Text<'a>, Reason> {
    body.text("value")?.word()
}

/// One label of each value for each subject: the latest stands. Keys hold no `/`; in
/// addresses it is written `!`, which only a record key at their end may hold too.
fn key(subject: &str, value: &str) -> Result<String, Reason> {
    let subject = match subject.strip_prefix("atlas://") {
        Some(path) => path.replace('/', "!"),
        None => subject.strip_prefix("id:").unwrap_or(subject).to_owned(),
    };
    let key = [&subject, ":", value].concat();
    if key.len() > limits::KEY_BYTES {
        return Err(atlas_sdk::reason!(
            "too-long",
            "the labelled address and the value make a key of {} bytes: expected {} at most; label the record by its id",
            key.len(),
            limits::KEY_BYTES
        ));
    }
    Ok(key)
}

export_validator!(Label);

#[cfg(test)]
mod tests;
