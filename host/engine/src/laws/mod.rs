//! What a role promises, held against a module by the node's own engine.
//!
//! A [`Law`] is a claim about every module of a role: it answers alike, keeps nothing, takes
//! any bytes, spends no more than its fuel, and what its own role adds. A law is looked at on
//! *questions*: the author's cases, questions that are made from a seed (bodies from the
//! type's schema, where it has one), and relatives of both that were damaged. Where a law
//! is broken, the questions are made smaller for as long as it stays broken, and what is
//! left is a [`Reproducer`]: one document that holds the module, what it was asked and how it
//! broke which law. Anyone with this engine can [`replay`] it. Contesting a module means
//! showing one, and never an opinion.
//!
//! Rooms: [`check`] says what each law asks for, in one place; `kinds` makes, damages,
//! rearranges and shrinks the questions of each role; `schema` makes bodies; [`cases`] reads
//! what an author wrote down; [`compare`] runs two modules side by side.

pub mod cases;
mod check;
mod compare;
mod dice;
mod kinds;
mod report;
mod schema;
mod subject;

use self::cases::Case;
use self::check::{Heard, breach};
pub use self::compare::{Comparison, Difference, compare};
use self::dice::Dice;
use self::kinds::Kind;
pub use self::report::{Breach, CaseResult, Finding, Report, Reproducer, Spent};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::ids::{Binding, CodeHash};
use crate::inspect::{Role, inspect};
use crate::outcome::IllegalAnswer;
use crate::roles::{Admission, Economy, Governance, Ranker, Trust};

/// Something that every module of a role promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Law {
    /// The same question has the same answer, at the same cost.
    Deterministic,
    /// What was asked before, beside it, or in which place does not matter.
    Stateless,
    /// No bytes make it trap, or take more memory than it may.
    Total,
    /// It ends within its fuel.
    BoundedFuel,
    /// Its answers are ones that the world allows.
    LegalAnswers,
    /// Its numbers lie within their bounds.
    InRange,
    /// Parts add up to their whole.
    AddsUp,
    /// What it was given it uses, or sets aside with a reason.
    NothingVanishes,
    /// What it answers stands in the order that the world fixes.
    InOrder,
    /// How a question is ordered and cut into chunks does not matter.
    AnyArrangement,
    /// What it needs it uses: given that, it does not ask again, and more changes nothing.
    MonotoneNeeds,
}

impl Law {
    /// The word that names it in reports and evidence.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deterministic => "deterministic",
            Self::Stateless => "stateless",
            Self::Total => "total",
            Self::BoundedFuel => "bounded-fuel",
            Self::LegalAnswers => "legal-answers",
            Self::InRange => "in-range",
            Self::AddsUp => "adds-up",
            Self::NothingVanishes => "nothing-vanishes",
            Self::InOrder => "in-order",
            Self::AnyArrangement => "any-arrangement",
            Self::MonotoneNeeds => "monotone-needs",
        }
    }

    /// The claim, in one sentence.
    #[must_use]
    pub const fn claim(self) -> &'static str {
        match self {
            Self::Deterministic => "the same question has the same answer, at the same cost",
            Self::Stateless => "earlier questions, others in the batch and the place in it do not matter",
            Self::Total => "no input makes it trap or exceed its memory",
            Self::BoundedFuel => "it ends within its fuel",
            Self::LegalAnswers => "its answers are ones that the world allows",
            Self::InRange => "its numbers lie within their bounds",
            Self::AddsUp => "parts add up to their whole",
            Self::NothingVanishes => "what it was given it uses, or sets aside with a reason",
            Self::InOrder => "its answer stands in the order that the world fixes",
            Self::AnyArrangement => "how the input is ordered and cut does not matter",
            Self::MonotoneNeeds => "given what it needs it does not ask again, and more changes nothing",
        }
    }

    /// The laws of a role, in the order in which they are looked at: the first that is broken
    /// is what a module is told of a question.
    #[must_use]
    pub const fn of(role: Role) -> &'static [Self] {
        use Law::*;
        match role {
            Role::Validator => &[Total, BoundedFuel, LegalAnswers, Deterministic, Stateless, MonotoneNeeds],
            Role::Admission => &[Total, BoundedFuel, LegalAnswers, Deterministic, Stateless, MonotoneNeeds],
            Role::Trust => {
                &[Total, BoundedFuel, LegalAnswers, InRange, AddsUp, InOrder, Deterministic, Stateless, AnyArrangement]
            }
            Role::Ranker => &[
                Total,
                BoundedFuel,
                LegalAnswers,
                InRange,
                AddsUp,
                NothingVanishes,
                InOrder,
                Deterministic,
                Stateless,
                AnyArrangement,
            ],
            Role::Governance => &[
                Total,
                BoundedFuel,
                LegalAnswers,
                InRange,
                NothingVanishes,
                InOrder,
                Deterministic,
                Stateless,
                AnyArrangement,
            ],
            Role::Economy => &[Total, BoundedFuel, LegalAnswers, InRange, Deterministic, Stateless, AnyArrangement],
        }
    }

    /// The law that an illegal answer breaks.
    const fn against(illegal: &IllegalAnswer) -> Self {
        match illegal {
            IllegalAnswer::OutOfRange(_) => Self::InRange,
            IllegalAnswer::SumDiffers(_) => Self::AddsUp,
            IllegalAnswer::Vanished(_) => Self::NothingVanishes,
            IllegalAnswer::OutOfOrder(_) => Self::InOrder,
            _ => Self::LegalAnswers,
        }
    }
}

