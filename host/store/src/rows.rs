//! How values are built: the stored record, what stands at an address, counts, the parked.
//!
//! Values are private to this version of the format; what travels is [`Record::encode`].

use std::borrow::Cow;

use atlas_record::order::{Lifecycle, Rank};
use atlas_record::record::Salt;
use atlas_record::{
    BlobId, ConstitutionId, GrantId, IdentityId, Op, Payload, Record, RecordId, SignedHeader, Timestamp,
};

use crate::decide::{Contender, Facts, Judged, Standing};
use crate::entry::{IndexEntry, IndexValue};
use crate::error::StoreError;
use crate::keys::{Name, Parts};
use crate::kv::Table;
use crate::stats::Counts;
use crate::status::{Status, StoredRecord, Verdict};
use crate::waiting::{WaitKey, Waiting};

/// A record and all that is known of it. Borrowed on the way in, owned on the way out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RecordRow<'a> {
    pub space: Name,
    pub type_name: Name,
    pub lifecycle: Lifecycle,
    pub superseded: bool,
    pub deleted: bool,
    pub expired: bool,
    pub erased: bool,
    pub revoked: bool,
    pub creates_only: bool,
    pub verdict: Cow<'a, Verdict>,
    pub signed: Cow<'a, SignedHeader>,
    pub payload: Option<Cow<'a, Payload>>,
}

/// What a scan in order of arrival needs, without decoding the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowHead {
    pub status: Status,
    pub created: Timestamp,
    pub space: Name,
}

const SUPERSEDED: u8 = 1;
const DELETED: u8 = 2;
const EXPIRED: u8 = 4;
const ERASED: u8 = 8;
const PAYLOAD: u8 = 16;
const REVOKED: u8 = 32;
const CREATES_ONLY: u8 = 64;
const ALL_FLAGS: u8 = SUPERSEDED | DELETED | EXPIRED | ERASED | PAYLOAD | REVOKED | CREATES_ONLY;

impl RecordRow<'_> {
    pub fn facts(&self) -> Facts {
        Facts {
            op: self.signed.header().op,
            judged: judged(&self.verdict),
            has_payload: self.payload.is_some(),
            superseded: self.superseded,
            deleted: self.deleted,
            expired: self.expired,
            erased: self.erased,
            revoked: self.revoked,
        }
    }

    /// Whether it does anything at its address, or to what it deletes.
    pub fn is_in_force(&self) -> bool {
        self.facts().is_in_force()
    }

    /// The record as its address sees it.
    pub fn contender(&self, n: u64) -> Contender {
        Contender {
            rank: self.rank(),
            n,
            op: self.signed.header().op,
            replaceable: self.lifecycle == Lifecycle::Replaceable,
            creates_only: self.creates_only,
        }
    }

    pub fn status(&self) -> Status {
        self.facts().status()
    }

    pub fn rank(&self) -> Rank {
        Rank { created: self.signed.header().created, id: self.signed.id() }
    }

    /// Bytes of the body that is here.
    pub fn body_bytes(&self) -> u64 {
        self.payload.as_ref().map_or(0, |payload| payload.body.as_bytes().len() as u64)
    }

    /// Bytes of header and body.
    pub fn size(&self) -> u64 {
        self.signed.as_bytes().len() as u64 + self.body_bytes()
    }

    /// The validator's entries, if it said valid.
    pub fn entries(&self) -> &[IndexEntry] {
        match &*self.verdict {
            Verdict::Valid(entries) => entries,
            _ => &[],
        }
    }

    /// What it waits for, if it does. A revoked record waits like any other, so that it has its
    /// verdict when it is restored.
    pub fn waiting(&self) -> Option<&Waiting> {
        match &*self.verdict {
            Verdict::Pending(waiting) if !self.facts().is_gone() => Some(waiting),
            _ => None,
        }
    }

    /// Appends the row's value.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let flag = |on: bool, flag: u8| if on { flag } else { 0 };
        out.extend_from_slice(&[
            self.status() as u8,
            lifecycle_byte(self.lifecycle),
            flag(self.superseded, SUPERSEDED)
                | flag(self.deleted, DELETED)
                | flag(self.expired, EXPIRED)
                | flag(self.erased, ERASED)
                | flag(self.payload.is_some(), PAYLOAD)
                | flag(self.revoked, REVOKED)
                | flag(self.creates_only, CREATES_ONLY),
        ]);
        out.extend_from_slice(&self.signed.header().created.to_be_bytes());
        out.extend_from_slice(&self.space.to_be_bytes());
        out.extend_from_slice(&self.type_name.to_be_bytes());
        sized(out, self.signed.as_bytes());
        if let Some(payload) = &self.payload {
            out.extend_from_slice(&payload.salt.0);
            sized(out, payload.body.as_bytes());
        }
        encode_verdict(out, &self.verdict);
    }

    /// The record with its status, for callers.
    pub fn into_stored(self, n: u64) -> StoredRecord {
        let (status, lifecycle, revoked, creates_only) =
            (self.status(), self.lifecycle, self.revoked, self.creates_only);
        let record = Record::read_back(self.signed.into_owned(), self.payload.map(Cow::into_owned));
        let verdict = self.verdict.into_owned();
        StoredRecord { n, record, status, lifecycle, verdict, revoked, creates_only }
    }
}

