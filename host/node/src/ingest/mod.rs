//! Taking in records that were written elsewhere.
//!
//! Each record goes through the same stages, in this order: *decode* (canonical bytes, the
//! body is the one committed to), *verify* (the signature, many at once), *admit* (space,
//! author, grant, admission, constitution, time: [`admit`] decides from what is known),
//! *judge* (the bound validator), *commit*. A stage that cannot decide yet parks the record;
//! one that says no says why. Nothing here trusts whoever delivered the bytes. [`again`] is how
//! records that wait are looked at once more.

pub mod admit;
mod again;
pub mod peers;
pub mod turns;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use atlas_engine::{Cause, Judgement};
use atlas_record::order::Lifecycle;
use atlas_record::space::Binding;
use atlas_record::{BlobId, Op, Record, RecordId, SignedHeader, Timestamp, sign};
use atlas_store::{Batch, Item, JudgedRecord, Outcome, Status, Verdict, WaitKey, Waiting};
use rayon::prelude::*;
use serde::Serialize;

use crate::error::{NodeError, Refusal};
use crate::judge::{self, Subject};
use crate::modules::Gap;
use crate::node::Node;
use crate::overlay::{Headers, Standing, standing};
use admit::{Admission, Admitted, Known};

/// How long a record waits for what it needs before it counts as given up. Milliseconds.
pub const PATIENCE_MS: u64 = 7 * 24 * 60 * 60 * 1000;

/// When a record is looked at again that this node could not judge for reasons of its own.
const LATER_MS: u64 = 60 * 1000;

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

impl Fate {
    /// Whether the record is in the replicated set now, and was not before.
    fn is_stored(&self) -> bool {
        matches!(self, Fate::Accepted { .. } | Fate::Invalid { .. })
    }

    /// Whether its header may be here since, with or without a verdict.
    fn holds_header(&self) -> bool {
        !matches!(self, Fate::Refused { .. })
    }
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

/// How much of a record is here already.
enum Presence {
    /// Nothing.
    Absent,
    /// Its header, which still wants the body that has come now.
    Bare,
    /// All that this node will ever keep of it.
    Whole,
}

/// A record on its way in, by its place among those that came with it.
struct Arrival {
    i: usize,
    record: Record,
    /// Its header is stored already.
    known: bool,
    /// It may only stand where none of its author's records does.
    creates_only: bool,
    /// Something that is known of its author takes it away.
    revoked: bool,
}

impl Arrival {
    /// Stores it with its verdict; of one that is known, the verdict and the body.
    fn keep(self, batch: &mut Batch, lifecycle: Lifecycle, verdict: Verdict) {
        if self.known {
            batch.push(Item::Judge { id: self.record.id(), verdict, payload: self.record.payload().cloned() });
        } else {
            batch.push(Item::Put(JudgedRecord {
                revoked: self.revoked,
                creates_only: self.creates_only,
                ..JudgedRecord::new(self.record, lifecycle, verdict)
            }));
        }
    }

