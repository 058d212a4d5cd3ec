//! Taking in records that were written elsewhere.
//!
//! Each record goes through the same stages, in this order: *decode* (canonical bytes, the
//! body is the one committed to), *verify* (the signature, many at once), *admit* (space,
//! author, grant, admission, constitution, time: [`admit`] decides from what is known),
//! *judge* (the bound validator), *commit*. A stage that cannot decide yet parks the record;
//! one that says no says why. Nothing here trusts whoever delivered the bytes.

pub mod admit;

use std::collections::HashMap;

use atlas_engine::{Cause, Judgement};
use atlas_record::order::Lifecycle;
use atlas_record::space::Binding;
use atlas_record::{Op, Record, RecordId, SignedHeader, Timestamp, sign};
use atlas_store::{Batch, Item, Outcome, Verdict, WaitKey, Waiting};
use rayon::prelude::*;
use serde::Serialize;

use crate::error::{NodeError, Refusal};
use crate::judge::{self, Subject};
use crate::modules::Gap;
use crate::node::Node;
use admit::{Admission, Known};

/// How long a record waits for what it needs before it counts as given up. Milliseconds.
pub const PATIENCE_MS: u64 = 7 * 24 * 60 * 60 * 1000;

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "fate", rename_all = "kebab-case")]
pub enum Fate {
    /// Stored and shown, or stored as history.
    Accepted {
        /// Another record stands at its position of the key's chain: proof of a fork.
        forked: bool,
    },
    /// It was here already.
    Duplicate,
    /// It waits for something.
    Parked {
        /// For what.
        reason: String,
    },
    /// Its header was stored, and its body dropped: the type's validator says no.
    Invalid {
        /// For programs.
        code: String,
        /// For people.
        text: String,
    },
    /// Not taken in at all.
    Refused {
        /// For programs.
        code: String,
        /// For people.
        text: String,
    },
}

impl From<Refusal> for Fate {
    fn from(refusal: Refusal) -> Self {
        Fate::Refused { code: refusal.code, text: refusal.text }
    }
}

/// How many records of each fate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Stored.
    pub accepted: u64,
    /// Here already.
    pub duplicate: u64,
    /// Waiting.
    pub parked: u64,
    /// Stored as headers.
    pub invalid: u64,
    /// Not taken in.
    pub refused: u64,
}

impl Tally {
    /// Counts one.
    pub fn count(&mut self, fate: &Fate) {
        match fate {
            Fate::Accepted { .. } => self.accepted += 1,
            Fate::Duplicate => self.duplicate += 1,
            Fate::Parked { .. } => self.parked += 1,
            Fate::Invalid { .. } => self.invalid += 1,
            Fate::Refused { .. } => self.refused += 1,
        }
    }
}

/// Records that are verified together on one core.
const VERIFY_BATCH: usize = 256;

impl Node {
    /// Takes in records in their transport form. One fate each, in order. Returns when what
    /// was accepted is durable.
    pub fn ingest(&self, records: &[Vec<u8>], now: Timestamp) -> Result<Vec<Fate>, NodeError> {
        let decoded: Vec<Result<Record, Fate>> = records.par_iter().map(|bytes| decode(bytes)).collect();
        self.ingest_decoded(decoded, now)
    }