/// A row's value taken apart, and nothing of it decoded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawRow<'a> {
    pub status: Status,
    lifecycle: u8,
    flags: u8,
    created: Timestamp,
    pub space: Name,
    pub type_name: Name,
    pub header: &'a [u8],
    /// Salt and body.
    pub payload: Option<(&'a [u8; 16], &'a [u8])>,
    verdict: &'a [u8],
}

impl<'a> RawRow<'a> {
    /// Takes a row's value apart.
    pub fn of(n: u64, bytes: &'a [u8]) -> Result<Self, StoreError> {
        let mut parts = Parts(bytes);
        let mut row = || {
            let status = Status::from_byte(parts.byte()?)?;
            let lifecycle = parts.byte()?;
            let flags = parts.flags(ALL_FLAGS)?;
            let created = parts.time()?;
            let (space, type_name) = (parts.name()?, parts.name()?);
            let header = parts.sized()?;
            let payload = match flags & PAYLOAD {
                0 => None,
                _ => Some((parts.take(16)?.first_chunk()?, parts.sized()?)),
            };
            Some(Self { status, lifecycle, flags, created, space, type_name, header, payload, verdict: parts.0 })
        };
        row().ok_or_else(|| StoreError::damaged(Table::Records, format!("record {n}: cut off or malformed")))
    }

    /// Whether the record waits for a verdict.
    pub fn is_pending(&self) -> bool {
        self.verdict.first() == Some(&PENDING)
    }
}

impl RecordRow<'static> {
    /// Reads a row's value. The header is checked as one from outside is, and the body against
    /// the header's commitment.
    pub fn decode(n: u64, bytes: &[u8]) -> Result<Self, StoreError> {
        let damaged = |what: &str| StoreError::damaged(Table::Records, format!("record {n}: {what}"));
        let raw = RawRow::of(n, bytes)?;
        let mut verdict = Parts(raw.verdict);
        let verdict = decode_verdict(&mut verdict).filter(|_| verdict.end().is_some());
        let (Some(lifecycle), Some(verdict)) = (lifecycle_of(raw.lifecycle), verdict) else {
            return Err(damaged("cut off or malformed"));
        };
        let signed = SignedHeader::decode(raw.header).map_err(|error| damaged(&error.to_string()))?;
        let payload = match raw.payload {
            None => None,
            Some((salt, body)) => {
                let payload = Payload::read_back(Salt(*salt), body, signed.header());
                Some(Cow::Owned(payload.map_err(|error| damaged(&error.to_string()))?))
            }
        };
        let flags = raw.flags;
        let row = Self {
            space: raw.space,
            type_name: raw.type_name,
            lifecycle,
            superseded: flags & SUPERSEDED != 0,
            deleted: flags & DELETED != 0,
            expired: flags & EXPIRED != 0,
            erased: flags & ERASED != 0,
            revoked: flags & REVOKED != 0,
            creates_only: flags & CREATES_ONLY != 0,
            verdict: Cow::Owned(verdict),
            signed: Cow::Owned(signed),
            payload,
        };
        if row.creates_only && row.signed.header().op == Op::Delete {
            return Err(damaged("it is a delete, and is said to create"));
        }
        if row.status() != raw.status || row.signed.header().created != raw.created {
            return Err(damaged("its summary differs from what it summarises"));
        }
        Ok(row)
    }
}

