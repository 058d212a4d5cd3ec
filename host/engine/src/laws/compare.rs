//! Two modules of one role on the same questions: where they differ, and how.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::cases::Case;
use super::kinds::Kind;
use super::{Options, PATIENCE, questions};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::ids::Binding;
use crate::inspect::{Role, inspect};
use crate::roles::{Admission, Economy, Governance, Ranker, Trust};

/// Differences that are shown in full.
const SHOWN: usize = 8;

/// Two modules side by side.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// What the first calls itself, and its version.
    pub one: String,
    /// What the second does.
    pub other: String,
    /// Questions that both were asked.
    pub asked: u64,
    /// Of these, how many they answer differently.
    pub differ: u64,
    /// How often which pair of answers, in short.
    pub kinds: BTreeMap<String, u64>,
    /// Some of them, the question made as small as it goes.
    pub differences: Vec<Difference>,
}

/// One question and two answers.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// What was asked.
    pub question: Json,
    /// What the first says.
    pub one: Json,
    /// What the second says.
    pub other: Json,
}

/// Asks two modules the same.
///
/// # Errors
/// As [`test`](super::test); `WrongRole` if the modules have different roles.
pub fn compare(
    engine: &Engine,
    one: (&[u8], &Binding),
    other: (&[u8], &Binding),
    cases: &[Case],
    options: &Options,
) -> Result<Comparison, EngineError> {
    let role = inspect(one.0)?.role;
    let open = |(bytes, binding): (&[u8], &Binding)| (bytes.to_vec(), binding.clone());
    let ((a, first), (b, second)) = (open(one), open(other));
    macro_rules! both {
        ($open:expr) => {{
            let open = $open;
            run(&*open(&a, first)?, &*open(&b, second)?, cases, options)
        }};
    }
    match role {
        Role::Validator => both!(|bytes: &[u8], binding| engine.validator(bytes, binding)),
        Role::Trust => both!(|bytes: &[u8], binding| engine.bind::<Trust>(bytes, binding)),
        Role::Ranker => both!(|bytes: &[u8], binding| engine.bind::<Ranker>(bytes, binding)),
        Role::Governance => both!(|bytes: &[u8], binding| engine.bind::<Governance>(bytes, binding)),
        Role::Admission => both!(|bytes: &[u8], binding| engine.bind::<Admission>(bytes, binding)),
        Role::Economy => both!(|bytes: &[u8], binding| engine.bind::<Economy>(bytes, binding)),
    }
}

fn run<S: Kind>(one: &S, other: &S, cases: &[Case], options: &Options) -> Result<Comparison, EngineError> {
    let name = |subject: &S| format!("{} {}", subject.about().name, subject.about().version);
    let mut found = Comparison {
        one: name(one),
        other: name(other),
        asked: 0,
        differ: 0,
        kinds: BTreeMap::new(),
        differences: vec![],
    };
    let mut asked = Vec::new();
    for case in cases {
        asked.extend(one.try_case(case)?.0);
    }
    let made = questions(one, &asked, options);
    asked.extend(made);
    for question in asked {
        found.asked += 1;
        let Some(kind) = differ(one, other, &question) else { continue };
        found.differ += 1;
        let seen = found.kinds.entry(kind.clone()).or_default();
        *seen += 1;
        // One of each kind is shown, as small as it goes.
        if *seen == 1 && found.differences.len() < SHOWN {
            found.differences.push(smallest(one, other, question, &kind));
        }
    }
    Ok(found)
}

/// In short how two modules differ on a question, if they do.
fn differ<S: Kind>(one: &S, other: &S, question: &S::Question) -> Option<String> {
    let (a, b) = (one.alone(question).outcome, other.alone(question).outcome);
    if S::fault(&a).is_some() || S::fault(&b).is_some() || S::alike(&a, &b) {
        return None;
    }
    Some(format!("{} / {}", S::in_short(&a), S::in_short(&b)))
}

fn smallest<S: Kind>(one: &S, other: &S, mut question: S::Question, kind: &str) -> Difference {
    let mut left = PATIENCE;
    let mut still = |smaller: &S::Question| {
        left = left.saturating_sub(1);
        left > 0 && differ(one, other, smaller).as_deref() == Some(kind)
    };
    while let Some(smaller) = S::smaller(&question).into_iter().find(|it| S::size(it) < S::size(&question) && still(it))
    {
        question = smaller;
    }
    let json = |outcome: &S::Outcome| serde_json::to_value(outcome).unwrap_or(json!(null));
    Difference {
        one: json(&one.alone(&question).outcome),
        other: json(&other.alone(&question).outcome),
        question: serde_json::to_value(&question).expect("a question is plain data with text keys"),
    }
}
