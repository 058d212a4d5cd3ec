//! `atlas:proposal`: what a community is asked to decide.
//!
//! A proposal never changes once it is written: it is appended, and who wants another one
//! writes another one. How ballots are counted is for governance modules; a proposal only
//! says what is asked, how it can be answered, and until when. See the README.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod changes;

use atlas_sdk::{
    Candidate, Description, Fields, Judgement, Reason, Rules, Valid, Validator, ensure, export_validator, invalid,
};

/// Most characters of a title.
pub const TITLE_CHARS: usize = 300;
/// Most characters of a text.
pub const TEXT_CHARS: usize = 20_000;
/// Most bytes of a text in UTF-8.
pub const TEXT_BYTES: usize = 40_000;
/// How many options a proposal may offer.
pub const OPTIONS: std::ops::RangeInclusive<usize> = 2..=64;
/// Most characters of an option.
pub const OPTION_CHARS: usize = 100;
/// The highest score that a proposal may ask for.
pub const SCORES: std::ops::RangeInclusive<i64> = 1..=100;
/// How long a proposal may stay open at most: two years.
pub const LONGEST_MS: u64 = 731 * 24 * 60 * 60 * 1000;
/// Most fields beyond the defined ones.
pub const EXTRA_FIELDS: usize = 16;

/// The kind of proposal that changes the constitution.
pub const AMENDMENT: &str = "amendment";
/// How a proposal can be answered, the first unless it says otherwise.
pub const CHOICES: [&str; 4] = ["vote", "approval", "ranked", "scores"];

/// The fields that this version defines.
const FIELDS: [&str; 8] = ["title", "text", "kind", "closesAt", "changes", "choice", "options", "maxScore"];

/// Judges proposals.
#[derive(Default)]
pub struct Proposal;

impl Validator for Proposal {
    fn describe() -> Description {
        let summary = "Proposals: what is asked, how it can be answered and until when; amendments as data.";
        Description::new("atlas:proposal", env!("CARGO_PKG_VERSION"), summary)
    }

    fn rules(&self) -> Rules {
        Rules::append()
            .index_text("kind", "what it is, as `amendment` or `question`")
            .index_text("choice", "how it is answered: vote, approval, ranked or scores")
            .index_text("changes", "a slot or a parameter that it would change")
            .index_integer("closes", "when voting ends, in milliseconds since 1970")
            .text_field("title", 300)
            .text_field("text", 100)
            .text_field("options", 100)
            .title("title")
            .summary("text")
            .schema(include_str!("../schema.json"))
    }

    fn validate(&self, proposal: &Candidate) -> Judgement {
        let body = proposal.body();
        body.text("title")?.line(TITLE_CHARS)?;
        if let Some(text) = body.optional_text("text")? {
            text.prose(TEXT_CHARS, TEXT_BYTES)?;
        }
        let kind = body.text("kind")?.word()?;
        let closes = closes_at(&body, proposal.created)?;
        let choice = choice(&body)?;
        body.extensible(&FIELDS, EXTRA_FIELDS)?;
        let valid = Valid::new().text("kind", kind.as_str()).text("choice", choice).integer("closes", closes);
        match (*kind == AMENDMENT, body.optional_list("changes")?) {
            (true, None) => invalid!(
                "missing-field",
                "`changes` is missing: an amendment says what it changes, expected a list of slots and parameters"
            ),
            (false, Some(changes)) => {
                let why = format!("there, but `kind` is `{}`: expected it for `{AMENDMENT}` only", kind.as_str());
                Err(changes.refuse("no-amendment", why).into())
            }
            (true, Some(changes)) => {
                if choice != CHOICES[0] {
                    let found = body.field("choice")?;
                    return Err(found.refuse("no-vote", "not `vote`: an amendment is accepted or not").into());
                }
                Ok(valid.texts("changes", changes::check(&changes)?))
            }
            (false, None) => Ok(valid),
        }
    }
}

/// When voting ends: after the proposal was written, and not in another age.
fn closes_at(body: &Fields<'_>, created: u64) -> Result<i64, Reason> {
    let closes = body.integer("closesAt")?;
    let at = closes.clone().timestamp()?;
    let latest = created.saturating_add(LONGEST_MS);
    if at <= created || at > latest {
        return Err(closes.refuse(
            "bad-closing",
            format_args!("{at}: expected a time after the proposal's own, {created}, and two years later at most"),
        ));
    }
    Ok(*closes)
}

/// How the proposal can be answered, and the options where there are any.
fn choice<'a>(body: &Fields<'a>) -> Result<&'a str, Reason> {
    let choice = match body.optional_text("choice")? {
        Some(choice) => choice.one_of(&CHOICES)?.as_str(),
        None => CHOICES[0],
    };
    let options = body.distinct_texts("options", OPTIONS, |option| {
        option.line(OPTION_CHARS)?.matches(
            "bad-option",
            "an option: expected no leading `$` and no white space around it",
            |text| !text.starts_with('$') && text.trim() == *text,
        )
    })?;
    ensure!(
        (choice == CHOICES[0]) == options.is_empty(),
        "bad-options",
        "`choice` is `{choice}`: expected `options` for approval, ranked and scores, and none for vote"
    );
    match (choice == "scores", body.optional_integer("maxScore")?) {
        (true, Some(most)) => drop(most.within(SCORES)?),
        (true, None) => invalid!("missing-field", "`maxScore` is missing: expected the highest score, 1 to 100"),
        (false, Some(most)) => return Err(most.refuse("bad-options", "there, but nothing is scored: leave it out")),
        (false, None) => {}
    }
    Ok(choice)
}

export_validator!(Proposal);

#[cfg(test)]
mod tests;