/// The first bytes of a row.
pub(crate) fn row_head(n: u64, bytes: &[u8]) -> Result<RowHead, StoreError> {
    let parts = || {
        let mut parts = Parts(bytes);
        let status = Status::from_byte(parts.byte()?)?;
        parts.take(2)?;
        Some(RowHead { status, created: parts.time()?, space: parts.name()? })
    };
    parts().ok_or_else(|| StoreError::damaged(Table::Records, format!("record {n}: cut off")))
}

pub(crate) fn judged(verdict: &Verdict) -> Judged {
    match verdict {
        Verdict::Valid(_) => Judged::Valid,
        Verdict::Invalid { .. } => Judged::Invalid,
        Verdict::Pending(_) => Judged::Pending,
    }
}

fn lifecycle_byte(lifecycle: Lifecycle) -> u8 {
    match lifecycle {
        Lifecycle::Append => 0,
        Lifecycle::Replaceable => 1,
        Lifecycle::Ephemeral => 2,
    }
}

fn lifecycle_of(byte: u8) -> Option<Lifecycle> {
    [Lifecycle::Append, Lifecycle::Replaceable, Lifecycle::Ephemeral].get(usize::from(byte)).copied()
}

fn sized(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("a part of a row is below 4 GiB");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// What a verdict begins with.
const VALID: u8 = 0;
const INVALID: u8 = 1;
const PENDING: u8 = 2;

fn encode_verdict(out: &mut Vec<u8>, verdict: &Verdict) {
    match verdict {
        Verdict::Valid(entries) => {
            out.push(VALID);
            for entry in entries {
                sized(out, entry.name.as_bytes());
                match &entry.value {
                    IndexValue::Integer(integer) => {
                        out.push(0);
                        out.extend_from_slice(&integer.to_be_bytes());
                    }
                    IndexValue::Text(text) => {
                        out.push(1);
                        sized(out, text.as_bytes());
                    }
                }
            }
        }
        Verdict::Invalid { code, text } => {
            out.push(INVALID);
            sized(out, code.as_bytes());
            sized(out, text.as_bytes());
        }
        Verdict::Pending(waiting) => {
            out.push(PENDING);
            encode_waiting(out, waiting);
        }
    }
}

/// Reads to the end.
fn decode_verdict(parts: &mut Parts<'_>) -> Option<Verdict> {
    Some(match parts.byte()? {
        VALID => {
            let mut entries = Vec::new();
            while !parts.0.is_empty() {
                let name = parts.text()?;
                let value = match parts.byte()? {
                    0 => IndexValue::Integer(i64::from_be_bytes(parts.array()?)),
                    1 => IndexValue::Text(parts.text()?),
                    _ => return None,
                };
                entries.push(IndexEntry { name, value });
            }
            Verdict::Valid(entries)
        }
        INVALID => Verdict::Invalid { code: parts.text()?, text: parts.text()? },
        PENDING => Verdict::Pending(decode_waiting(parts)?),
        _ => return None,
    })
}

/// What a record waits for, with its length in front.
pub(crate) fn encode_waiting(out: &mut Vec<u8>, waiting: &Waiting) {
    out.extend_from_slice(&waiting.give_up.map_or(u64::MAX, |at| at).to_be_bytes());
    out.extend_from_slice(&u32::try_from(waiting.on.len()).expect("few").to_be_bytes());
    for key in &waiting.on {
        let (kind, bytes) = match key {
            WaitKey::Until(at) => (0, &at.to_be_bytes()[..]),
            WaitKey::Constitution(id) => (1, &id.0[..]),
            WaitKey::Record(id) => (2, &id.0[..]),
            WaitKey::Module(id) => (3, &id.0[..]),
            WaitKey::Blob(id) => (4, &id.0[..]),
            WaitKey::Identity(id) => (5, &id.0[..]),
            WaitKey::Grant(id) => (6, &id.0[..]),
        };
        out.push(kind);
        out.extend_from_slice(bytes);
    }
}

pub(crate) fn decode_waiting(parts: &mut Parts<'_>) -> Option<Waiting> {
    let give_up = Some(parts.time()?).filter(|at| *at != u64::MAX);
    let count = parts.name()?;
    let on = (0..count)
        .map(|_| {
            Some(match parts.byte()? {
                0 => WaitKey::Until(parts.time()?),
                1 => WaitKey::Constitution(ConstitutionId(parts.array()?)),
                2 => WaitKey::Record(RecordId(parts.array()?)),
                3 => WaitKey::Module(BlobId(parts.array()?)),
                4 => WaitKey::Blob(BlobId(parts.array()?)),
                5 => WaitKey::Identity(IdentityId(parts.array()?)),
                6 => WaitKey::Grant(GrantId(parts.array()?)),
                _ => return None,
            })
        })
        .collect::<Option<_>>()?;
    Some(Waiting { on, give_up })
}

/// A record in the history of an address: not what stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HistoryRow {
    pub record: Contender,
    pub in_force: bool,
}

