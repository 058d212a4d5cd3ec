//! What stands: pure decisions about one record and its address.
//!
//! The verdicts, puts, deletes and revocations known of an address are a set; what stands is
//! a function of that set. The functions here keep that function up to date one arrival at a
//! time, from a summary of constant size ([`Standing`]), and name the other records that
//! change.
//!
//! A record is *in force* if it is valid and not revoked; only such records do anything to
//! their address. The rules: of the records in force, the one of the highest
//! [`StandingRank`] stands. A put that ranks below a delete in force is deleted. A replaceable
//! put in force that does not stand is superseded.

use std::cmp::Reverse;

use atlas_record::Op;
use atlas_record::order::Rank;

use crate::status::Status;

/// What is known of an address: a summary of its records in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Standing {
    /// The record of the highest standing rank.
    pub top: Option<Contender>,
    /// The rank of the highest delete.
    pub deleted_below: Option<Rank>,
}

/// A record as far as its address is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Contender {
    pub rank: Rank,
    pub n: u64,
    pub op: Op,
    pub replaceable: bool,
    /// It may create what is at its address, and replace nothing there.
    pub creates_only: bool,
}

/// The order in which records stand at an address, the last one first. It differs from
/// [`Rank`], the order of time, only for those that may not replace anything: they stand where
/// no other record does, and the earliest of them keeps its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StandingRank {
    CreatesOnly(Reverse<Rank>),
    Ordinary(Rank),
}

impl Contender {
    pub fn standing_rank(&self) -> StandingRank {
        if self.creates_only {
            StandingRank::CreatesOnly(Reverse(self.rank))
        } else {
            StandingRank::Ordinary(self.rank)
        }
    }

    /// Whether a delete of this rank, if there is one, takes it back.
    pub fn is_deleted_by(&self, delete: Option<Rank>) -> bool {
        self.op == Op::Put && delete.is_some_and(|delete| self.rank < delete)
    }
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
    /// A delete in force ranks above it.
    pub deleted: bool,
    /// Another record stands, and it is replaceable.
    pub superseded: bool,
}

/// What an arrival does to its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub standing: Standing,
    pub placed: Placed,
    /// The record that stood before and joins the history.
    pub displaced: Option<Contender>,
    /// Puts that rank between these two are deleted from now on.
    pub deletes: Option<(Option<Rank>, Rank)>,
}

/// A record in force comes to an address.
pub(crate) fn arrive(before: Standing, record: Contender) -> Arrival {
    let stands = before.top.is_none_or(|top| record.standing_rank() > top.standing_rank());
    let deletes = record.op == Op::Delete && before.deleted_below.is_none_or(|below| record.rank > below);
    Arrival {
        standing: Standing {
            top: if stands { Some(record) } else { before.top },
            deleted_below: if deletes { Some(record.rank) } else { before.deleted_below },
        },
        placed: Placed {
            place: if stands { Place::Top } else { Place::History },
            deleted: record.is_deleted_by(before.deleted_below),
            superseded: record.op == Op::Put && !stands && record.replaceable,
        },
        displaced: before.top.filter(|_| stands),
        deletes: deletes.then_some((before.deleted_below, record.rank)),
    }
}

/// A record that is not in force comes to an address: it changes nothing there, and a delete
/// reaches it all the same.
pub(crate) fn arrive_without_force(before: Standing, record: Contender) -> Placed {
    Placed { place: Place::History, deleted: record.is_deleted_by(before.deleted_below), superseded: false }
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
    pub revoked: bool,
}

impl Facts {
    /// The status. What takes the body away comes first, so that it hides what may still
    /// change; a revocation hides the verdict.
    pub fn status(&self) -> Status {
        match self {
            Self { deleted: true, .. } => Status::Deleted,
            Self { erased: true, .. } => Status::Erased,
            Self { expired: true, .. } => Status::Expired,
            Self { revoked: true, .. } => Status::Revoked,
            Self { judged: Judged::Invalid, .. } => Status::Invalid,
            Self { judged: Judged::Pending, .. } => Status::Pending,
            Self { op: Op::Delete, .. } => Status::Delete,
            Self { superseded: true, .. } => Status::Superseded,
            Self { has_payload: false, .. } => Status::Bodiless,
            _ => Status::Visible,
        }
    }

