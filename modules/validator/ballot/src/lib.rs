//! `atlas:ballot`: one author's answer to a proposal.
//!
//! A ballot is held against the proposal that it votes on: it answers in the way that was
//! asked for, with options that were offered. What it weighs, and whether it came in time,
//! is for whoever counts. See the README for fields and errors.

#![cfg_attr(test, allow(clippy::unwrap_used))]

use atlas_sdk::{
    Candidate, Description, Draft, Entry, Fields, Items, Judgement, LinkRule, NotValid, Operation, Reason, Rules, Text,
    To, Valid, Validator, ensure, export_validator, invalid, reason,
};

/// The type that ballots vote on.
pub const PROPOSAL: &str = "atlas.proposal";
/// Most characters of a reason.
pub const REASON_CHARS: usize = 2_000;
/// Most bytes of a reason in UTF-8.
pub const REASON_BYTES: usize = 8_000;
/// Most options of a proposal, as its own module has it.
pub const OPTIONS: usize = 64;

const VOTES_ON: &str = "votes-on";
const LINKS: [LinkRule; 1] = [LinkRule::one(VOTES_ON, &[To::Record])];

/// The ways to answer, and the choice of a proposal that asks for each.
const WAYS: [(&str, &str); 4] = [("vote", "vote"), ("approve", "approval"), ("rank", "ranked"), ("scores", "scores")];

/// Judges ballots.
#[derive(Default)]
pub struct Ballot;

impl Validator for Ballot {
    fn describe() -> Description {
        let summary = "Ballots: yes or no, approvals, a ranking or scores, as the proposal asks for.";
        Description::new("atlas:ballot", env!("CARGO_PKG_VERSION"), summary)
    }

    fn rules(&self) -> Rules {
        Rules::replaceable()
            .key_any()
            .index_text("choice", "yes, no or abstain; an approved option; the option ranked first")
            .text_field("reason", 100)
            .summary("reason")
            .schema(include_str!("../schema.json"))
    }

    /// The key is the proposal's id: a later ballot replaces the earlier.
    fn prepare(&self, draft: &mut Draft) -> Result<(), Reason> {
        if draft.key.is_none() {
            draft.key = draft.link_to(VOTES_ON).map(str::to_owned);
        }
        Ok(())
    }

    fn validate(&self, ballot: &Candidate) -> Judgement {
        let body = ballot.body();
        if let Some(weight) = body.get("weight") {
            return Err(weight.refuse("weight-declared", "not for a voter to say: leave it out").into());
        }
        body.only(&["vote", "approve", "rank", "scores", "reason"])?;
        if let Some(reason) = body.optional_text("reason")? {
            reason.prose(REASON_CHARS, REASON_BYTES)?;
        }
        let way = way(&body)?;
        ballot.check_links(&LINKS)?;
        let id = ballot.link(VOTES_ON).unwrap_or_default();
        ballot.expect_key(id)?;
        let asked = asked(ballot, ballot.need_body(id)?)?;
        if way == "vote" {
            let vote = body.text("vote")?.one_of(&["yes", "no", "abstain"])?;
            ensure!(
                asked.choice == "vote" || *vote == "abstain",
                "wrong-choice",
                "`vote` is `{}`: the proposal asks for `{}`, which can only be abstained from by `vote`",
                vote.as_str(),
                asked.way()
            );
            return Ok(Valid::new().text("choice", vote.as_str()));
        }
        ensure!(asked.way() == way, "wrong-choice", "the ballot has `{way}`: the proposal asks for `{}`", asked.way());
        match way {
            "approve" => {
                let approved = body.distinct_texts(way, 0..=OPTIONS, |option| asked.option(option))?;
                Ok(Valid::new().texts("choice", approved.iter().map(|option| option.as_str())))
            }
            "rank" => {
                let ranked = body.distinct_texts(way, 1..=OPTIONS, |option| asked.option(option))?;
                Ok(Valid::new().texts("choice", ranked.first().map(|option| option.as_str())))
            }
            _ => {
                asked.check_scores(&body.map("scores")?)?;
                Ok(Valid::new())
            }
        }
    }
}

/// The one way in which a ballot answers.
fn way(body: &Fields<'_>) -> Result<&'static str, Reason> {
    let mut found = WAYS.iter().map(|(way, _)| *way).filter(|way| body.get(way).is_some());
    match (found.next(), found.next()) {
        (Some(way), None) => Ok(way),
        (None, _) => Err(reason!("no-answer", "the ballot is empty: expected `vote`, `approve`, `rank` or `scores`")),
        (Some(a), Some(b)) => Err(reason!("two-answers", "the ballot has `{a}` and `{b}`: expected one of them")),
    }
}

/// What a proposal asks for.
struct Asked<'a> {
    choice: &'a str,
    options: Option<Items<'a>>,
    most: i64,
}

/// Reads the proposal. It is here whatever its own verdict, so it may be anything.
fn asked<'a>(ballot: &Entry, proposal: &'a Entry) -> Result<Asked<'a>, NotValid> {
    ensure!(
        proposal.type_name == PROPOSAL && proposal.space == ballot.space && proposal.operation == Operation::Put,
        "wrong-proposal",
        "the `{VOTES_ON}` link names a record of {} that is no proposal in this space: expected an {PROPOSAL}",
        proposal.type_name
    );
    let body = proposal.body();
    let read = || {
        let choice = body.optional_text("choice")?.map_or("vote", |choice| choice.as_str());
        let most = body.optional_integer("maxScore")?.map_or(0, |most| *most);
        Ok::<_, Reason>(Asked { choice, options: body.optional_list("options")?, most })
    };
    match read() {
        Ok(asked) if WAYS.iter().any(|(_, choice)| *choice == asked.choice) => Ok(asked),
        Ok(asked) => invalid!("wrong-proposal", "the proposal asks for `{}`, which no ballot can give", asked.choice),
        Err(error) => invalid!("wrong-proposal", "the proposal is malformed: {error}"),
    }
}

impl Asked<'_> {
    /// The field that answers.
    fn way(&self) -> &'static str {
        WAYS.iter().find(|(_, choice)| *choice == self.choice).map_or("vote", |(way, _)| way)
    }

    fn offers(&self, option: &str) -> bool {
        self.options.as_ref().is_some_and(|options| options.iter().any(|offered| offered.as_text() == Some(option)))
    }

    fn option<'o>(&self, option: Text<'o>) -> Result<Text<'o>, Reason> {
        if self.offers(&option) {
            return Ok(option);
        }
        Err(option.refuse("no-option", format_args!("`{}`, which the proposal does not offer", option.as_str())))
    }

    fn check_scores(&self, scores: &Fields<'_>) -> Result<(), Reason> {
        let count = scores.as_map().len();
        ensure!((1..=OPTIONS).contains(&count), "too-few", "`scores` has {count} options: expected 1 to {OPTIONS}");
        for (option, score) in scores.iter() {
            if !self.offers(option) {
                return Err(score.refuse("no-option", "for an option that the proposal does not offer"));
            }
            score.integer()?.within(0..=self.most)?;
        }
        Ok(())
    }
}

export_validator!(Ballot);

#[cfg(test)]
mod tests;