const IN_FORCE: u8 = 1;
const DELETE: u8 = 2;
const REPLACEABLE: u8 = 4;
const DELETED_BELOW: u8 = 8;
const CREATES: u8 = 16;
const CONTENDER_FLAGS: u8 = DELETE | REPLACEABLE | CREATES;

fn contender_flags(record: &Contender) -> u8 {
    (if record.op == Op::Delete { DELETE } else { 0 })
        | (if record.replaceable { REPLACEABLE } else { 0 })
        | (if record.creates_only { CREATES } else { 0 })
}

fn contender(rank: Rank, n: u64, flags: u8) -> Contender {
    let op = if flags & DELETE == 0 { Op::Put } else { Op::Delete };
    Contender { rank, n, op, replaceable: flags & REPLACEABLE != 0, creates_only: flags & CREATES != 0 }
}

impl HistoryRow {
    /// The row's value; its key ends with the rank.
    pub fn encode(&self) -> [u8; 9] {
        let mut out = [0; 9];
        out[..8].copy_from_slice(&self.record.n.to_be_bytes());
        out[8] = contender_flags(&self.record) | if self.in_force { IN_FORCE } else { 0 };
        out
    }

    /// Reads a row whose key goes on behind `address`, an address of so many bytes.
    pub fn decode(address: usize, key: &[u8], value: &[u8]) -> Result<Self, StoreError> {
        let rank = || {
            let mut tail = Parts(key.get(address..)?);
            let rank = tail.rank()?;
            tail.end().map(|()| rank)
        };
        let mut parts = Parts(value);
        let (Some(rank), Some(n), Some(flags)) = (rank(), parts.number(), parts.flags(CONTENDER_FLAGS | IN_FORCE))
        else {
            return Err(StoreError::damaged(Table::Address, "a history row is malformed"));
        };
        Ok(Self { record: contender(rank, n, flags), in_force: flags & IN_FORCE != 0 })
    }
}

/// What stands at an address; `None` where nothing is in force.
pub(crate) fn encode_standing(standing: &Standing) -> Option<Vec<u8>> {
    let top = standing.top?;
    let mut out = Vec::with_capacity(90);
    out.extend_from_slice(&top.n.to_be_bytes());
    out.push(contender_flags(&top) | if standing.deleted_below.is_some() { DELETED_BELOW } else { 0 });
    for rank in [Some(top.rank), standing.deleted_below].into_iter().flatten() {
        out.extend_from_slice(&rank.created.to_be_bytes());
        out.extend_from_slice(&rank.id.0);
    }
    Some(out)
}

pub(crate) fn decode_standing(bytes: &[u8]) -> Result<Standing, StoreError> {
    let parts = || {
        let mut parts = Parts(bytes);
        let (n, flags, rank) = (parts.number()?, parts.flags(CONTENDER_FLAGS | DELETED_BELOW)?, parts.rank()?);
        let deleted_below = if flags & DELETED_BELOW == 0 { None } else { Some(parts.rank()?) };
        parts.end()?;
        Some(Standing { top: Some(contender(rank, n, flags)), deleted_below })
    };
    parts().ok_or_else(|| StoreError::damaged(Table::Address, "the row of what stands is malformed"))
}

pub(crate) fn encode_counts(counts: &Counts) -> [u8; 24] {
    let mut out = [0; 24];
    for (part, value) in out.chunks_exact_mut(8).zip([counts.visible, counts.total, counts.body_bytes]) {
        part.copy_from_slice(&value.to_be_bytes());
    }
    out
}

pub(crate) fn decode_counts(bytes: &[u8]) -> Result<Counts, StoreError> {
    let parts = || {
        let mut parts = Parts(bytes);
        Some(Counts { visible: parts.number()?, total: parts.number()?, body_bytes: parts.number()? })
    };
    parts().ok_or_else(|| StoreError::damaged(Table::Counts, "a row is cut off"))
}