    fn ingest_decoded(&self, decoded: Vec<Result<Record, Fate>>, now: Timestamp) -> Result<Vec<Fate>, NodeError> {
        let mut fates: Vec<Option<Fate>> = Vec::with_capacity(decoded.len());
        let mut fresh: Vec<(usize, Record)> = Vec::new();
        for (i, result) in decoded.into_iter().enumerate() {
            fates.push(match result {
                Err(fate) => Some(fate),
                // A known id is a known byte string: its signature was verified when it came.
                Ok(record) if self.store().number(&record.id())?.is_some() => Some(Fate::Duplicate),
                Ok(record) => {
                    fresh.push((i, record));
                    None
                }
            });
        }
        let authentic = verify(fresh.iter().map(|(_, record)| record.signed()).collect());
        let mut batch = Batch::new();
        let mut slots: Vec<(usize, Option<Fate>)> = Vec::new();
        let mut to_judge: HashMap<Binding, Vec<(usize, Record)>> = HashMap::new();
        for ((i, record), authentic) in fresh.into_iter().zip(authentic) {
            if !authentic {
                fates[i] = Some(Fate::Refused {
                    code: "bad-signature".to_owned(),
                    text: format!("the signature of record {} is not that of key {}", record.id(), record.header().key),
                });
                continue;
            }
            match self.admit(&record, now)? {
                Admission::Refuse(refusal) => fates[i] = Some(refusal.into()),
                Admission::Park(key) => park(&mut batch, &mut slots, i, record, key, now),
                Admission::Admit(binding) => to_judge.entry(binding).or_default().push((i, record)),
            }
        }
        for (binding, group) in to_judge {
            self.judge_group(&binding, group, &mut batch, &mut slots, now)?;
        }
        for ((i, fate), outcome) in slots.into_iter().zip(self.store().commit(batch)?) {
            fates[i] = Some(settle(fate, outcome));
        }
        Ok(fates.into_iter().map(|fate| fate.expect("every record met its fate above")).collect())
    }

    /// What is known here of a record's surroundings, put to [`admit::admit`].
    fn admit(&self, record: &Record, now: Timestamp) -> Result<Admission, NodeError> {
        let header = record.header();
        let space = self.spaces().get(&header.space);
        let author = self.identity(&header.author)?;
        Ok(admit::admit(record, &Known { now, space: space.as_deref(), author: author.as_deref() }))
    }

    fn judge_group(
        &self,
        binding: &Binding,
        group: Vec<(usize, Record)>,
        batch: &mut Batch,
        slots: &mut Vec<(usize, Option<Fate>)>,
        now: Timestamp,
    ) -> Result<(), NodeError> {
        let validator = match self.modules().validator(binding) {
            Ok(validator) => validator,
            Err(Gap::Missing(key)) => {
                for (i, record) in group {
                    park(batch, slots, i, record, key, now);
                }
                return Ok(());
            }
            Err(gap) => return Err(gap.into()),
        };
        let lifecycle = judge::lifecycle(&validator);
        let mut judged = Vec::new();
        for (i, record) in group {
            let ephemeral = lifecycle == Lifecycle::Ephemeral;
            if ephemeral != (record.header().seq == 0) {
                batch.push(Item::Unpark(record.id()));
                let text = "records of ephemeral types stand outside the chain, and no others do".to_owned();
                slots.push((i, Some(Fate::Refused { code: "wrong-chain".to_owned(), text })));
            } else if record.header().op == Op::Delete {
                batch.put(record, lifecycle, Verdict::Valid(Vec::new()));
                slots.push((i, None));
            } else if record.payload().is_none() {
                // The header travels on without its body; the verdict comes with the body.
                let waiting = Waiting { on: vec![WaitKey::Record(record.id())], give_up: None };
                batch.put(record, lifecycle, Verdict::Pending(waiting));
                slots.push((i, Some(Fate::Parked { reason: "its body is not here".to_owned() })));
            } else {
                judged.push((i, record));
            }
        }
        let mut candidates: Vec<_> =
            judged.iter().map(|(_, r)| Subject::of(r.header(), r.payload().map(|p| &p.body)).candidate()).collect();
        let judgements = judge::judge(self.store(), &validator, &mut candidates)?;
        for ((i, record), judgement) in judged.into_iter().zip(judgements) {
            let (verdict, fate) = verdict(judgement, now);
            batch.put(record, lifecycle, verdict);
            slots.push((i, fate));
        }
        Ok(())
    }

    /// Looks again at parked and pending records whose time has come; how many were settled.
    pub fn retry_waiting(&self, now: Timestamp) -> Result<usize, NodeError> {
        const AT_ONCE: usize = 1024;
        let parked = self.store().parked_due(now, AT_ONCE)?;
        self.retry(parked.into_iter().map(|parked| parked.record).collect(), now)
    }

    /// Looks again at records that wait for something that has just come.
    pub fn retry_waiting_for(&self, key: &WaitKey, now: Timestamp) -> Result<usize, NodeError> {
        const AT_ONCE: usize = 1024;
        let parked = self.store().parked_waiting(key, AT_ONCE)?;
        self.retry(parked.into_iter().map(|parked| parked.record).collect(), now)
    }

