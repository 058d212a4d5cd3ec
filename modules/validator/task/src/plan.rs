//! The plan of a task type: states, moves, and who makes them. From a config, or the
//! standard one.

use atlas_sdk::{Fields, Map, Reason, Workflow, ensure, reason};

/// Most states of a plan.
pub const STATES: usize = 32;

/// Who may move a task on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Movers {
    /// The author of the version that is moved on from.
    Author,
    /// Its author, and whom it is assigned to.
    Assigned,
    /// Everyone who may write in the space.
    Anyone,
}

/// What holds for all tasks of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// States and moves.
    pub workflow: Workflow,
    /// Who makes the moves.
    pub movers: Movers,
}

impl Default for Plan {
    /// Open, doing, done; what is not done may be dropped; everything can be opened again.
    fn default() -> Self {
        let workflow = Workflow::new(["open", "doing", "done", "dropped"])
            .allow("open", "doing")
            .allow("open", "dropped")
            .allow("doing", "open")
            .allow("doing", "done")
            .allow("doing", "dropped")
            .allow("done", "open")
            .allow("dropped", "open");
        Self { workflow, movers: Movers::Assigned }
    }
}

impl Plan {
    /// Reads a config.
    pub fn read(config: &Map) -> Result<Self, Reason> {
        let config = Fields::new(config);
        config.only(&["states", "moves", "movers"])?;
        let states = config.list("states")?.count_within(1..=STATES)?.len();
        let states = config.distinct_texts("states", 1..=states, |state| state.word())?;
        let names: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
        let mut workflow = Workflow::new(names.iter().copied());
        let moves = config.map("moves")?;
        for (before, _) in moves.iter() {
            ensure!(
                names.contains(&before),
                "unknown-state",
                "`moves.{before}` moves on from no state: expected one of {}",
                names.join(", ")
            );
            for after in moves.distinct_texts(before, 0..=STATES, |after| after.one_of(&names))? {
                ensure!(
                    after.as_str() != before,
                    "no-move",
                    "`{}` is `{before}`, which is no move: a state may always stay",
                    after.path()
                );
                workflow = workflow.allow(before, &after);
            }
        }
        check_reachable(&workflow)?;
        let movers = match config.optional_text("movers")? {
            None => Movers::Assigned,
            Some(movers) => match *movers.one_of(&["author", "assigned", "anyone"])? {
                "author" => Movers::Author,
                "anyone" => Movers::Anyone,
                _ => Movers::Assigned,
            },
        };
        Ok(Self { workflow, movers })
    }
}

/// Refuses states that no task could ever be in: most likely a slip of the pen.
fn check_reachable(workflow: &Workflow) -> Result<(), Reason> {
    let mut reached = workflow.starts();
    let mut next = 0;
    while let Some(state) = reached.get(next).copied() {
        next += 1;
        for after in workflow.moves_from(state) {
            if !reached.contains(&after) {
                reached.push(after);
            }
        }
    }
    match workflow.states.iter().find(|state| !reached.contains(&state.as_str())) {
        None => Ok(()),
        Some(state) => Err(reason!(
            "unreachable",
            "no moves lead from `{}`, where tasks start, to `{state}`: add one to `moves`, or leave the state out",
            workflow.states[0]
        )),
    }
}
