//! `atlas:task`: work that moves through states.
//!
//! Every version of a task names the version it comes from by a `follows` link, so that a
//! move can be judged without a clock and without knowing who else moved it: two people who
//! move one version at once are both right, and readers see both. Which states there are,
//! which moves are legal and who may make them is the config's to say. See the README.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod plan;

use atlas_sdk::{
    Candidate, ConfigError, Description, Draft, Entry, FOLLOWS, Judgement, LinkRule, Reason, Rules, STATE, Step, Text,
    To, Valid, Validator, config, ensure, export_validator,
};

pub use plan::{Movers, Plan};

/// Most characters of a title.
pub const TITLE_CHARS: usize = 300;
/// Most characters of a text.
pub const TEXT_CHARS: usize = 10_000;
/// Most bytes of a text in UTF-8.
pub const TEXT_BYTES: usize = 30_000;
/// Priorities, the most urgent first.
pub const PRIORITIES: std::ops::RangeInclusive<i64> = 1..=5;
/// Most people that a task is assigned to.
pub const ASSIGNEES: usize = 16;
/// Most tasks that a task waits for.
pub const WAITS_FOR: usize = 64;
/// Most tags.
pub const TAGS: usize = 16;
/// Most fields beyond the defined ones.
pub const EXTRA_FIELDS: usize = 16;

/// The fields that this version defines.
const FIELDS: [&str; 6] = ["title", "text", "state", "priority", "due", "tags"];

const LINKS: [LinkRule; 4] = [
    LinkRule::optional(FOLLOWS, &[To::Record]),
    LinkRule::up_to("assignee", ASSIGNEES, &[To::Identity]),
    LinkRule::optional("part-of", &[To::Cid, To::Address]),
    LinkRule::up_to("waits-for", WAITS_FOR, &[To::Cid, To::Address]),
];

/// Judges tasks by a plan.
#[derive(Default)]
pub struct Task(Plan);

impl Validator for Task {
    fn describe() -> Description {
        let summary = "Tasks that move through the states of a workflow; the config may bring its own.";
        Description::new("atlas:task", env!("CARGO_PKG_VERSION"), summary)
    }

    fn configure(bytes: &[u8]) -> Result<Self, ConfigError> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        Plan::read(&config::read(bytes)?).map(Self).map_err(|reason| reason.text.into())
    }

    fn rules(&self) -> Rules {
        Rules::replaceable()
            .key_any()
            .index_text(STATE, "the state that it is in")
            .index_text("tag", "a tag, in lower case")
            .index_integer("priority", "1 to 5, the most urgent first")
            .index_integer("due", "when it should be done, in milliseconds since 1970")
            .text_field("title", 300)
            .text_field("text", 100)
            .workflow(self.0.workflow.clone())
            .title("title")
            .summary("text")
            .schema(include_str!("../schema.json"))
    }

    /// Gives a new task its first state, and every version its `state` link. What a version
    /// follows cannot be looked up here: its author names it.
    fn prepare(&self, draft: &mut Draft) -> Result<(), Reason> {
        draft.complete_state(&self.0.workflow)
    }

    fn validate(&self, task: &Candidate) -> Judgement {
        let body = task.body();
        body.text("title")?.line(TITLE_CHARS)?;
        if let Some(text) = body.optional_text("text")? {
            text.prose(TEXT_CHARS, TEXT_BYTES)?;
        }
        let state = body.text(STATE)?;
        let mut valid = Valid::new().text(STATE, state.as_str());
        if let Some(priority) = body.optional_integer("priority")? {
            valid = valid.integer("priority", *priority.within(PRIORITIES)?);
        }
        if let Some(due) = body.optional_integer("due")? {
            due.clone().timestamp()?;
            valid = valid.integer("due", *due);
        }
        let tags = body.texts("tags", 0..=TAGS, Text::tag)?;
        body.extensible(&FIELDS, EXTRA_FIELDS)?;
        task.check_links(&LINKS)?;
        if let Step::From(before, _) = task.step("a task", &self.0.workflow, &state)? {
            self.0.movers.check(task, before)?;
        }
        Ok(tags.iter().fold(valid, |valid, tag| valid.text_once("tag", tag.to_lowercase())))
    }
}

impl Movers {
    /// Whether the author of a version may move on from another's.
    fn check(self, task: &Entry, before: &Entry) -> Result<(), Reason> {
        let assigned = || before.links("assignee").any(|target| target.strip_prefix("id:") == Some(&task.author));
        let may = match self {
            Self::Anyone => true,
            Self::Assigned => task.author == before.author || assigned(),
            Self::Author => task.author == before.author,
        };
        let expected = if self == Self::Author { "its author" } else { "its author, or whom it is assigned to" };
        ensure!(
            may,
            "not-yours",
            "the version that it follows is by {}: only {expected} may move it on",
            before.author
        );
        Ok(())
    }
}

export_validator!(Task);

#[cfg(test)]
mod tests;
