//! Writing records here: complete, judge, sign, commit.
//!
//! A draft is judged *before* it is signed, so that a refused one takes no position in the
//! author's chain. Positions are handed out under a lock per (key, space), and batches reach
//! the committer in that order; a signed record leaves this process only after it is durable,
//! together with its position. So a crash cannot make a key sign two records for one position.

pub(crate) mod chain;
mod complete;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use atlas_engine::validator::Draft;
use atlas_engine::{Outcome as Judged, Refusal as DraftRefusal, Validator};
use atlas_record::header::{BlobRef, DELETES};
use atlas_record::identity::scope::Action;
use atlas_record::order::{Lifecycle, Rank};
use atlas_record::{
    Address, Body, Header, Key, Link, Op, Payload, RecordId, Salt, Target, Timestamp, TypeName, limits,
};
use atlas_store::{Batch, Status, StoredRecord, Ticket, Verdict};

use self::chain::{lock_tip, sign_into};
use self::complete::complete;
use crate::authority::Authority;
use crate::error::{NodeError, Refusal};
use crate::identities::{Local, random};
use crate::judge::{self, Subject};
use crate::node::Node;
use crate::spaces::Space;

/// What someone wants to write.
#[derive(Debug, Clone)]
pub struct NewRecord {
    /// The type.
    pub type_name: TypeName,
    /// The key, where given.
    pub key: Option<Key>,
    /// Typed references, where given.
    pub links: Vec<Link>,
    /// Attached files.
    pub blobs: Vec<BlobRef>,
    /// When the body may go.
    pub expires: Option<Timestamp>,
    /// The content.
    pub body: Body,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// Signed and stored.
    Stored {
        /// Its id.
        id: RecordId,
        /// Its address, where the type has keys.
        address: Option<Address>,
    },
    /// The same body stands, or stood, at this address: nothing was written.
    Unchanged {
        /// The record that has it.
        id: RecordId,
        /// Its address.
        address: Address,
    },
}

/// A run of writes by one author into one space.
pub struct Writer<'a> {
    node: &'a Node,
    space: Arc<Space>,
    author: Arc<Local>,
    /// What lets it write the type at hand.
    authority: Option<Authority>,
    skip_unchanged: bool,
    in_flight: VecDeque<Ticket>,
    /// Addresses that this run has written to and that may not be durable yet.
    pending: HashSet<Address>,
    /// Records that others may wait for.
    awaited: Vec<RecordId>,
}

/// Batches that may be on their way to the disk while the next one is prepared.
const IN_FLIGHT: usize = 4;

