//! From the boundary to [`Governance`] and back.

use super::Held;
use crate::bindings::exports::atlas::governance::tallying as wit;
use crate::cbor::Map;
use crate::governance::{Ballots, Chunk, Decision, Delegations, Governance, Members, Outcome, Question};
use crate::reason::Reason;
use crate::validator::decode_body;

/// A tally under way.
pub type Fold<M> = (Question, <M as Governance>::Kept);

impl<E> wit::Guest for E
where
    E: Held<Running = Fold<<E as Held>::Module>>,
    E::Module: Governance,
{
    fn init(question: wit::Question) {
        crate::panic::install_hook();
        let wit::Question { proposal, proposer, body, opened, closes, now, voters, parameters, lot } = question;
        let map = |bytes: &[u8]| decode_body(bytes).unwrap_or_else(|_| Map::new());
        let (body, parameters) = (map(&body), map(&parameters));
        let question = Question { proposal, proposer, body, opened, closes, now, voters, parameters, lot };
        let mut running = E::holder().running();
        // What another tally left goes first.
        *running = None;
        let kept = E::holder().module().begin(&question);
        *running = Some((question, kept));
    }

    fn fold(chunk: wit::Chunk) {
        crate::panic::install_hook();
        let wit::Chunk { members, ballots, delegations } = chunk;
        let wit::Members { voter, weight, since } = members;
        let members = Members { voter, weight, since };
        let wit::Ballots { voter, cast, body } = ballots;
        let ballots = Ballots { voter, cast, body };
        let wit::Delegations { voter, delegate } = delegations;
        let delegations = Delegations { voter, delegate };
        let mut running = E::holder().running();
        let (question, kept) = running.as_mut().expect("the host calls `init` first");
        E::holder().module().fold(question, kept, &Chunk { members, ballots, delegations });
    }

    fn finish() -> wit::Outcome {
        crate::panic::install_hook();
        let running = E::holder().running().take();
        let (question, kept) = running.expect("the host calls `init` first");
        let Outcome { decision, text, figures, counted, set_aside } = E::holder().module().finish(&question, kept);
        let decision = match decision {
            Decision::Accepted(options) => wit::Decision::Accepted(options),
            Decision::Rejected => wit::Decision::Rejected,
            Decision::Open => wit::Decision::Open,
        };
        let figure = |(name, value): (&str, i64)| wit::Figure { name: name.to_owned(), value };
        let aside = |(code, text, voters): (&'static str, String, Vec<u32>)| wit::SetAside {
            reason: Reason::new(code, text).into(),
            voters,
        };
        wit::Outcome {
            decision,
            text,
            figures: figures.into_iter().map(figure).collect(),
            counted,
            set_aside: set_aside.into_groups().map(aside).collect(),
        }
    }
}
