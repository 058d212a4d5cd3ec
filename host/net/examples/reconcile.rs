//! What reconciling a million members costs, beside the `negentropy` crate on the same sets: bytes,
//! round trips, and time on one core. `cargo run --release -p atlas-net --example reconcile [MEMBERS]`.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use atlas_net::negentropy::{Initiator, Item, Limits, Memory, Responder, Split};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// What a session cost.
#[derive(Default)]
struct Cost {
    bytes: usize,
    messages: usize,
    have: usize,
    need: usize,
    /// On both sides together.
    time: Duration,
}

impl Cost {
    fn print(&self, who: &str, differences: usize) {
        assert_eq!(self.have + self.need, differences, "{who}: every difference is found, once");
        println!(
            "  {who:<24} {:>10} bytes  {:>6.0} per difference  {:>3} round trips  {:>7.0} ms",
            self.bytes,
            self.bytes as f64 / differences as f64,
            self.messages.div_ceil(2),
            self.time.as_secs_f64() * 1000.0
        );
    }
}

fn ours(sets: [&[Item]; 2], limits: Limits, random: bool) -> Cost {
    let [initiator, responder] = sets.map(|set| Memory::new(set.to_vec()).unwrap());
    let split = |seed| if random { Split::random([seed; 32]) } else { Split::Fixed };
    let (mut asking, mut answering) = (Initiator::new(limits, split(1)), Responder::new(limits, split(2)));
    let mut cost = Cost::default();
    let start = Instant::now();
    let mut message = Some(asking.start(&initiator).unwrap());
    while let Some(sent) = message {
        let answer = answering.answer(&responder, &sent).unwrap();
        let step = asking.step(&initiator, &answer).unwrap();
        cost.bytes += sent.len() + answer.len();
        cost.messages += 2;
        cost.have += step.have.len();
        cost.need += step.need.len();
        message = step.reply;
    }
    cost.time = start.elapsed();
    cost
}

fn reference(sets: [&[Item]; 2], limits: Limits) -> Cost {
    use negentropy::{Id, Negentropy, NegentropyStorageVector};
    let storages = sets.map(|set| {
        let mut storage = NegentropyStorageVector::with_capacity(set.len());
        set.iter().for_each(|item| storage.insert(item.time, Id::from_byte_array(item.id)).unwrap());
        storage.seal().unwrap();
        storage
    });
    let frame = if limits.frame == usize::MAX { 0 } else { limits.frame as u64 };
    let [mut asking, mut answering] = storages.map(|storage| Negentropy::owned(storage, frame).unwrap());
    let mut cost = Cost::default();
    let (mut have, mut need) = (Vec::new(), Vec::new());
    let start = Instant::now();
    let mut message = Some(asking.initiate().unwrap());
    while let Some(sent) = message {
        let answer = answering.reconcile(&sent).unwrap();
        cost.bytes += sent.len() + answer.len();
        cost.messages += 2;
        message = asking.reconcile_with_ids(&answer, &mut have, &mut need).unwrap();
    }
    cost.time = start.elapsed();
    let unique = |ids: &mut Vec<Id>| {
        ids.sort_unstable();
        ids.dedup();
        ids.len()
    };
    (cost.have, cost.need) = (unique(&mut have), unique(&mut need));
    cost
}

fn main() {
    let members: usize = std::env::args().nth(1).map_or(1_000_000, |text| text.parse().expect("a number of members"));
    let mut rng = StdRng::seed_from_u64(1);
    let all: Vec<Item> = (0..members as u64)
        .map(|i| Item { time: 1_700_000_000_000 + i * 700 + rng.random_range(0..700), id: rng.random() })
        .collect();
    let missing = members / 100;
    let clustered = all[..members - missing].to_vec();
    let spread: Vec<Item> = all.iter().enumerate().filter(|(i, _)| i % 100 != 42).map(|(_, item)| *item).collect();
    for (name, fewer) in [("the last 1 % missing", &clustered), ("1 % missing, spread", &spread)] {
        for (framed, limits) in [("no frame limit", Limits::NONE), ("frames of 512 KiB", Limits::default())] {
            println!("{members} members, {name}, {framed}: {missing} differences");
            for (side, sets) in
                [("initiator lacks", [&fewer[..], &all[..]]), ("responder lacks", [&all[..], &fewer[..]])]
            {
                println!(" {side}");
                ours(sets, limits, true).print("random points", missing);
                ours(sets, limits, false).print("fixed points", missing);
                reference(sets, limits).print("negentropy crate 0.5", missing);
            }
        }
    }
}