impl std::fmt::Display for Law {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// How much to look at.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where made questions come from.
    pub seed: u64,
    /// How many made questions.
    pub runs: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 0, runs: 256 }
    }
}

/// Questions that are asked together when it is looked for state.
const TOGETHER: usize = 6;

/// Holds a module to the laws of its role.
///
/// # Errors
/// Whatever is wrong with the bytes, the binding or the config; `BadCase` for a case that is
/// none. A law that is broken is no error: the report says so.
pub fn test(
    engine: &Engine,
    bytes: &[u8],
    binding: &Binding,
    cases: &[Case],
    options: &Options,
) -> Result<Report, EngineError> {
    let role = inspect(bytes)?.role;
    let bound = binding.clone();
    match role {
        Role::Validator => run(role, &*engine.validator(bytes, bound)?, bytes, binding, cases, options),
        Role::Trust => run(role, &*engine.bind::<Trust>(bytes, bound)?, bytes, binding, cases, options),
        Role::Ranker => run(role, &*engine.bind::<Ranker>(bytes, bound)?, bytes, binding, cases, options),
        Role::Governance => run(role, &*engine.bind::<Governance>(bytes, bound)?, bytes, binding, cases, options),
        Role::Admission => run(role, &*engine.bind::<Admission>(bytes, bound)?, bytes, binding, cases, options),
        Role::Economy => run(role, &*engine.bind::<Economy>(bytes, bound)?, bytes, binding, cases, options),
    }
}

/// Asks a reproducer's questions again. What breaks the law now, if something does.
///
/// # Errors
/// As [`test`]; `BadEvidence` for a document that is no reproducer of this module.
pub fn replay(engine: &Engine, reproducer: &Reproducer) -> Result<Option<String>, EngineError> {
    let bytes = reproducer.component()?;
    let role = inspect(&bytes)?.role;
    let binding = reproducer.binding(CodeHash::of(&bytes))?;
    match role {
        Role::Validator => reproducer.again(&*engine.validator(&bytes, binding)?),
        Role::Trust => reproducer.again(&*engine.bind::<Trust>(&bytes, binding)?),
        Role::Ranker => reproducer.again(&*engine.bind::<Ranker>(&bytes, binding)?),
        Role::Governance => reproducer.again(&*engine.bind::<Governance>(&bytes, binding)?),
        Role::Admission => reproducer.again(&*engine.bind::<Admission>(&bytes, binding)?),
        Role::Economy => reproducer.again(&*engine.bind::<Economy>(&bytes, binding)?),
    }
}

