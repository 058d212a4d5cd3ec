//! What stands: pure decisions about one record and its address.
//!
//! The verdicts, puts and deletes known of an address are a set; what stands is a function
//! of that set. The functions here keep that function up to date one arrival at a time, from
//! a summary of constant size ([`Standing`]), and name the other records that change.
//!
//! The rules: the valid record of the highest [`Rank`] stands. A put that ranks below a valid
//! delete is deleted. A replaceable put that ranks below a valid record is superseded.

use atlas_record::Op;
use atlas_record::order::{Lifecycle, Rank};

use crate::status::Status;

/// What is known of an address: a summary of its valid records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Standing {
    /// The valid record of the highest rank.
    pub top: Option<Top>,
    /// The valid delete of the highest rank.
    pub deleted_below: Option<Rank>,
}

/// The record that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Top {
    pub rank: Rank,
    pub n: u64,
    pub op: Op,
    pub replaceable: bool,
}

/// Where a record's place at its address is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// It stands.
    Top,
    /// It is part of the history.
    History,
}

/// What follows for a record from where it is placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placed {
    pub place: Place,
    /// A valid delete ranks above it.
    pub deleted: bool,
    /// A valid record stands above it, and it is replaceable.
    pub superseded: bool,
}

/// What an arrival does to its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub standing: Standing,
    pub placed: Placed,
    /// The record that stood before and joins the history.
    pub displaced: Option<Top>,
    /// Puts that rank between these two are deleted from now on.
    pub deletes: Option<(Option<Rank>, Rank)>,
}

/// A valid record comes to an address.
pub(crate) fn arrive(before: Standing, rank: Rank, n: u64, op: Op, lifecycle: Lifecycle) -> Arrival {
    let stands = before.top.is_none_or(|top| rank > top.rank);
    let replaceable = lifecycle == Lifecycle::Replaceable;
    let deletes = op == Op::Delete && before.deleted_below.is_none_or(|below| rank > below);
    Arrival {
        standing: Standing {
            top: if stands { Some(Top { rank, n, op, replaceable }) } else { before.top },
            deleted_below: if deletes { Some(rank) } else { before.deleted_below },
        },
        placed: Placed {
            place: if stands { Place::Top } else { Place::History },
            deleted: op == Op::Put && before.deleted_below.is_some_and(|below| rank < below),
            superseded: op == Op::Put && !stands && replaceable,
        },
        displaced: before.top.filter(|_| stands),
        deletes: deletes.then_some((before.deleted_below, rank)),
    }
}

/// A record without a valid verdict comes to an address: it changes nothing there, and
/// a delete reaches it all the same.
pub(crate) fn arrive_unjudged(before: Standing, rank: Rank, op: Op) -> Placed {
    let deleted = op == Op::Put && before.deleted_below.is_some_and(|below| rank < below);
    Placed { place: Place::History, deleted, superseded: false }
}

/// The verdict, without its details.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judged {
    Valid,
    Invalid,
    Pending,
}

/// Everything that a record's status follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    pub op: Op,
    pub judged: Judged,
    pub has_payload: bool,
    pub superseded: bool,
    pub deleted: bool,
    pub expired: bool,
    pub erased: bool,
}

impl Facts {
    /// The status. What is gone for good comes first, so that it hides what may still change.
    pub fn status(&self) -> Status {
        match self {
            Self { deleted: true, .. } => Status::Deleted,
            Self { erased: true, .. } => Status::Erased,
            Self { expired: true, .. } => Status::Expired,
            Self { judged: Judged::Invalid, .. } => Status::Invalid,
            Self { judged: Judged::Pending, .. } => Status::Pending,
            Self { op: Op::Delete, .. } => Status::Delete,
            Self { superseded: true, .. } => Status::Superseded,
            Self { has_payload: false, .. } => Status::Bodiless,
            _ => Status::Visible,
        }
    }

    /// Whether salt and body may be kept.
    pub fn keeps_body(&self) -> bool {
        !matches!(self.status(), Status::Deleted | Status::Erased | Status::Expired | Status::Invalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atlas_record::RecordId;

    fn rank(created: u64) -> Rank {
        Rank { created, id: RecordId([created as u8; 32]) }
    }

    fn put(before: Standing, created: u64) -> Arrival {
        arrive(before, rank(created), created, Op::Put, Lifecycle::Replaceable)
    }

    #[test]
    fn the_first_record_stands() {
        let arrival = put(Standing::default(), 5);
        assert_eq!(arrival.placed, Placed { place: Place::Top, deleted: false, superseded: false });
        assert_eq!(arrival.displaced, None);
    }

    #[test]
    fn a_later_record_displaces_and_an_earlier_one_does_not() {
        let first = put(Standing::default(), 5);
        let later = put(first.standing, 6);
        assert_eq!(later.displaced.map(|top| top.n), Some(5));
        let earlier = put(first.standing, 4);
        assert_eq!(earlier.displaced, None);
        assert!(earlier.placed.superseded);
        assert_eq!(earlier.standing, first.standing);
    }

    #[test]
    fn a_delete_reaches_back_to_the_delete_before_it() {
        let first = arrive(Standing::default(), rank(5), 1, Op::Delete, Lifecycle::Replaceable);
        assert_eq!(first.deletes, Some((None, rank(5))));
        let second = arrive(first.standing, rank(9), 2, Op::Delete, Lifecycle::Replaceable);
        assert_eq!(second.deletes, Some((Some(rank(5)), rank(9))));
        let late = arrive(second.standing, rank(7), 3, Op::Delete, Lifecycle::Replaceable);
        assert_eq!(late.deletes, None);
        assert!(put(second.standing, 8).placed.deleted);
        assert_eq!(put(second.standing, 10).placed.place, Place::Top);
    }

    #[test]
    fn records_of_an_append_type_stay_beside_each_other() {
        let first = arrive(Standing::default(), rank(5), 1, Op::Put, Lifecycle::Append);
        let earlier = arrive(first.standing, rank(4), 2, Op::Put, Lifecycle::Append);
        assert!(!earlier.placed.superseded);
    }

    #[test]
    fn what_is_gone_hides_what_may_change() {
        let facts = Facts {
            op: Op::Put,
            judged: Judged::Pending,
            has_payload: true,
            superseded: false,
            deleted: true,
            expired: false,
            erased: false,
        };
        assert_eq!(facts.status(), Status::Deleted);
        assert!(!facts.keeps_body());
        assert_eq!(Facts { deleted: false, ..facts }.status(), Status::Pending);
    }
}
