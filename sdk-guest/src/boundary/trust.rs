//! From the boundary to [`Trust`] and back.

use super::Held;
use crate::bindings::exports::atlas::trust::trusting as wit;
use crate::trust::{Edges, Part, Question, Seed, Standing, Trust};

/// A question under way.
pub type Fold<M> = (Question, <M as Trust>::Kept);

impl<E> wit::Guest for E
where
    E: Held<Running = Fold<<E as Held>::Module>>,
    E::Module: Trust,
{
    fn init(question: wit::Question) {
        crate::panic::install_hook();
        let wit::Question { identities, seeds, now, explain } = question;
        let seeds = seeds.into_iter().map(|wit::Seed { identity, weight }| Seed { identity, weight }).collect();
        let question = Question { identities, seeds, now, explain };
        let mut running = E::holder().running();
        // What another question left goes first.
        *running = None;
        let kept = E::holder().module().begin(&question);
        *running = Some((question, kept));
    }

    fn fold(chunk: wit::Edges) {
        crate::panic::install_hook();
        let wit::Edges { truster, trusted, weight, created } = chunk;
        let mut running = E::holder().running();
        let (question, kept) = running.as_mut().expect("the host calls `init` first");
        E::holder().module().fold(question, kept, &Edges { truster, trusted, weight, created });
    }

    fn finish() -> wit::Standing {
        crate::panic::install_hook();
        let running = E::holder().running().take();
        let (question, kept) = running.expect("the host calls `init` first");
        let Standing { scores, explanations } = E::holder().module().finish(&question, kept);
        let part = |Part { because, path, amount }| wit::Part { because, path, amount };
        let explained = question.explain.into_iter().zip(explanations);
        let explain = |(identity, parts): (u32, Vec<Part>)| {
            let parts = parts.into_iter().map(part).collect();
            wit::Explanation { identity, parts }
        };
        wit::Standing { scores, explanations: explained.map(explain).collect() }
    }
}