impl Node {
    /// Starts a run of writes. With `skip_unchanged`, what already stands or stood at its
    /// address is not written again.
    pub fn writer(&self, space: Arc<Space>, author: Arc<Local>, skip_unchanged: bool) -> Writer<'_> {
        Writer {
            node: self,
            space,
            author,
            authority: None,
            skip_unchanged,
            in_flight: VecDeque::new(),
            pending: HashSet::new(),
            awaited: Vec::new(),
        }
    }

    /// Writes one record and returns when it is durable.
    pub fn put(&self, space: Arc<Space>, author: Arc<Local>, new: NewRecord) -> Result<Written, NodeError> {
        let mut writer = self.writer(space, author, false);
        let written = writer.write(vec![new])?.remove(0)?;
        writer.finish()?;
        Ok(written)
    }

    /// Takes back what stands at an address or under an id. Only its author can.
    pub fn delete(&self, stored: &StoredRecord, author: &Local) -> Result<RecordId, NodeError> {
        let target = stored.record.header();
        let space = self
            .spaces()
            .get(&target.space)
            .ok_or_else(|| NodeError::missing("space", target.space, "the record's space is not one of this node's"))?;
        let now = crate::clock::now();
        // Before anything is decided: a module may have to be compiled first.
        let validator = self.modules().validator(space.binding(&target.type_name)?)?;
        let _deciding = self.decisions().begin();
        let authority = self.authority(author, &space, &target.type_name, Action::DELETE, now)?;
        if target.author != authority.author {
            let name = self.name_identity(&target.author);
            let text = format!("the record was written in the name of {name}: only there can it be taken back");
            return Err(Refusal::new("not-the-author", text).into());
        }
        self.keep_rate(&authority, now)?;
        let links = match target.record_key {
            Some(_) => Vec::new(),
            None => vec![Link {
                relation: DELETES.parse().expect("a constant relation is legal"),
                target: Target::from(stored.record.id()),
            }],
        };
        let created = now.max(target.created + 1);
        check_clock(created)?;
        let draft = Header {
            space: space.id,
            type_name: target.type_name.clone(),
            author: target.author,
            key: author.key(),
            grant: authority.grant,
            seq: 0,
            prev: None,
            skip: None,
            created,
            constitution: space.current().0,
            record_key: target.record_key.clone(),
            op: Op::Delete,
            links,
            blobs: Vec::new(),
            expires: None,
            body: None,
            ext: Vec::new(),
        };
        let chain = self.chains().of(draft.key, draft.space);
        let mut tip = lock_tip(&chain);
        let mut batch = Batch::new();
        let id = sign_into(
            self.store(),
            &mut tip,
            author,
            &authority,
            draft,
            None,
            judge::lifecycle(&validator),
            Verdict::Valid(Vec::new()),
            &mut batch,
        )?;
        let committed = self.store().commit(batch);
        if committed.is_err() {
            *tip = None;
        }
        committed?;
        Ok(id)
    }

    /// Takes a place in the grant's window, or says when to come again.
    fn keep_rate(&self, authority: &Authority, now: Timestamp) -> Result<(), NodeError> {
        let (Some(grant), Some(rate)) = (&authority.grant, &authority.rate) else { return Ok(()) };
        let mut failed = None;
        let taken = self.written().take(grant, rate, now, || {
            // What it wrote before this node was started: among the latest records.
            let from = self.store().watermark().saturating_sub(RATE_LOOKBACK);
            let times = self
                .store()
                .by_grant(grant, from, RATE_LOOKBACK as usize)
                .and_then(|numbers| Ok(self.store().by_numbers(numbers)?.iter().map(StoredRecord::created).collect()));
            times.unwrap_or_else(|error| {
                failed = Some(error);
                Vec::new()
            })
        });
        if let Some(error) = failed {
            return Err(error.into());
        }
        taken.map_err(|wait| {
            let per = humantime::format_duration(std::time::Duration::from_millis(rate.per_ms));
            let text = format!("the grant allows {} records in {per}", rate.records);
            // Rounded up: whoever comes then is not sent away again.
            let seconds = std::time::Duration::from_secs(wait.div_ceil(1000));
            let mut refusal = Refusal::new("rate-exceeded", text)
                .hint(format!("try again in {}", humantime::format_duration(seconds)));
            refusal.retry_ms = Some(wait);
            refusal.into()
        })
    }
}

/// Records among which a grant's last ones are looked for after a start.
const RATE_LOOKBACK: u64 = 50_000;

fn too_large(bytes: usize) -> Refusal {
    let text = format!(
        "the body has {bytes} bytes; a record's header and body have {} together at most",
        limits::RECORD_BYTES
    );
    Refusal::new("too-large", text).hint("move large content to a blob")
}

fn check_clock(created: Timestamp) -> Result<(), Refusal> {
    if created <= crate::clock::now() + limits::FUTURE_MS {
        return Ok(());
    }
    Err(Refusal::new(
        "future-dated",
        "what stands at this address was created more than 10 minutes in the future of this machine's clock",
    )
    .hint("check the clock; a record can only be replaced by a later one"))
}

/// A draft and its place in what the caller gave.
type Numbered = (usize, NewRecord);

/// A draft that its module completed, on its way to be judged.
struct Prepared {
    index: usize,
    new: NewRecord,
    address: Option<Address>,
    created: Timestamp,
}

