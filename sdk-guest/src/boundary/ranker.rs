//! From the boundary to [`Ranker`] and back.

use super::Held;
use crate::bindings::exports::atlas::ranker::ranking as wit;
use crate::ranker::{Column, Feature, LeftOut, Ordered, Question, Ranker};

impl<E> wit::Guest for E
where
    E: Held,
    E::Module: Ranker,
{
    fn rules() -> wit::RankerRules {
        crate::panic::install_hook();
        let rules = E::holder().module().rules();
        let feature = |Feature { name, about }| wit::Feature { name, about };
        wit::RankerRules { features: rules.features.into_iter().map(feature).collect(), columns: rules.columns }
    }

    fn rank(question: wit::Question) -> wit::Ordered {
        crate::panic::install_hook();
        let wit::Question { now, ids, authors, created, columns } = question;
        let columns = columns.into_iter().map(|wit::Column { name, values }| Column { name, values }).collect();
        let ordered = E::holder().module().rank(&Question { now, ids, authors, created, columns });
        let Ordered { order, scores, contributions, left_out } = ordered;
        let left = |LeftOut { candidate, reason }| wit::LeftOut { candidate, reason: reason.into() };
        wit::Ordered { order, scores, contributions, left_out: left_out.into_iter().map(left).collect() }
    }
}