    fn new(i: usize, record: Record, known: bool) -> Self {
        Self { i, record, known, creates_only: false, revoked: false }
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
        let (mut fresh, mut arrivals): (Vec<Arrival>, Vec<Arrival>) = (Vec::new(), Vec::new());
        // The same record twice in one batch: the places of both.
        let (mut first_of, mut twins) = (HashMap::new(), Vec::new());
        for (i, result) in decoded.into_iter().enumerate() {
            let result = result.map(|record| self.denied().strip(record));
            fates.push(match result {
                Err(fate) => Some(fate),
                Ok(record) => match self.presence(&record)? {
                    Presence::Absent => {
                        match first_of.entry(record.id()) {
                            Entry::Vacant(place) => {
                                place.insert(fresh.len());
                                fresh.push(Arrival::new(i, record, false));
                            }
                            Entry::Occupied(place) => {
                                let first = &mut fresh[*place.get()];
                                twins.push((i, first.i));
                                if first.record.payload().is_none() {
                                    first.record = record; // this one may bring the body
                                }
                            }
                        }
                        None
                    }
                    // A known id is a known byte string: its signature was verified when it came.
                    Presence::Bare => {
                        arrivals.push(Arrival::new(i, record, true));
                        None
                    }
                    Presence::Whole => Some(Fate::Duplicate),
                },
            });
        }
        let authentic = verify(fresh.iter().map(|arrival| arrival.record.signed()).collect());
        for (arrival, authentic) in fresh.into_iter().zip(authentic) {
            if authentic {
                arrivals.push(arrival);
                continue;
            }
            let Arrival { i, record, .. } = arrival;
            fates[i] = Some(Fate::Refused {
                code: "bad-signature".to_owned(),
                text: format!("the signature of record {} is not that of key {}", record.id(), record.header().key),
            });
        }
        let ids: Vec<(usize, RecordId)> = arrivals.iter().map(|arrival| (arrival.i, arrival.record.id())).collect();
        for (i, fate) in self.decide(arrivals, now)? {
            fates[i] = Some(fate);
        }
        for (i, first) in twins {
            fates[i] = match &fates[first] {
                Some(Fate::Accepted { .. }) => Some(Fate::Duplicate),
                other => other.clone(),
            };
        }
        let fates: Vec<Fate> = fates.into_iter().map(|fate| fate.expect("every record met its fate above")).collect();
        let came: Vec<RecordId> = ids.iter().filter(|(i, _)| fates[*i].is_stored()).map(|(_, id)| *id).collect();
        // A header is enough for a path, whatever its body waits for.
        let held: Vec<RecordId> = ids.iter().filter(|(i, _)| fates[*i].holds_header()).map(|(_, id)| *id).collect();
        self.headers_came(&held)?;
        self.records_came(came, now)?;
        Ok(fates)
    }

    /// How much of a record is here.
    fn presence(&self, record: &Record) -> Result<Presence, NodeError> {
        let Some(n) = self.store().number(&record.id())? else { return Ok(Presence::Absent) };
        if record.payload().is_none() {
            return Ok(Presence::Whole);
        }
        // One that was taken back meanwhile is judged all the same, so that every node says the
        // same of it; the store does not keep its body.
        let wanted = self.store().by_number(n)?.is_some_and(|stored| {
            let undecided = matches!(stored.verdict, Verdict::Pending(_)) || stored.status == Status::Bodiless;
            undecided && stored.record.payload().is_none()
        });
        Ok(if wanted { Presence::Bare } else { Presence::Whole })
    }

    /// Admits, judges and commits records whose signatures are good. The fate of each, by its
    /// place, in any order.
    fn decide(&self, arrivals: Vec<Arrival>, now: Timestamp) -> Result<Vec<(usize, Fate)>, NodeError> {
        let deciding = self.decisions().begin();
        let turn = self.turns().take();
        let mut fates = Vec::with_capacity(arrivals.len());
        let mut batch = Batch::new();
        let mut slots: Vec<(usize, Option<Fate>)> = Vec::new();
        let mut to_judge: HashMap<Binding, Vec<Arrival>> = HashMap::new();
        let mut awaited = HashSet::new();
        let (mut headers, mut notes) = (Headers::new(self.store()), Batch::new());
        for arrival in &arrivals {
            headers.know(arrival.record.id(), arrival.record.header());
        }
        for mut arrival in arrivals {
            let admission = match self.admit(&arrival.record, now)? {
                Admission::Admit(admitted) if !arrival.known => self.limit(admitted, &arrival.record, now),
                other => other,
            };
            match admission {
                Admission::Admit(admitted) => {
                    arrival.creates_only = admitted.creates_only;
                    awaited.extend(self.weigh(&mut arrival, &mut headers, &mut notes)?);
                    to_judge.entry(admitted.binding).or_default().push(arrival);
                }
                _ if arrival.known => fates.push((arrival.i, Fate::Duplicate)),
                Admission::Refuse(refusal) => fates.push((arrival.i, refusal.into())),
                Admission::Park(key) => park(&mut batch, &mut slots, arrival, key, now),
            }
        }
        let mut compiling = Vec::new();
        for (binding, group) in to_judge {
            if let Some(code) = self.judge_group(&binding, group, &mut batch, &mut slots, now)? {
                compiling.push(code);
            }
        }
        drop(turn);
        if !notes.is_empty() {
            // First: one that waits and is not noted would wait for good.
            self.store().commit(notes)?;
        }
        awaited.extend(batch.waits().filter_map(|key| if let WaitKey::Record(id) = key { Some(*id) } else { None }));
        let outcomes = self.store().commit(batch)?;
        // Only now: what waits must be there to be found.
        compiling.into_iter().for_each(|code| self.judge_when_compiled(code));
        let overlooked = deciding.overlooked(&awaited);
        drop(deciding);
        self.headers_came(&overlooked)?;
        self.records_came(overlooked, now)?;
        fates.extend(slots.into_iter().zip(outcomes).map(|((i, fate), outcome)| (i, settle(fate, outcome))));
        Ok(fates)
    }

