//! Records that move through states.
//!
//! A type with a workflow keeps three conventions, so that a host can query states and see
//! two successors of one version without knowing the type:
//!
//! - the state stands in the header too, as a link [`STATE`] to `name:STATE`, and under the
//!   declared text index of that name;
//! - a version that comes from another names it by a link [`FOLLOWS`] to its record id;
//! - versions of one thing have one key, whoever wrote them.
//!
//! The state is in the header because headers stay: a move can be judged when the body that
//! it moves on from has expired or was taken back. Two successors of one version are both
//! legal; which of them counts is for time to say, not for a validator.

use atlas_record::id::RecordId;

use crate::reason::Reason;
use crate::rules::Workflow;
use crate::typed::Text;
use crate::types::{Candidate, Draft, Entry, Operation};
use crate::verdict::NotValid;
use crate::{Fields, ensure, invalid, reason};

/// The relation to the version that a record moves on from.
pub const FOLLOWS: &str = "follows";
/// The relation, the index and, by custom, the body field that hold the state.
pub const STATE: &str = "state";

/// Where a version comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step<'a> {
    /// Nowhere: it is the first.
    First,
    /// From this version, which was in this state.
    From(&'a Entry, &'a str),
}

impl Workflow {
    /// The states that a first version may be in: the moves from `""`, or the first state.
    pub fn starts(&self) -> Vec<&str> {
        let declared: Vec<_> = self.moves_from("").collect();
        if declared.is_empty() { self.states.first().map(String::as_str).into_iter().collect() } else { declared }
    }

    /// The states that this one can become.
    pub fn moves_from<'w>(&'w self, before: &str) -> impl Iterator<Item = &'w str> {
        self.transitions.iter().filter(move |it| it.before == before).map(|it| it.after.as_str())
    }

    fn has(&self, state: &str) -> bool {
        self.states.iter().any(|known| known == state)
    }
}

/// `` `a`, `b` or `c` ``.
fn or(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

impl Candidate {
    /// Holds the record's state against the type's workflow, and gives what it follows.
    ///
    /// `thing` is what a record of the type is called in refusals: *a task* that is `open`
    /// can become `doing` or `dropped`, not `done`. A state that stays the same is no move
    /// and always legal; a state that the workflow does not know any more can become what
    /// a first version may be. Who may follow whom is the type's own rule.
    pub fn step(&self, thing: &str, workflow: &Workflow, state: &Text<'_>) -> Result<Step<'_>, NotValid> {
        if !workflow.has(state) {
            let known: Vec<_> = workflow.states.iter().map(String::as_str).collect();
            return Err(state.refuse("unknown-state", format_args!("`{}`: expected {}", **state, or(&known))).into());
        }
        self.expect_link(STATE, &state_target(state))?;
        let mut named = self.links(FOLLOWS);
        let (id, second) = (named.next(), named.next());
        ensure!(second.is_none(), "too-many", "more than one `{FOLLOWS}` link: {thing} comes from one version at most");
        let Some(id) = id else {
            let starts = workflow.starts();
            ensure!(
                starts.contains(&&***state),
                "illegal-start",
                "{thing} starts as {}, not `{}`; to move one that exists, name the version that it comes from \
                 with a `{FOLLOWS}` link to its record id",
                or(&starts),
                **state
            );
            return Ok(Step::First);
        };
        ensure!(
            id.parse::<RecordId>().is_ok(),
            "wrong-target",
            "the `{FOLLOWS}` link points at `{id}`: expected the record id (bafyr4i…) of the version it comes from"
        );
        let from = self.need(id)?;
        let before = predecessor(self, from, thing)?;
        check_move(thing, workflow, before, state)?;
        Ok(Step::From(from, before))
    }
}

/// What a version may follow: a put of the same type and key in the same space. Its state.
fn predecessor<'a>(of: &Entry, from: &'a Entry, thing: &str) -> Result<&'a str, Reason> {
    let wrong = |what: &str, found: &str, expected: &str| {
        reason!(
            "wrong-predecessor",
            "what the `{FOLLOWS}` link names has the {what} `{found}`: expected {thing} with `{expected}`, as here"
        )
    };
    if from.type_name != of.type_name {
        return Err(wrong("type", &from.type_name, &of.type_name));
    }
    if from.space != of.space {
        return Err(wrong("space", &from.space, &of.space));
    }
    if from.key != of.key {
        let key = |entry: &Entry| entry.key.clone().unwrap_or_default();
        return Err(wrong("key", &key(from), &key(of)));
    }
    let state = from.link(STATE).and_then(|target| target.strip_prefix("name:"));
    match state.filter(|_| from.operation == Operation::Put) {
        Some(state) => Ok(state),
        None => invalid!(
            "wrong-predecessor",
            "what the `{FOLLOWS}` link names takes {thing} back or has no state: start again without the link"
        ),
    }
}

fn check_move(thing: &str, workflow: &Workflow, before: &str, after: &str) -> Result<(), Reason> {
    if before == after {
        return Ok(());
    }
    let legal = if workflow.has(before) { workflow.moves_from(before).collect() } else { workflow.starts() };
    ensure!(
        !legal.is_empty(),
        "illegal-move",
        "{thing} that is `{before}` stays `{before}`: it cannot become `{after}`, nor anything else"
    );
    ensure!(
        legal.contains(&after),
        "illegal-move",
        "{thing} that is `{before}` can become {}, not `{after}`",
        or(&legal)
    );
    Ok(())
}