    /// Whether it does anything: shows, stands, supersedes, deletes.
    pub fn is_in_force(&self) -> bool {
        self.judged == Judged::Valid && !self.revoked
    }

    /// Whether it was taken back, erased, or has expired.
    pub fn is_gone(&self) -> bool {
        self.deleted || self.erased || self.expired
    }

    /// Whether salt and body may be kept. A revocation alone takes nothing away: what it hides
    /// may be restored.
    pub fn keeps_body(&self) -> bool {
        !self.is_gone() && self.judged != Judged::Invalid
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atlas_record::RecordId;

    fn rank(created: u64) -> Rank {
        Rank { created, id: RecordId([created as u8; 32]) }
    }

    fn contender(created: u64) -> Contender {
        Contender { rank: rank(created), n: created, op: Op::Put, replaceable: true, creates_only: false }
    }

    fn put(before: Standing, created: u64) -> Arrival {
        arrive(before, contender(created))
    }

    fn delete(before: Standing, created: u64) -> Arrival {
        arrive(before, Contender { op: Op::Delete, ..contender(created) })
    }

    fn create(before: Standing, created: u64) -> Arrival {
        arrive(before, Contender { creates_only: true, ..contender(created) })
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
        let first = delete(Standing::default(), 5);
        assert_eq!(first.deletes, Some((None, rank(5))));
        let second = delete(first.standing, 9);
        assert_eq!(second.deletes, Some((Some(rank(5)), rank(9))));
        let late = delete(second.standing, 7);
        assert_eq!(late.deletes, None);
        assert!(put(second.standing, 8).placed.deleted);
        assert_eq!(put(second.standing, 10).placed.place, Place::Top);
    }

    #[test]
    fn records_of_an_append_type_stay_beside_each_other() {
        let append = |created| Contender { replaceable: false, ..contender(created) };
        let first = arrive(Standing::default(), append(5));
        assert!(!arrive(first.standing, append(4)).placed.superseded);
    }

    #[test]
    fn what_may_only_create_never_displaces_and_the_earliest_keeps_its_place() {
        let first = create(Standing::default(), 5);
        assert_eq!(first.placed.place, Place::Top);
        let later = create(first.standing, 6);
        assert_eq!((later.displaced, later.placed.superseded), (None, true));
        let earlier = create(first.standing, 4);
        assert_eq!(earlier.displaced.map(|top| top.n), Some(5));
        for ordinary in [put(earlier.standing, 1), delete(earlier.standing, 1)] {
            assert_eq!(ordinary.displaced.map(|top| top.n), Some(4), "whatever its time");
            assert!(create(ordinary.standing, 9).placed.superseded);
            assert_eq!(create(ordinary.standing, 0).standing, ordinary.standing);
        }
    }

    #[test]
    fn a_delete_takes_back_what_was_created_before_it_and_hides_what_comes_after() {
        let gone = delete(Standing::default(), 5).standing;
        let (before, after) = (create(gone, 4).placed, create(gone, 6).placed);
        assert_eq!((before.deleted, after.deleted), (true, false));
        assert!(after.superseded);
    }

    fn facts(judged: Judged) -> Facts {
        Facts {
            op: Op::Put,
            judged,
            has_payload: true,
            superseded: false,
            deleted: false,
            expired: false,
            erased: false,
            revoked: false,
        }
    }

    #[test]
    fn what_is_gone_hides_what_may_change() {
        let deleted = Facts { deleted: true, ..facts(Judged::Pending) };
        assert_eq!(deleted.status(), Status::Deleted);
        assert!(!deleted.keeps_body());
        assert_eq!(Facts { revoked: true, ..deleted }.status(), Status::Deleted);
        assert_eq!(Facts { deleted: false, ..deleted }.status(), Status::Pending);
    }

    #[test]
    fn a_revocation_hides_the_verdict_and_keeps_what_the_verdict_keeps() {
        for (judged, keeps_body) in [(Judged::Valid, true), (Judged::Pending, true), (Judged::Invalid, false)] {
            let revoked = Facts { revoked: true, ..facts(judged) };
            assert_eq!(revoked.status(), Status::Revoked);
            assert!(!revoked.is_in_force());
            assert_eq!(revoked.keeps_body(), keeps_body);
        }
    }
}