    /// What is known here of a record's surroundings, put to [`admit::admit`].
    fn admit(&self, record: &Record, now: Timestamp) -> Result<Admission, NodeError> {
        let header = record.header();
        let space = self.spaces().get(&header.space);
        let author = self.identity(&header.author)?;
        Ok(admit::admit(record, &Known { now, space: space.as_deref(), author: author.as_deref() }))
    }

    /// Sees whether what is known of its author takes a record away; or, for now, that a header is not here.
    fn weigh(
        &self,
        arrival: &mut Arrival,
        headers: &mut Headers<'_>,
        notes: &mut Batch,
    ) -> Result<Option<RecordId>, NodeError> {
        let header = arrival.record.header();
        let Some(author) = self.identity(&header.author)? else { return Ok(None) };
        let id = arrival.record.id();
        let standing = standing(&author, header, id, headers)?;
        arrival.revoked = standing != Standing::Stands;
        let Standing::Unproven(missing) = standing else { return Ok(None) };
        self.unproven().wait(missing, id, notes);
        Ok(Some(missing))
    }

    /// Lets what an app has just written in no faster than its grant says. What is older was
    /// written at its own time, and this node is only behind.
    fn limit(&self, admitted: Admitted, record: &Record, now: Timestamp) -> Admission {
        let Some((grant, rate)) = &admitted.rated else { return Admission::Admit(admitted) };
        if record.header().created.saturating_add(rate.per_ms) < now {
            return Admission::Admit(admitted);
        }
        match self.received().take(grant, rate, now, Vec::new) {
            Ok(()) => Admission::Admit(admitted),
            Err(wait) => Admission::Park(WaitKey::Until(now + wait)),
        }
    }

