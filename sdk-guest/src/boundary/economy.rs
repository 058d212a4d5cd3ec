//! From the boundary to [`Economy`] and back.

use super::Held;
use crate::bindings::exports::atlas::economy::balancing as wit;
use crate::economy::{Economy, Items, Peers, Question, Weights};

impl<E> wit::Guest for E
where
    E: Held,
    E::Module: Economy,
{
    fn weigh(question: wit::Question) -> wit::Weights {
        crate::panic::install_hook();
        let wit::Question { now, peers, items } = question;
        let wit::Peers { served_us, served_them, keeps, passed, failed, met, active, trust } = peers;
        let peers = Peers { served_us, served_them, keeps, passed, failed, met, active, trust };
        let wit::Items { size, replicas, voted, pledged, requests, active } = items;
        let items = Items { size, replicas, voted, pledged, requests, active };
        let Weights { service, retention, replicas } = E::holder().module().weigh(&Question { now, peers, items });
        wit::Weights { service, retention, replicas }
    }
}