fn state_target(state: &str) -> String {
    ["name:", state].concat()
}

impl Draft {
    /// Completes a draft of a type with a workflow: a first version without a state gets
    /// the one that first versions start in, and every version gets its `state` link. What
    /// a version follows cannot be looked up here: the author gives the `follows` link.
    pub fn complete_state(&mut self, workflow: &Workflow) -> Result<(), Reason> {
        if self.body.get(STATE).is_none()
            && self.link_to(FOLLOWS).is_none()
            && let [only] = workflow.starts()[..]
        {
            self.body.insert(STATE, only.into());
        }
        if let Some(state) = Fields::new(&self.body).optional_text(STATE)? {
            let target = state_target(&state);
            self.link(STATE, target);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Link, Supplied};
    use crate::{Verdict, map};

    const ID: &str = "bafyr4igdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";

    fn workflow() -> Workflow {
        Workflow::new(["open", "doing", "done"]).allow("open", "doing").allow("doing", "done")
    }

    fn version(state: &str) -> Entry {
        let links = vec![Link::new(STATE, format!("name:{state}"))];
        let body = map! { "state": state };
        Entry { key: Some("k".into()), type_name: "example.task".into(), links, body, ..Entry::default() }
    }

    fn following(state: &str, from: Option<Entry>) -> Candidate {
        let mut entry = version(state);
        entry.links.push(Link::new(FOLLOWS, ID));
        let supplied = from.into_iter().map(|entry| Supplied { id: ID.to_owned(), entry }).collect();
        Candidate { entry, supplied }
    }

    fn verdict(candidate: &Candidate) -> Verdict {
        let judge = || {
            let body = candidate.body();
            candidate.step("a task", &workflow(), &body.text(STATE)?)?;
            Ok(crate::Valid::new())
        };
        judge().into()
    }

    fn refusal(candidate: &Candidate) -> (&'static str, String) {
        match verdict(candidate) {
            Verdict::Invalid(reason) => (reason.code, reason.text),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_first_version_starts_where_the_workflow_starts() {
        let first = |state: &str| Candidate { entry: version(state), supplied: vec![] };
        assert!(verdict(&first("open")).is_valid());
        let (code, text) = refusal(&first("done"));
        assert_eq!(code, "illegal-start");
        assert!(text.starts_with("a task starts as `open`, not `done`; to move one that exists"), "{text}");
        assert_eq!(refusal(&first("lost")).1, "`state` is `lost`: expected `open`, `doing` or `done`");
    }

    #[test]
    fn a_move_is_judged_when_its_predecessor_is_here() {
        assert_eq!(verdict(&following("doing", None)), Verdict::Needs(vec![ID.to_owned()]));
        assert!(verdict(&following("doing", Some(version("open")))).is_valid());
        let (code, text) = refusal(&following("done", Some(version("open"))));
        assert_eq!((code, text.as_str()), ("illegal-move", "a task that is `open` can become `doing`, not `done`"));
        let (code, text) = refusal(&following("open", Some(version("done"))));
        assert_eq!(code, "illegal-move");
        assert!(text.starts_with("a task that is `done` stays `done`"), "{text}");
    }

    #[test]
    fn a_state_that_stays_is_no_move() {
        assert!(verdict(&following("done", Some(version("done")))).is_valid());
    }

    #[test]
    fn a_predecessor_counts_without_its_body() {
        let erased = Entry { body: map! {}, ..version("open") };
        assert!(verdict(&following("doing", Some(erased))).is_valid());
    }

    #[test]
    fn a_state_of_an_earlier_workflow_can_start_anew() {
        assert!(verdict(&following("open", Some(version("review")))).is_valid());
        assert_eq!(refusal(&following("done", Some(version("review")))).0, "illegal-move");
    }

    #[test]
    fn only_versions_of_the_same_thing_are_followed() {
        for other in [
            Entry { key: Some("other".into()), ..version("open") },
            Entry { type_name: "example.other".into(), ..version("open") },
            Entry { space: "elsewhere".into(), ..version("open") },
            Entry { operation: Operation::Delete, ..version("open") },
            Entry { links: vec![], ..version("open") },
        ] {
            assert_eq!(refusal(&following("doing", Some(other))).0, "wrong-predecessor");
        }
        let mut two = following("doing", Some(version("open")));
        two.entry.links.push(Link::new(FOLLOWS, ID));
        assert_eq!(refusal(&two).0, "too-many");
        let mut astray = following("doing", None);
        astray.entry.links[1].target = "name:x".into();
        assert_eq!(refusal(&astray).0, "wrong-target");
    }

    #[test]
    fn the_state_stands_in_the_header_too() {
        let mut candidate = Candidate { entry: version("open"), supplied: vec![] };
        candidate.entry.links[0].target = "name:doing".into();
        assert_eq!(refusal(&candidate).0, "links-differ");
    }

    #[test]
    fn drafts_get_their_first_state_and_its_link() {
        let mut draft = Draft::default();
        draft.complete_state(&workflow()).unwrap();
        assert_eq!((draft.body, draft.links), (map! { "state": "open" }, vec![Link::new(STATE, "name:open")]));
        let mut moved = Draft { links: vec![Link::new(FOLLOWS, ID)], ..Draft::default() };
        moved.complete_state(&workflow()).unwrap();
        assert!(moved.body.is_empty(), "the state of a successor is for its author to say");
    }
}
