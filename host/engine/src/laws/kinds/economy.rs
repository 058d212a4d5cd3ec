//! Ledgers: friends, freeloaders, strangers, and sums at the ends of the scale.

use serde_json::{Value as Json, json};

use super::{Order, Questions, fewer_rows, pick};
use crate::laws::dice::Dice;
use crate::roles::economy::{Economy, Items, Peers, Question, Weights};

impl Questions for Economy {
    fn made((): &(), dice: &mut Dice) -> Question {
        let (peers, items) = (dice.below(16), dice.below(16));
        let now = 1_700_000_000_000 + dice.number() % 100_000_000_000;
        let mut of = |count: usize, make: &dyn Fn(&mut Dice) -> u64| (0..count).map(|_| make(dice)).collect::<Vec<_>>();
        let bytes = |dice: &mut Dice| dice.number() >> (24 + dice.below(40));
        let small = |dice: &mut Dice| dice.number() % 20;
        let past = |dice: &mut Dice| now - dice.number() % 20_000_000_000;
        let narrow = |values: Vec<u64>| values.into_iter().map(|value| value as u32).collect::<Vec<_>>();
        Question {
            now,
            peers: Peers {
                served_us: of(peers, &bytes),
                served_them: of(peers, &bytes),
                keeps: of(peers, &bytes),
                passed: narrow(of(peers, &small)),
                failed: narrow(of(peers, &small)),
                met: of(peers, &past),
                active: of(peers, &past),
                trust: of(peers, &|dice| dice.number() % 2_000_001).iter().map(|it| *it as i32 - 1_000_000).collect(),
            },
            items: Items {
                size: of(items, &bytes),
                replicas: narrow(of(items, &small)),
                voted: narrow(of(items, &small)),
                pledged: of(items, &|dice| dice.number() % 2).iter().map(|it| *it as u8).collect(),
                requests: narrow(of(items, &small)),
                active: of(items, &past),
            },
        }
    }

    fn damaged(question: &Question, dice: &mut Dice) -> Question {
        let mut damaged = question.clone();
        let Question { now, peers, items } = &mut damaged;
        let wide = [&mut peers.served_us, &mut peers.served_them, &mut peers.keeps, &mut peers.met, &mut peers.active];
        for value in wide.into_iter().chain([&mut items.size, &mut items.active]).flatten() {
            if dice.once_in(2) {
                *value = dice.lifelike();
            }
        }
        let narrow = [&mut peers.passed, &mut peers.failed];
        for value in narrow.into_iter().chain([&mut items.replicas, &mut items.voted, &mut items.requests]).flatten() {
            if dice.once_in(2) {
                *value = *dice.one_of(&[0, 1, u32::MAX, u32::MAX - 1]);
            }
        }
        for trust in &mut peers.trust {
            *trust = *dice.one_of(&[-1_000_000, 0, 1_000_000]);
        }
        if dice.once_in(3) {
            *now = dice.lifelike();
        }
        damaged
    }

    fn smaller(question: &Question) -> Vec<Question> {
        let peers = fewer_rows(question.peers.met.len());
        let items = fewer_rows(question.items.size.len());
        let fewer_peers =
            peers.iter().map(|rows| Question { peers: peers_of(&question.peers, rows), ..question.clone() });
        let fewer_items =
            items.iter().map(|rows| Question { items: items_of(&question.items, rows), ..question.clone() });
        fewer_peers.chain(fewer_items).collect()
    }

    fn size(question: &Question) -> usize {
        question.peers.met.len() + question.items.size.len()
    }

    fn arranged(question: &Question, dice: &mut Dice) -> Option<(Question, Order)> {
        let order = Order { rows: dice.order(question.peers.met.len()), more: dice.order(question.items.size.len()) };
        let turned = Question {
            now: question.now,
            peers: peers_of(&question.peers, &order.rows),
            items: items_of(&question.items, &order.more),
        };
        Some((turned, order))
    }

    fn rearranged(answer: &Weights, order: &Order) -> Weights {
        Weights {
            service: pick(&answer.service, &order.rows),
            retention: pick(&answer.retention, &order.more),
            replicas: pick(&answer.replicas, &order.more),
        }
    }

    /// Shares and retention as orders: their scales are each module's own.
    fn gist(answer: &Weights) -> Json {
        let order = |values: Vec<i64>| {
            let mut rows: Vec<usize> = (0..values.len()).collect();
            rows.sort_by_key(|row| std::cmp::Reverse(values[*row]));
            rows
        };
        let service = order(answer.service.iter().map(|share| i64::from(*share)).collect());
        json!([service, order(answer.retention.clone()), answer.replicas])
    }

    fn in_short(_: &Weights) -> String {
        "weighed".to_owned()
    }
}

fn peers_of(peers: &Peers, rows: &[usize]) -> Peers {
    Peers {
        served_us: pick(&peers.served_us, rows),
        served_them: pick(&peers.served_them, rows),
        keeps: pick(&peers.keeps, rows),
        passed: pick(&peers.passed, rows),
        failed: pick(&peers.failed, rows),
        met: pick(&peers.met, rows),
        active: pick(&peers.active, rows),
        trust: pick(&peers.trust, rows),
    }
}

fn items_of(items: &Items, rows: &[usize]) -> Items {
    Items {
        size: pick(&items.size, rows),
        replicas: pick(&items.replicas, rows),
        voted: pick(&items.voted, rows),
        pledged: pick(&items.pledged, rows),
        requests: pick(&items.requests, rows),
        active: pick(&items.active, rows),
    }
}
