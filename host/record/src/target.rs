//! What a record can point at.

use std::fmt;
use std::str::FromStr;

use crate::id::{Cid, IdentityId, RecordId};
use crate::limits;
use crate::name::{ADDRESS_PREFIX, Address, Relation};

/// The far end of a link.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// Content: a record, a blob, or anything else with a CID.
    Cid(Cid),
    /// A keyed record, whatever stands there now.
    Address(Address),
    /// An identity; text form `id:CID`.
    Identity(IdentityId),
    /// A name from outside, as `name:libssl3`: 1 to 256 bytes without control characters.
    Name(Box<str>),
}

impl From<RecordId> for Target {
    fn from(id: RecordId) -> Self {
        Target::Cid(id.to_cid())
    }
}

/// Why a text is no link target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a link target: expected a CID, atlas://SPACE/AUTHOR/TYPE/KEY, id:CID or name:TEXT")]
pub struct TargetError(String);

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Cid(cid) => cid.fmt(f),
            Target::Address(address) => address.fmt(f),
            Target::Identity(id) => write!(f, "id:{id}"),
            Target::Name(name) => write!(f, "name:{name}"),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let no = || TargetError(text.chars().take(100).collect());
        if let Some(name) = text.strip_prefix("name:") {
            let legal = (1..=limits::NAME_TARGET_BYTES).contains(&name.len()) && !name.chars().any(char::is_control);
            return if legal { Ok(Target::Name(name.into())) } else { Err(no()) };
        }
        if text.starts_with(ADDRESS_PREFIX) {
            return text.parse().map(Target::Address).map_err(|_| no());
        }
        if let Some(id) = text.strip_prefix("id:") {
            return id.parse().map(Target::Identity).map_err(|_| no());
        }
        text.parse().map(Target::Cid).map_err(|_| no())
    }
}

/// A typed reference from a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Link {
    /// What the target is to the record.
    pub relation: Relation,
    /// The target.
    pub target: Target,
}