fn run<S: Kind>(
    role: Role,
    subject: &S,
    bytes: &[u8],
    binding: &Binding,
    cases: &[Case],
    options: &Options,
) -> Result<Report, EngineError> {
    let mut report = Report::new(role, subject.about(), binding, options);
    let mut given = Vec::new();
    for case in cases {
        let (question, result) = S::try_case(subject, case)?;
        given.extend(question);
        report.cases.push(result);
    }
    let heard = Heard::new(subject);
    let mut findings: Vec<Finding> = Law::of(role).iter().map(|law| Finding::held(*law)).collect();
    let made = questions(subject, &given, options);
    for (at, question) in given.iter().chain(&made).enumerate() {
        let judgement = heard.alone(question);
        report.fuel.add(judgement.fuel);
        // Beside others that were made around it: a window over the same list.
        let all: Vec<&S::Question> = given.iter().chain(&made).collect();
        let beside: Vec<S::Question> =
            all[at.saturating_sub(TOGETHER - 1)..=at].iter().map(|it| (*it).clone()).collect();
        for finding in findings.iter_mut().filter(|finding| finding.breach.is_none()) {
            finding.asked += 1;
            let asked = match finding.law {
                Law::Stateless => beside.as_slice(),
                _ => std::slice::from_ref(question),
            };
            let Some(first) = breach(finding.law, &heard, asked) else { continue };
            let (questions, text) = smallest(finding.law, subject, asked.to_vec(), first);
            let reproducer = Reproducer::new(finding.law, role, subject.about(), bytes, binding, &questions, &text);
            finding.breach = Some(Breach { text, panic: subject.last_panic(), reproducer });
            // Whatever else this question would break follows from the same fault.
            break;
        }
    }
    report.laws = findings;
    Ok(report)
}

/// The made questions: from nothing, and from the author's with some damage.
fn questions<S: Kind>(subject: &S, given: &[S::Question], options: &Options) -> Vec<S::Question> {
    let mut dice = Dice::new(options.seed);
    let mut made: Vec<S::Question> = Vec::new();
    for _ in 0..options.runs {
        let question = match dice.below(3) {
            0 if !given.is_empty() => {
                let one = dice.one_of(given).clone();
                S::damaged(&one, &mut dice)
            }
            1 => {
                let one = S::made(subject, &mut dice);
                S::damaged(&one, &mut dice)
            }
            _ => S::made(subject, &mut dice),
        };
        made.push(question);
    }
    made
}

/// Evaluations that making a reproducer smaller may take.
const PATIENCE: usize = 600;

/// Makes questions smaller for as long as they break the law: first fewer of them, then each
/// of them. What it says of the smallest is what is told.
fn smallest<S: Kind>(
    law: Law,
    subject: &S,
    mut asked: Vec<S::Question>,
    mut text: String,
) -> (Vec<S::Question>, String) {
    let mut left = PATIENCE;
    let mut attempt = |smaller: Vec<S::Question>, asked: &mut Vec<S::Question>, text: &mut String| {
        left = left.saturating_sub(1);
        let broken = if left == 0 { None } else { breach(law, &Heard::new(subject), &smaller) };
        broken.map(|still| (*asked, *text) = (smaller, still)).is_some()
    };
    loop {
        let before = (asked.len(), asked.iter().map(S::size).sum::<usize>());
        let mut at = asked.len();
        while at > 0 && asked.len() > 1 {
            at -= 1;
            let mut fewer = asked.clone();
            fewer.remove(at);
            attempt(fewer, &mut asked, &mut text);
            at = at.min(asked.len());
        }
        for at in 0..asked.len() {
            loop {
                let size = S::size(&asked[at]);
                let smaller = S::smaller(&asked[at]).into_iter().filter(|it| S::size(it) < size).any(|candidate| {
                    let mut changed = asked.clone();
                    changed[at] = candidate;
                    attempt(changed, &mut asked, &mut text)
                });
                if !smaller {
                    break;
                }
            }
        }
        if (asked.len(), asked.iter().map(S::size).sum::<usize>()) == before {
            return (asked, text);
        }
    }
}