    /// Judges records of one binding. The code that they wait for, if the compiler has it.
    fn judge_group(
        &self,
        binding: &Binding,
        group: Vec<Arrival>,
        batch: &mut Batch,
        slots: &mut Vec<(usize, Option<Fate>)>,
        now: Timestamp,
    ) -> Result<Option<BlobId>, NodeError> {
        let validator = match self.modules().validator_soon(binding) {
            Ok(validator) => validator,
            Err(Gap::Missing(key)) => {
                group.into_iter().for_each(|arrival| park(batch, slots, arrival, key, now));
                return Ok(None);
            }
            Err(Gap::Compiling(code)) => {
                group.into_iter().for_each(|arrival| park(batch, slots, arrival, WaitKey::Module(code), now));
                return Ok(Some(code));
            }
            Err(Gap::Broken(error)) => {
                // The trouble of this slot alone: what came with these records is taken all the same.
                tracing::warn!("the module of {} records cannot be used: {error}", group.len());
                for arrival in group {
                    let i = arrival.i;
                    park(batch, slots, arrival, WaitKey::Until(now + LATER_MS), now);
                    if let Some((at, Some(Fate::Parked { reason }))) = slots.last_mut()
                        && *at == i
                    {
                        *reason = format!("its module cannot be used here: {error}");
                    }
                }
                return Ok(None);
            }
            Err(gap @ Gap::Store(_)) => return Err(gap.into()),
        };
        let lifecycle = judge::lifecycle(&validator);
        let mut judged = Vec::new();
        for arrival in group {
            let header = arrival.record.header();
            let ephemeral = lifecycle == Lifecycle::Ephemeral;
            if ephemeral != (header.seq == 0) {
                batch.push(Item::Unpark(arrival.record.id()));
                let text = "records of ephemeral types stand outside the chain, and no others do".to_owned();
                slots.push((arrival.i, Some(Fate::Refused { code: "wrong-chain".to_owned(), text })));
            } else if header.op == Op::Delete {
                slots.push((arrival.i, None));
                arrival.keep(batch, lifecycle, Verdict::Valid(Vec::new()));
            } else if arrival.record.payload().is_none() {
                // The header travels on without its body; the verdict comes with the body.
                let waiting = Waiting { on: vec![WaitKey::Record(arrival.record.id())], give_up: None };
                slots.push((arrival.i, Some(Fate::Parked { reason: "its body is not here".to_owned() })));
                arrival.keep(batch, lifecycle, Verdict::Pending(waiting));
            } else {
                judged.push(arrival);
            }
        }
        let subject = |arrival: &Arrival| {
            Subject::of(arrival.record.header(), arrival.record.payload().map(|payload| &payload.body)).candidate()
        };
        let mut candidates: Vec<_> = judged.iter().map(subject).collect();
        let judgements = judge::judge(self.store(), &validator, &mut candidates)?;
        for (arrival, judgement) in judged.into_iter().zip(judgements) {
            let (verdict, fate) = verdict(judgement, now);
            slots.push((arrival.i, fate));
            arrival.keep(batch, lifecycle, verdict);
        }
        Ok(None)
    }
}

fn decode(bytes: &[u8]) -> Result<Record, Fate> {
    Record::decode(bytes).map_err(|error| Fate::Refused { code: "malformed".to_owned(), text: error.to_string() })
}

/// Verifies on all cores. The answers are those of one core: batches only save work.
fn verify(headers: Vec<&SignedHeader>) -> Vec<bool> {
    headers.par_chunks(VERIFY_BATCH).flat_map_iter(|chunk| sign::verify_headers(chunk.iter().copied())).collect()
}

fn park(batch: &mut Batch, slots: &mut Vec<(usize, Option<Fate>)>, arrival: Arrival, key: WaitKey, now: Timestamp) {
    let Arrival { i, record, known, .. } = arrival;
    if known {
        batch.push(Item::Unpark(record.id())); // it is stored, and waits in its own way
        slots.push((i, Some(Fate::Duplicate)));
        return;
    }
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
            // Local and passing.
            let waiting = Waiting { on: vec![WaitKey::Until(now + LATER_MS)], give_up: None };
            (Verdict::Pending(waiting), Some(Fate::Parked { reason: format!("this node could not judge it: {fault}") }))
        }
    }
}

fn cause_text(cause: &Cause) -> String {
    cause.to_string()
}

fn settle(fate: Option<Fate>, outcome: Outcome) -> Fate {
    match (fate, outcome) {
        (_, Outcome::Duplicate { .. } | Outcome::Unchanged { .. }) => Fate::Duplicate,
        (_, Outcome::Refused { limit }) => Fate::Refused {
            code: "too-much-waits".to_owned(),
            text: format!("it would have to wait, and too much waits already ({limit:?})"),
        },
        (Some(fate), _) => fate,
        (None, Outcome::Stored { forked, .. }) => Fate::Accepted { forked },
        (None, _) => Fate::Accepted { forked: false },
    }
}
