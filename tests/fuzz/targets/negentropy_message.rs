//! A reconciliation message of any bytes is answered within the frame or refused with a reason, by
//! both sides; and what is read is written again as it was.
#![no_main]

use atlas_net::negentropy::{Initiator, Item, Limits, Memory, ReconcileError, Responder, Split, wire};
use libfuzzer_sys::fuzz_target;

fn set() -> Memory {
    let items = (0..200u64).map(|i| {
        let mut id = [0; 32];
        (id[0], id[1]) = (i as u8 % 3, i as u8);
        Item { time: i / 5, id }
    });
    Memory::new(items.collect()).expect("no time is infinite")
}

fn written_again(message: &[u8]) {
    let Ok((wire::VERSION, mut reader)) = wire::Reader::new(message) else { return };
    let mut writer = wire::Writer::new();
    loop {
        match reader.range() {
            Ok(Some((bound, payload))) => writer.put(&bound, payload),
            Ok(None) => return assert_eq!(writer.finish(), message),
            Err(_) => return,
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    written_again(bytes);
    let items = set();
    let limits = Limits { frame: Limits::SMALLEST_FRAME, incoming: 1 << 20, have: 16, rounds: 4 };
    for random in [false, true] {
        let split = || if random { Split::random([7; 32]) } else { Split::Fixed };
        match Responder::new(limits, split()).answer(&items, bytes) {
            Ok(answer) => {
                assert!(answer.len() <= limits.frame);
                // What this side writes, this side reads.
                Initiator::new(limits, split()).step(&items, &answer).expect("an answer is a message");
            }
            Err(ReconcileError::Malformed(_)) => {}
            Err(error) => panic!("{error}"),
        }
        if let Ok(step) = Initiator::new(limits, split()).step(&items, bytes) {
            assert!(step.reply.is_none_or(|reply| reply.len() <= limits.frame));
            assert!(step.have.len() <= limits.have && step.need.len() <= bytes.len() / 32);
        }
    }
});
