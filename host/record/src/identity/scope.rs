//! What a key may do in an identity's name, and that a part of it is never more than the whole.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::Timestamp;
use crate::cbor::{DecodeError, Fault, Reader, Writer};
use crate::id::SpaceId;
use crate::limits;
use crate::name::{NameError, TypeName};

/// Types, actions and spaces of one scope: at most this many of each.
pub const MOST_NAMED: usize = 64;
/// The longest that a grant holds, in milliseconds: 90 days.
pub const LONGEST_MS: u64 = 90 * 24 * 60 * 60 * 1000;
/// The deepest that a device's grant can be passed on.
pub const DEEPEST: u64 = 2;
/// Bytes of an action's name.
const ACTION_BYTES: usize = 32;

/// Something that a key may do. `create`, `replace` and `delete` are what records do; other
/// names are for modules and services, and the host only carries them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Action(Box<str>);

impl Action {
    /// Writes a record where none of the author's stands.
    pub const CREATE: &'static str = "create";
    /// Writes a record in place of another of the author's.
    pub const REPLACE: &'static str = "replace";
    /// Takes a record of the author's back.
    pub const DELETE: &'static str = "delete";

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Action {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let legal = |b: u8| b.is_ascii_lowercase() || b == b'-';
        if (1..=ACTION_BYTES).contains(&text.len()) && text.bytes().all(legal) && !text.starts_with('-') {
            return Ok(Self(text.into()));
        }
        Err(NameError {
            text: text.chars().take(100).collect(),
            what: "an action",
            why: "expected 1 to 32 lower-case letters and `-`, as create, replace, delete",
        })
    }
}

/// How often a key may write: enforced where it writes and by receivers for themselves, and
/// no part of validity, because no two nodes see the same window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// Records, at least 1.
    pub records: u64,
    /// In any stretch of this many milliseconds, at least 1.
    pub per_ms: u64,
}

impl Rate {
    /// Whether it never allows more than another rate, whatever the window: not more records,
    /// and not a shorter window.
    pub fn is_within(&self, whole: &Rate) -> bool {
        self.records <= whole.records && self.per_ms >= whole.per_ms
    }
}

/// What a grant allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Exactly these types.
    pub types: BTreeSet<TypeName>,
    /// Exactly these actions.
    pub actions: BTreeSet<Action>,
    /// In exactly these spaces.
    pub spaces: BTreeSet<SpaceId>,
    /// Records created then or later.
    pub not_before: Timestamp,
    /// Records created before then.
    pub expires: Timestamp,
    /// How many times it can be passed on.
    pub depth: u64,
    /// How often, if that is bounded.
    pub rate: Option<Rate>,
}

/// In which respect a scope is not a part of another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wider {
    /// A type.
    #[error("type {0}")]
    Type(TypeName),
    /// An action.
    #[error("action {0}")]
    Action(Action),
    /// A space.
    #[error("space {0}")]
    Space(SpaceId),
    /// The times between which it holds.
    #[error("the time it holds: {from} to {to} ms is not within {whole_from} to {whole_to} ms")]
    Window {
        /// From.
        from: Timestamp,
        /// To.
        to: Timestamp,
        /// From, of what it should be part of.
        whole_from: Timestamp,
        /// To, of what it should be part of.
        whole_to: Timestamp,
    },
    /// How often it can be passed on.
    #[error("depth {0}, where at most {1} is left")]
    Depth(u64, u64),
    /// How often records may be written.
    #[error("a higher rate, or none where there is one")]
    Rate,
}

impl Scope {
    /// Whether this is part of what a grant passes on: nothing is allowed that is not allowed
    /// there, and one step less deep.
    pub fn within(&self, whole: &Scope) -> Result<(), Wider> {
        if let Some(extra) = self.types.difference(&whole.types).next() {
            return Err(Wider::Type(extra.clone()));
        }
        if let Some(extra) = self.actions.difference(&whole.actions).next() {
            return Err(Wider::Action(extra.clone()));
        }
        if let Some(extra) = self.spaces.difference(&whole.spaces).next() {
            return Err(Wider::Space(*extra));
        }
        if self.not_before < whole.not_before || self.expires > whole.expires {
            let (from, to) = (self.not_before, self.expires);
            return Err(Wider::Window { from, to, whole_from: whole.not_before, whole_to: whole.expires });
        }
        match whole.depth.checked_sub(1) {
            Some(left) if self.depth <= left => {}
            left => return Err(Wider::Depth(self.depth, left.unwrap_or(0))),
        }
        match (&self.rate, &whole.rate) {
            (_, None) => Ok(()),
            (Some(part), Some(whole)) if part.is_within(whole) => Ok(()),
            _ => Err(Wider::Rate),
        }
    }

    /// Whether an action is allowed.
    pub fn allows(&self, action: &str) -> bool {
        self.actions.iter().any(|allowed| allowed.as_str() == action)
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.array(7);
        w.array(self.types.len());
        self.types.iter().for_each(|name| w.text(name.as_str()));
        w.array(self.actions.len());
        self.actions.iter().for_each(|action| w.text(action.as_str()));
        w.array(self.spaces.len());
        self.spaces.iter().for_each(|space| w.bytes(&space.0));
        w.uint(self.not_before);
        w.uint(self.expires);
        w.uint(self.depth);
        match &self.rate {
            Some(rate) => {
                w.array(2);
                w.uint(rate.records);
                w.uint(rate.per_ms);
            }
            None => w.null(),
        }
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(7, "a scope of 7 items")?;
        let at = r.at();
        let types = set(r, "64 types at most, sorted, each once", |r| r.parsed("a type name"))?;
        let actions = set(r, "64 actions at most, sorted, each once", |r| r.parsed("an action"))?;
        if actions.iter().any(|action: &Action| action.as_str() == Action::REPLACE)
            && !actions.iter().any(|action| action.as_str() == Action::CREATE)
        {
            return r.fail(at, Fault::Expected("`create` wherever there is `replace`"));
        }
        let spaces =
            set(r, "64 spaces at most, sorted, each once", |r| Ok(SpaceId(r.array_of("a space id of 32 bytes")?)))?;
        let at = r.at();
        let (not_before, expires) = (r.timestamp()?, r.timestamp()?);
        if expires <= not_before || expires - not_before > LONGEST_MS {
            return r.fail(at, Fault::Expected("an expiry after the beginning, by 90 days at most"));
        }
        let at = r.at();
        let depth = r.uint()?;
        if depth > DEEPEST {
            return r.fail(at, Fault::Expected("a depth of 2 at most"));
        }
        let rate = r.optional(|r| {
            r.tuple(2, "a rate: records and milliseconds")?;
            let at = r.at();
            let rate = Rate { records: r.uint()?, per_ms: r.uint()? };
            let sound = |value: u64| (1..=limits::MAX_COUNT).contains(&value);
            if sound(rate.records) && sound(rate.per_ms) {
                Ok(rate)
            } else {
                r.fail(at, Fault::Expected("a rate from 1 record and 1 ms, each below 2^53"))
            }
        })?;
        Ok(Self { types, actions, spaces, not_before, expires, depth, rate })
    }
}

/// A sorted list without repetition.
pub(super) fn set<T: Ord>(
    r: &mut Reader<'_>,
    what: &'static str,
    item: impl FnMut(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<BTreeSet<T>, DecodeError> {
    let at = r.at();
    let list = r.list(MOST_NAMED, what, item)?;
    if !list.windows(2).all(|pair| pair[0] < pair[1]) {
        return r.fail(at, Fault::Expected(what));
    }
    Ok(list.into_iter().collect())
}