impl Writer<'_> {
    /// Writes a batch: one answer each, in order. What is answered as stored is durable once
    /// [`finish`](Self::finish) returns, or once some later call has waited for it.
    pub fn write(&mut self, drafts: Vec<NewRecord>) -> Result<Vec<Result<Written, Refusal>>, NodeError> {
        let mut answers: Vec<Option<Result<Written, Refusal>>> = drafts.iter().map(|_| None).collect();
        let mut groups: Vec<(TypeName, Vec<Numbered>)> = Vec::new();
        for (i, draft) in drafts.into_iter().enumerate() {
            if draft.body.as_bytes().len() > limits::RECORD_BYTES {
                answers[i] = Some(Err(too_large(draft.body.as_bytes().len())));
                continue;
            }
            match groups.iter_mut().find(|(type_name, _)| *type_name == draft.type_name) {
                Some((_, group)) => group.push((i, draft)),
                None => groups.push((draft.type_name.clone(), vec![(i, draft)])),
            }
        }
        let node = self.node;
        for (type_name, _) in &groups {
            // Before anything is decided: a module may have to be compiled first. What is wrong with it is said below.
            if let Ok(binding) = self.space.binding(type_name) {
                let _ = node.modules().validator(binding);
            }
        }
        let _deciding = node.decisions().begin();
        for (type_name, group) in groups {
            match self.space.clone().binding(&type_name) {
                Err(refusal) => group.iter().for_each(|(i, _)| answers[*i] = Some(Err(refusal.clone()))),
                Ok(binding) => {
                    let now = crate::clock::now();
                    match self.node.authority(&self.author, &self.space, &type_name, Action::CREATE, now) {
                        Ok(authority) => self.authority = Some(authority),
                        Err(NodeError::Refused(refusal)) => {
                            group.iter().for_each(|(i, _)| answers[*i] = Some(Err(refusal.clone())));
                            continue;
                        }
                        Err(error) => return Err(error),
                    }
                    let validator = self.node.modules().validator(binding)?;
                    self.write_group(&validator, group, &mut answers)?;
                }
            }
        }
        while self.in_flight.len() > IN_FLIGHT {
            self.wait_oldest()?;
        }
        Ok(answers.into_iter().map(|answer| answer.expect("every draft is in one group, or too large")).collect())
    }

    /// Returns when everything written is durable.
    pub fn finish(mut self) -> Result<(), NodeError> {
        while !self.in_flight.is_empty() {
            self.wait_oldest()?;
        }
        self.node.records_came(std::mem::take(&mut self.awaited), crate::clock::now())
    }

    fn wait_oldest(&mut self) -> Result<(), NodeError> {
        let Some(ticket) = self.in_flight.pop_front() else { return Ok(()) };
        let waited = ticket.wait();
        if waited.is_err() {
            // What follows in the chain was signed onto what did not reach the disk.
            *lock_tip(&self.node.chains().of(self.author.key(), self.space.id)) = None;
        }
        waited?;
        if self.in_flight.is_empty() {
            self.pending.clear();
        }
        Ok(())
    }

    fn write_group(
        &mut self,
        validator: &Validator,
        mut group: Vec<Numbered>,
        answers: &mut [Option<Result<Written, Refusal>>],
    ) -> Result<(), NodeError> {
        while !group.is_empty() {
            let (prepared, rest) = self.prepare(validator, group, answers)?;
            self.sign(validator, prepared, answers)?;
            group = rest;
        }
        Ok(())
    }

    /// Judges what is prepared, signs what is valid and hands it to the committer.
    fn sign(
        &mut self,
        validator: &Validator,
        prepared: Vec<Prepared>,
        answers: &mut [Option<Result<Written, Refusal>>],
    ) -> Result<(), NodeError> {
        let mut candidates: Vec<_> = prepared.iter().map(|p| self.subject(p).candidate()).collect();
        let judgements = judge::judge(self.node.store(), validator, &mut candidates)?;
        let quarter = validator.binding().fuel / 4;
        let authority = self.authority.clone().expect("set for the group that is written");
        let (constitution, _) = self.space.current();
        let lifecycle = judge::lifecycle(validator);
        let chain = self.node.chains().of(self.author.key(), self.space.id);
        let mut tip = lock_tip(&chain);
        let mut batch = Batch::new();
        for (prepared, judgement) in prepared.into_iter().zip(judgements) {
            let index = prepared.index;
            let verdict = match judgement.outcome {
                Judged::Valid(_) if judgement.fuel.is_some_and(|fuel| fuel > quarter) => Err(Refusal::new(
                    "too-expensive",
                    "judging this record takes more than a quarter of the fuel that its type allows",
                )
                .hint("make the record smaller")),
                Judged::Valid(entries) => Ok(judge::store_entries(entries)),
                Judged::Invalid(cause) => Err(with_panic(Refusal::new(cause.code(), cause.to_string()), validator)),
                Judged::Needs(ids) => {
                    Err(Refusal::new("needs-records", format!("it cannot be judged without {}", ids.join(", ")))
                        .hint("fetch these records first"))
                }
                Judged::Fault(fault) => {
                    return Err(NodeError::Unavailable(format!(
                        "this node could not run the validator: {fault}; try again"
                    )));
                }
            };
            let verdict = match verdict {
                Ok(verdict) => verdict,
                Err(refusal) => {
                    answers[index] = Some(Err(refusal));
                    continue;
                }
            };
            let Prepared { new, address, created, .. } = prepared;
            let payload = Payload { salt: Salt(random()), body: new.body };
            let header = Header {
                space: self.space.id,
                type_name: new.type_name,
                author: authority.author,
                key: self.author.key(),
                grant: authority.grant,
                seq: 0,
                prev: None,
                skip: None,
                created,
                constitution,
                record_key: new.key,
                op: Op::Put,
                links: new.links,
                blobs: new.blobs,
                expires: new.expires,
                body: Some(payload.body.commit(&payload.salt)),
                ext: Vec::new(),
            };
            if let Some(rule) = broken_rule(&header) {
                answers[index] = Some(Err(Refusal::new("malformed", format!("a record has {rule}"))));
                continue;
            }
            if let Err(error) = self.node.keep_rate(&authority, crate::clock::now()) {
                match error {
                    NodeError::Refused(refusal) => answers[index] = Some(Err(refusal)),
                    other => return Err(other),
                }
                continue;
            }
            if let Some(address) = &address {
                self.pending.insert(address.clone());
            }
            let signed = sign_into(
                self.node.store(),
                &mut tip,
                &self.author,
                &authority,
                header,
                Some(payload),
                lifecycle,
                verdict,
                &mut batch,
            );
            answers[index] = Some(match signed {
                Ok(id) => {
                    if self.node.store().pending_count() > 0 {
                        self.awaited.push(id);
                    }
                    Ok(Written::Stored { id, address })
                }
                Err(NodeError::Refused(refusal)) => Err(refusal),
                Err(error) => return Err(error),
            });
        }
        if !batch.is_empty() {
            // Under the lock, so that batches reach the committer in the order of the chain.
            self.in_flight.push_back(self.node.store().submit(batch)?);
        }
        Ok(())
    }

    /// In whose name the group at hand is written.
    fn author_id(&self) -> atlas_record::IdentityId {
        self.authority.as_ref().expect("set for the group that is written").author
    }

    fn subject<'a>(&self, prepared: &'a Prepared) -> Subject<'a> {
        Subject {
            space: self.space.id,
            type_name: &prepared.new.type_name,
            author: self.author_id(),
            created: prepared.created,
            key: prepared.new.key.as_ref(),
            op: Op::Put,
            links: &prepared.new.links,
            blobs: &prepared.new.blobs,
            expires: prepared.new.expires,
            body: Some(&prepared.new.body),
        }
    }

    /// Has the module complete each draft, gives it a key where the type makes keys, and a
    /// time after what it replaces. Answers those that end here, and returns those that are
    /// prepared and those from the first address that comes a second time on: what came first
    /// has to be written first.
    fn prepare(
        &mut self,
        validator: &Validator,
        group: Vec<Numbered>,
        answers: &mut [Option<Result<Written, Refusal>>],
    ) -> Result<(Vec<Prepared>, Vec<Numbered>), NodeError> {
        let drafts: Vec<Draft> = group
            .iter()
            .map(|(_, new)| Draft {
                key: new.key.as_ref().map(ToString::to_string),
                links: judge::wit_links(&new.links),
                body: new.body.as_bytes().to_vec(),
            })
            .collect();
        let completed = validator.prepare(&drafts);
        let mut prepared: Vec<Prepared> = Vec::with_capacity(group.len());
        let mut seen = HashSet::new();
        let mut group = group.into_iter().zip(completed);
        while let Some(((index, new), draft)) = group.next() {
            let outcome = match draft {
                Ok(draft) => complete(new, draft, &validator.rules().key),
                Err(DraftRefusal::Fault(fault)) => {
                    return Err(NodeError::Unavailable(format!(
                        "this node could not run the validator: {fault}; try again"
                    )));
                }
                Err(refusal) => Err(with_panic(Refusal::new(refusal.code(), refusal.to_string()), validator)),
            };
            let new = match outcome {
                Ok(new) => new,
                Err(refusal) => {
                    answers[index] = Some(Err(refusal));
                    continue;
                }
            };
            if new.key.as_ref().is_some_and(|key| !seen.insert(key.clone())) {
                let rest = std::iter::once((index, new)).chain(group.map(|(draft, _)| draft));
                return Ok((prepared, rest.collect()));
            }
            match self.place(&new, judge::lifecycle(validator))? {
                Placed::Taken => answers[index] = Some(Err(self.cannot_replace())),
                Placed::At(created, address) => match check_clock(created) {
                    Ok(()) => prepared.push(Prepared { index, new, address, created }),
                    Err(refusal) => answers[index] = Some(Err(refusal)),
                },
                Placed::Unchanged(id, address) => answers[index] = Some(Ok(Written::Unchanged { id, address })),
            }
        }
        Ok((prepared, Vec::new()))
    }

    /// Where a draft goes, and when: later than what it replaces.
    fn place(&mut self, new: &NewRecord, lifecycle: Lifecycle) -> Result<Placed, NodeError> {
        let now = crate::clock::now();
        let Some(key) = &new.key else { return Ok(Placed::At(now, None)) };
        let address = Address {
            space: self.space.id,
            author: self.author_id(),
            type_name: new.type_name.clone(),
            key: key.clone(),
        };
        if self.pending.contains(&address) {
            // The same address twice in one run: what came first has to be visible.
            while !self.in_flight.is_empty() {
                self.wait_oldest()?;
            }
        }
        let earliest = match self.node.store().current(&address)? {
            None => now,
            Some(standing) => {
                if self.skip_unchanged
                    && let Some(id) = self.find_same(&address, &standing, &new.body)?
                {
                    return Ok(Placed::Unchanged(id, address));
                }
                let creates_only = self.authority.as_ref().is_some_and(|authority| authority.creates_only);
                if creates_only && lifecycle == Lifecycle::Replaceable {
                    return Ok(Placed::Taken);
                }
                if lifecycle == Lifecycle::Replaceable { now.max(standing.created() + 1) } else { now }
            }
        };
        Ok(Placed::At(earliest, Some(address)))
    }

    fn cannot_replace(&self) -> Refusal {
        let text = format!(
            "`{}` may not do this for {}: the grant does not cover `{}`, and a record stands at this address",
            self.author.name,
            self.node.name_identity(&self.author_id()),
            Action::REPLACE
        );
        Refusal::new("action-not-granted", text).hint("choose another key, or ask the owner for `replace`")
    }

    /// The record at this address that has this body, unless the address was given up.
    fn find_same(
        &self,
        address: &Address,
        standing: &StoredRecord,
        body: &Body,
    ) -> Result<Option<RecordId>, NodeError> {
        let same = |stored: &StoredRecord| stored.record.payload().is_some_and(|payload| payload.body == *body);
        if same(standing) {
            return Ok(Some(standing.record.id()));
        }
        if standing.status == Status::Delete {
            return Ok(None);
        }
        let mut from: Option<Rank> = None;
        loop {
            let page = self.node.store().history(address, from, 64)?;
            if let Some(stored) = page.records.iter().find(|stored| same(stored)) {
                return Ok(Some(stored.record.id()));
            }
            match page.next {
                Some(next) => from = Some(next),
                None => return Ok(None),
            }
        }
    }
}

/// Adds what the module said when it panicked, if that is why it refuses.
fn with_panic(refusal: Refusal, validator: &Validator) -> Refusal {
    match validator.last_panic() {
        Some(note) if refusal.code == "module-trapped" => refusal.hint(format!("the module panicked at {note}")),
        _ => refusal,
    }
}

enum Placed {
    /// Something stands there that the grant does not let it replace.
    Taken,
    At(Timestamp, Option<Address>),
    Unchanged(RecordId, Address),
}

/// Rules of the header that do not depend on its position, which it does not have yet.
fn broken_rule(header: &Header) -> Option<&'static str> {
    if header.links.len() > limits::LINKS {
        return Some("1,024 links at most");
    }
    if header.blobs.len() > limits::BLOBS {
        return Some("64 blobs at most");
    }
    header.broken_rule()
}
