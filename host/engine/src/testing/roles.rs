//! Guests of the roles beside the validator's, each of which breaks one promise of its role.
//! Made on the spot from WAT, as the others.

use super::{TYPES_WIT, encode_world};
use crate::inspect::Role;

const PRELUDE: &str = include_str!("prelude.wat");

/// What a guest does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misdeed {
    /// A ranker whose order is that of the question.
    RanksByPlace,
    /// A ranker that drops the last candidate, and says nothing.
    Drops,
    /// A ranker whose contributions are one more than the score.
    DoesNotAddUp,
    /// A ranker that leaves ties as they were given.
    LeavesTies,
    /// A ranker whose scores grow with every question.
    RemembersQuestions,
    /// A tally that the last ballot decides.
    LastBallotDecides,
    /// A tally that forgets a ballot.
    ForgetsBallot,
    /// A tally that goes on from the one before.
    GoesOn,
    /// A trust module with scores beyond whole trust.
    TrustsTooMuch,
    /// A trust module that does not explain its scores.
    ExplainsNothing,
    /// An admission module that admits the first of a batch only.
    AdmitsTheFirst,
    /// An admission module that asks for a record whatever it is given.
    AsksForEver,
    /// An economy module whose shares depend on the place in the question.
    ServesByPlace,
    /// An economy module that lets peers starve.
    Starves,
}

impl Misdeed {
    /// Every one of them.
    pub const ALL: &[Self] = &[
        Self::RanksByPlace,
        Self::Drops,
        Self::DoesNotAddUp,
        Self::LeavesTies,
        Self::RemembersQuestions,
        Self::LastBallotDecides,
        Self::ForgetsBallot,
        Self::GoesOn,
        Self::TrustsTooMuch,
        Self::ExplainsNothing,
        Self::AdmitsTheFirst,
        Self::AsksForEver,
        Self::ServesByPlace,
        Self::Starves,
    ];

    /// The role, and the number that the guest knows it by.
    const fn number(self) -> (Role, u8) {
        match self {
            Self::RanksByPlace => (Role::Ranker, 0),
            Self::Drops => (Role::Ranker, 1),
            Self::DoesNotAddUp => (Role::Ranker, 2),
            Self::LeavesTies => (Role::Ranker, 3),
            Self::RemembersQuestions => (Role::Ranker, 4),
            Self::LastBallotDecides => (Role::Governance, 0),
            Self::ForgetsBallot => (Role::Governance, 1),
            Self::GoesOn => (Role::Governance, 2),
            Self::TrustsTooMuch => (Role::Trust, 0),
            Self::ExplainsNothing => (Role::Trust, 1),
            Self::AdmitsTheFirst => (Role::Admission, 0),
            Self::AsksForEver => (Role::Admission, 1),
            Self::ServesByPlace => (Role::Economy, 0),
            Self::Starves => (Role::Economy, 1),
        }
    }
}

/// A component that does this wrong, and nothing else.
///
/// # Panics
/// Never: the guests are constant.
#[must_use]
pub fn culprit(misdeed: Misdeed) -> Vec<u8> {
    let (role, number) = misdeed.number();
    let (wat, wit) = match role {
        Role::Ranker => (include_str!("ranker.wat"), include_str!("../../../../wit/ranker-0.1/ranker.wit")),
        Role::Governance => {
            (include_str!("governance.wat"), include_str!("../../../../wit/governance-0.1/governance.wit"))
        }
        Role::Trust => (include_str!("trust.wat"), include_str!("../../../../wit/trust-0.1/trust.wit")),
        Role::Admission => (include_str!("admission.wat"), include_str!("../../../../wit/admission-0.1/admission.wit")),
        Role::Economy => (include_str!("economy.wat"), include_str!("../../../../wit/economy-0.1/economy.wit")),
        Role::Validator => unreachable!("validators that misbehave are `Behaviour`s"),
    };
    let wat = wat.replace(";; PRELUDE", PRELUDE).replace("$BEHAVIOUR", &number.to_string());
    let module = wat::parse_str(wat).expect("the test guest is sound WAT");
    encode_world(&module, &[TYPES_WIT], wit, role.name())
}