    fn retry(&self, records: Vec<Record>, now: Timestamp) -> Result<usize, NodeError> {
        let ids: Vec<RecordId> = records.iter().map(Record::id).collect();
        let fates = self.ingest_decoded(records.into_iter().map(Ok).collect(), now)?;
        let settled = ids.iter().zip(&fates).filter(|(_, fate)| !matches!(fate, Fate::Parked { .. }));
        let batch: Batch = settled.map(|(id, _)| Item::Unpark(*id)).collect();
        let count = batch.len();
        self.store().commit(batch)?;
        Ok(count)
    }
}

fn decode(bytes: &[u8]) -> Result<Record, Fate> {
    Record::decode(bytes).map_err(|error| Fate::Refused { code: "malformed".to_owned(), text: error.to_string() })
}

/// Verifies on all cores. The answers are those of one core: batches only save work.
fn verify(headers: Vec<&SignedHeader>) -> Vec<bool> {
    headers.par_chunks(VERIFY_BATCH).flat_map_iter(|chunk| sign::verify_headers(chunk.iter().copied())).collect()
}

fn park(batch: &mut Batch, slots: &mut Vec<(usize, Option<Fate>)>, i: usize, record: Record, key: WaitKey, now: Timestamp) {
    let give_up = match key {
        WaitKey::Until(_) => None,
        _ => Some(now + PATIENCE_MS),
    };
    batch.push(Item::Park { record, waiting: Waiting { on: vec![key], give_up }, now });
    slots.push((i, Some(Fate::Parked { reason: format!("it waits for {}", describe(&key)) })));
}

fn describe(key: &WaitKey) -> String {
    match key {
        WaitKey::Until(time) => format!("its time ({time} ms)"),
        WaitKey::Constitution(id) => format!("constitution {id}"),
        WaitKey::Record(id) => format!("record {id}"),
        WaitKey::Module(id) => format!("module {id}"),
        WaitKey::Blob(id) => format!("blob {id}"),
        WaitKey::Identity(id) => format!("identity {id}"),
        WaitKey::Grant(id) => format!("grant {id}"),
    }
}

/// A judgement as the store keeps it, and the fate that follows unless the store objects.
fn verdict(judgement: Judgement, now: Timestamp) -> (Verdict, Option<Fate>) {
    use atlas_engine::Outcome::{Fault, Invalid, Needs, Valid};
    match judgement.outcome {
        Valid(entries) => (judge::store_entries(entries), None),
        Invalid(cause) => {
            let (code, text) = (cause.code().to_owned(), cause_text(&cause));
            let verdict = Verdict::Invalid { code: code.as_str().into(), text: text.as_str().into() };
            (verdict, Some(Fate::Invalid { code, text }))
        }
        Needs(ids) => {
            let on = ids.iter().filter_map(|id| id.parse().ok()).map(WaitKey::Record).collect();
            let reason = format!("it waits for {}", ids.join(", "));
            (Verdict::Pending(Waiting { on, give_up: Some(now + PATIENCE_MS) }), Some(Fate::Parked { reason }))
        }
        Fault(fault) => {
            // Local and passing: ask again in a minute.
            let waiting = Waiting { on: vec![WaitKey::Until(now + 60_000)], give_up: None };
            (Verdict::Pending(waiting), Some(Fate::Parked { reason: format!("this node could not judge it: {fault}") }))
        }
    }
}

fn cause_text(cause: &Cause) -> String {
    cause.to_string()
}

fn settle(fate: Option<Fate>, outcome: Outcome) -> Fate {
    match (fate, outcome) {
        (_, Outcome::Duplicate { .. }) => Fate::Duplicate,
        (_, Outcome::Refused { limit }) => Fate::Refused {
            code: "too-much-waits".to_owned(),
            text: format!("it would have to wait, and too much waits already ({limit:?})"),
        },
        (Some(fate), _) => fate,
        (None, Outcome::Stored { forked, .. }) => Fate::Accepted { forked },
        (None, _) => Fate::Accepted { forked: false },
    }
}
