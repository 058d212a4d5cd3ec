//! What a test found, and the documents that show it.

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::check::{Heard, breach};
use super::kinds::Kind;
use super::{Law, Options};
use crate::error::EngineError;
use crate::ids::{Binding, CodeHash, Meter};
use crate::inspect::Role;
use crate::validator::Description;

/// How a reproducer's document names its form.
const FORMAT: &str = "atlas-evidence/1";

/// What came of holding a module to its laws.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The role.
    pub role: &'static str,
    /// What the module calls itself.
    pub module: String,
    /// Its version.
    pub version: String,
    /// BLAKE3 of the component.
    pub code: CodeHash,
    /// Where made questions came from.
    pub seed: u64,
    /// How many made questions were asked.
    pub runs: u32,
    /// Each law of the role.
    pub laws: Vec<Finding>,
    /// Each of the author's cases.
    pub cases: Vec<CaseResult>,
    /// What questions took, each alone in a fresh instance.
    pub fuel: Spent,
}

impl Report {
    pub(super) fn new(role: Role, about: &Description, binding: &Binding, options: &Options) -> Self {
        Self {
            role: role.name(),
            module: about.name.clone(),
            version: about.version.clone(),
            code: binding.code,
            seed: options.seed,
            runs: options.runs,
            laws: vec![],
            cases: vec![],
            fuel: Spent { limit: binding.fuel, ..Spent::default() },
        }
    }

    /// Whether every law holds and every case came out as expected.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.laws.iter().all(|finding| finding.breach.is_none()) && self.cases.iter().all(|case| case.met)
    }
}

/// What was found of one law.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The law.
    pub law: Law,
    /// Its claim, for people.
    pub claim: &'static str,
    /// On how many questions it was looked at.
    pub asked: u64,
    /// How it is broken, if it is.
    pub breach: Option<Breach>,
}

impl Finding {
    pub(super) fn held(law: Law) -> Self {
        Self { law, claim: law.claim(), asked: 0, breach: None }
    }
}

/// A broken law.
#[derive(Clone, Debug, Serialize)]
pub struct Breach {
    /// What happened, on the smallest questions that were found.
    pub text: String,
    /// Where and why the module panicked, in its own words, if it said so.
    pub panic: Option<String>,
    /// The document that shows it.
    pub reproducer: Reproducer,
}

/// An author's case, and what came of it.
#[derive(Clone, Debug, Serialize)]
pub struct CaseResult {
    /// The case.
    pub name: String,
    /// Whether what was found is what was expected.
    pub met: bool,
    /// What was expected; `null` where any answer will do.
    pub expected: Json,
    /// What was found.
    pub found: Json,
}

/// Fuel of questions that ran alone.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Spent {
    /// What the slot grants for one.
    pub limit: u64,
    /// The most that one took.
    pub most: u64,
    /// The average.
    pub average: u64,
    #[serde(skip)]
    sum: u128,
    #[serde(skip)]
    count: u64,
}

impl Spent {
    pub(super) fn add(&mut self, fuel: Option<u64>) {
        let Some(fuel) = fuel else { return };
        self.most = self.most.max(fuel);
        self.sum += u128::from(fuel);
        self.count += 1;
        self.average = u64::try_from(self.sum / u128::from(self.count)).unwrap_or(u64::MAX);
    }
}

/// Evidence that a module breaks a law: one document that holds all it takes to see it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reproducer {
    /// `atlas-evidence/1`.
    pub format: String,
    /// The law.
    pub law: Law,
    /// The role.
    pub role: String,
    /// What the module calls itself, and its version. For people: the code is what counts.
    pub module: String,
    /// BLAKE3 of the component.
    pub code: CodeHash,
    /// The component, in base64.
    pub component: String,
    /// The config, in base64.
    pub config: String,
    /// The slot's meter.
    pub meter: Meter,
    /// The slot's fuel.
    pub fuel: u64,
    /// The slot's memory in bytes.
    pub memory: u64,
    /// The questions, in the form that the engine keeps them in.
    pub questions: Vec<Json>,
    /// What was seen.
    pub saw: String,
}

impl Reproducer {
    pub(super) fn new<Q: Serialize>(
        law: Law,
        role: Role,
        about: &Description,
        bytes: &[u8],
        binding: &Binding,
        questions: &[Q],
        saw: &str,
    ) -> Self {
        let json = |question: &Q| serde_json::to_value(question).expect("a question is plain data with text keys");
        Self {
            format: FORMAT.to_owned(),
            law,
            role: role.name().to_owned(),
            module: format!("{} {}", about.name, about.version),
            code: binding.code,
            component: BASE64.encode(bytes),
            config: BASE64.encode(&binding.config),
            meter: binding.meter,
            fuel: binding.fuel,
            memory: binding.memory,
            questions: questions.iter().map(json).collect(),
            saw: saw.to_owned(),
        }
    }

    /// The document, readable for people.
    #[must_use]
    pub fn document(&self) -> String {
        serde_json::to_string_pretty(self).expect("a reproducer is plain data with text keys")
    }

    /// Reads a document.
    ///
    /// # Errors
    /// `BadEvidence` if it is none that this engine understands.
    pub fn parse(document: &[u8]) -> Result<Self, EngineError> {
        let read: Self = serde_json::from_slice(document).map_err(|error| bad(&error.to_string()))?;
        if read.format != FORMAT {
            return Err(bad(&format!("its form is `{}`, and this engine reads {FORMAT}", read.format)));
        }
        Ok(read)
    }

    /// The component, which is the one that the document names.
    ///
    /// # Errors
    /// `BadEvidence` if it is another.
    pub fn component(&self) -> Result<Vec<u8>, EngineError> {
        let bytes = BASE64.decode(self.component.as_bytes()).map_err(|error| bad(&error.to_string()))?;
        match CodeHash::of(&bytes) {
            found if found == self.code => Ok(bytes),
            found => Err(bad(&format!("it names module {}, and holds {found}", self.code))),
        }
    }

    pub(super) fn binding(&self, code: CodeHash) -> Result<Binding, EngineError> {
        let config = BASE64.decode(self.config.as_bytes()).map_err(|error| bad(&error.to_string()))?;
        Ok(Binding { code, config: config.into(), meter: self.meter, fuel: self.fuel, memory: self.memory })
    }

    pub(super) fn again<S: Kind>(&self, subject: &S) -> Result<Option<String>, EngineError> {
        let read = |json: &Json| serde_json::from_value(json.clone()).map_err(|error| bad(&error.to_string()));
        let questions: Vec<S::Question> = self.questions.iter().map(read).collect::<Result<_, _>>()?;
        if let Some(why) = questions.iter().find_map(S::unfit) {
            return Err(bad(&format!("a host would not ask that: {why}")));
        }
        Ok(breach(self.law, &Heard::new(subject), &questions))
    }
}

fn bad(text: &str) -> EngineError {
    EngineError::BadEvidence { text: text.to_owned() }
}
