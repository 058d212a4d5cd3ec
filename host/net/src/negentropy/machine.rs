//! The two sides.

use std::collections::HashSet;
use std::ops::ControlFlow;

use super::cut::{MOST_BYTES, Split};
use super::error::{Malformed, ReconcileError};
use super::items::{Id, Item, Items};
use super::wire::{Bound, Payload, Reader, VERSION, Writer};

/// What a frame keeps free for the range that crosses the limit and for the fingerprint of the rest.
const RESERVE: usize = 200;

/// What a session may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest message this side writes, in bytes; [`Limits::SMALLEST_FRAME`] at least.
    /// `usize::MAX` means no limit.
    pub frame: usize,
    /// The longest message this side reads, in bytes. The protocol does not tell the other side, so peers
    /// agree on it beforehand.
    pub incoming: usize,
    /// How many members that only this side has are reported per message; the rest comes with later ones.
    pub have: usize,
    /// How many messages an initiator reads before it gives up. A set of ten million members, none of
    /// which the other side has, takes some 650 at the default frame.
    pub rounds: u32,
}

impl Limits {
    /// The protocol's bound for the bound of frames.
    pub const SMALLEST_FRAME: usize = 4096;

    /// Without bounds but for rounds, for a peer that is trusted.
    pub const NONE: Self = Self { frame: usize::MAX, incoming: usize::MAX, have: usize::MAX, rounds: u32::MAX };

    fn checked(mut self) -> Self {
        self.frame = self.frame.max(Self::SMALLEST_FRAME);
        self.have = self.have.max(1);
        self
    }
}

impl Default for Limits {
    /// Frames of 512 KiB: large ones save round trips, because a frame that is full starts over with
    /// the rest. 65,536 members a message are 2.5 MiB.
    fn default() -> Self {
        Self { frame: 512 * 1024, incoming: 512 * 1024, have: 65_536, rounds: 4096 }
    }
}

const _: () = assert!(MOST_BYTES + RESERVE < Limits::SMALLEST_FRAME, "the first cut of a message always fits");

/// What the initiator learned from a message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Step {
    /// What to send; `None` when all is known.
    pub reply: Option<Vec<u8>>,
    /// Members that only this side has.
    pub have: Vec<Item>,
    /// Ids that only the other side has, or claims to have. Their times are not sent. Each is to be looked
    /// up before it is fetched: where [`Limits::have`] cut a range, some are here, others may have come in
    /// since, and a hostile peer may repeat or invent ids.
    pub need: Vec<Id>,
}

/// The side that asks, and learns.
#[derive(Debug)]
pub struct Initiator {
    limits: Limits,
    split: Split,
    rounds: u32,
}

impl Initiator {
    /// A session that has not begun.
    pub fn new(limits: Limits, split: Split) -> Self {
        Self { limits: limits.checked(), split, rounds: 0 }
    }

    /// The first message.
    pub fn start<I: Items>(&mut self, items: &I) -> Result<Vec<u8>, ReconcileError<I::Error>> {
        let mut out = Writer::new();
        let len = items.len().map_err(ReconcileError::Items)?;
        self.split.cut(items, 0..len, &Bound::END, &mut out).map_err(ReconcileError::Items)?;
        Ok(out.finish())
    }

    /// Reads an answer.
    pub fn step<I: Items>(&mut self, items: &I, message: &[u8]) -> Result<Step, ReconcileError<I::Error>> {
        if self.rounds >= self.limits.rounds {
            return Err(ReconcileError::Endless(self.rounds));
        }
        self.rounds += 1;
        let (version, reader) = open(&self.limits, message)?;
        if version != VERSION {
            return Err(Malformed::OtherVersion(version - 0x60).into());
        }
        let mut step = Step::default();
        let mut turn = Turn::new(items, &self.limits, &mut self.split)?;
        turn.read(reader, Some(&mut step))?;
        step.reply = (!turn.out.is_empty()).then(|| turn.out.finish());
        Ok(step)
    }

    /// How many answers were read.
    pub fn rounds(&self) -> u32 {
        self.rounds
    }
}

/// The side that answers, and learns nothing. It keeps no state: any message can be answered at any time.
#[derive(Debug)]
pub struct Responder {
    limits: Limits,
    split: Split,
}

impl Responder {
    /// Answers within these limits.
    pub fn new(limits: Limits, split: Split) -> Self {
        Self { limits: limits.checked(), split }
    }

    /// Answers a message. One of another version is answered with the version that this side speaks.
    pub fn answer<I: Items>(&mut self, items: &I, message: &[u8]) -> Result<Vec<u8>, ReconcileError<I::Error>> {
        let (version, reader) = open(&self.limits, message)?;
        let mut turn = Turn::new(items, &self.limits, &mut self.split)?;
        if version == VERSION {
            turn.read(reader, None)?;
        }
        Ok(turn.out.finish())
    }
}

fn open<'a>(limits: &Limits, message: &'a [u8]) -> Result<(u8, Reader<'a>), Malformed> {
    if message.len() > limits.incoming {
        return Err(Malformed::TooLong { bytes: message.len(), limit: limits.incoming });
    }
    Reader::new(message)
}

/// One message in, one message out.
struct Turn<'a, I> {
    items: &'a I,
    len: u64,
    limits: &'a Limits,
    split: &'a mut Split,
    out: Writer,
    /// Where the range before ended, and how many members are below.
    last: Bound,
    index: u64,
    /// Nothing is to be said about what lies between the last bound written and `last`.
    skip: bool,
}

impl<'a, I: Items> Turn<'a, I> {
    fn new(items: &'a I, limits: &'a Limits, split: &'a mut Split) -> Result<Self, ReconcileError<I::Error>> {
        let len = items.len().map_err(ReconcileError::Items)?;
        let last = Bound { at: Item::START, prefix: 0 };
        Ok(Self { items, len, limits, split, out: Writer::new(), last, index: 0, skip: false })
    }

    /// Goes through the ranges of a message, until they end or the answer is full.
    fn read(&mut self, mut reader: Reader<'_>, mut learner: Option<&mut Step>) -> Result<(), ReconcileError<I::Error>> {
        while let Some((bound, payload)) = reader.range()? {
            let flow = match (payload, learner.as_deref_mut()) {
                (Payload::Skip, _) => self.agreed(bound),
                (Payload::Fingerprint(theirs), _) => self.compare(bound, theirs),
                (Payload::Ids(theirs), Some(step)) => self.learn(bound, theirs, step),
                (Payload::Ids(_), None) => self.list(bound),
            };
            if flow.map_err(ReconcileError::Items)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn upper(&self, bound: &Bound) -> Result<u64, I::Error> {
        if bound.at.time == u64::MAX {
            return Ok(self.len);
        }
        Ok(self.items.lower_bound(&bound.at)?.clamp(self.index, self.len))
    }

    /// Nothing more is said about this range.
    fn agreed(&mut self, bound: Bound) -> Result<ControlFlow<()>, I::Error> {
        self.index = self.upper(&bound)?;
        self.last = bound;
        self.skip = true;
        Ok(ControlFlow::Continue(()))
    }

    fn compare(&mut self, bound: Bound, theirs: [u8; 16]) -> Result<ControlFlow<()>, I::Error> {
        let upper = self.upper(&bound)?;
        if self.items.sum(self.index..upper)?.fingerprint() == theirs {
            return self.agreed(bound);
        }
        let (mark, skip) = (self.out.mark(), self.skip);
        self.write_skip();
        self.split.cut(self.items, self.index..upper, &bound, &mut self.out)?;
        if self.is_full(self.out.len()) {
            self.out.undo(mark);
            self.skip = skip;
            return self.stop();
        }
        (self.index, self.last) = (upper, bound);
        Ok(ControlFlow::Continue(()))
    }

    /// As initiator: who lacks what.
    fn learn(&mut self, bound: Bound, theirs: &[Id], step: &mut Step) -> Result<ControlFlow<()>, I::Error> {
        let upper = self.upper(&bound)?;
        let mut only_theirs: HashSet<&Id> = theirs.iter().collect();
        let (have, most) = (&mut step.have, self.limits.have);
        let mut cut_at = None;
        let mut index = self.index;
        self.items.for_each(self.index..upper, &mut |item| {
            if !only_theirs.remove(&item.id) {
                if have.len() >= most {
                    cut_at = Some(item);
                    return ControlFlow::Break(());
                }
                have.push(item);
            }
            index += 1;
            ControlFlow::Continue(())
        })?;
        // In the order of the list, and each once. Behind a cut, which of them are here is not known.
        step.need.extend(theirs.iter().filter(|id| only_theirs.remove(id)));
        if let Some(item) = cut_at {
            (self.index, self.last, self.skip) = (index, Bound::before(item), true);
            return self.stop();
        }
        (self.index, self.last, self.skip) = (upper, bound, true);
        Ok(ControlFlow::Continue(()))
    }

    /// As responder: what is here.
    fn list(&mut self, bound: Bound) -> Result<ControlFlow<()>, I::Error> {
        let upper = self.upper(&bound)?;
        let before = self.out.len();
        self.write_skip();
        let mut ids: Vec<Id> = Vec::new();
        let mut cut_at = None;
        let is_full = |ids: &[Id]| self.is_full(before + 32 * ids.len());
        self.items.for_each(self.index..upper, &mut |item| {
            if is_full(&ids) {
                cut_at = Some(item);
                return ControlFlow::Break(());
            }
            ids.push(item.id);
            ControlFlow::Continue(())
        })?;
        let end = cut_at.map_or(bound, Bound::before);
        self.out.put(&end, Payload::Ids(&ids));
        (self.index, self.last) = (self.index + ids.len() as u64, end);
        if self.is_full(self.out.len()) { self.stop() } else { Ok(ControlFlow::Continue(())) }
    }

    fn is_full(&self, bytes: usize) -> bool {
        bytes > self.limits.frame - RESERVE
    }

    fn write_skip(&mut self) {
        if std::mem::take(&mut self.skip) {
            self.out.put(&self.last, Payload::Skip);
        }
    }

    /// The message is full: the rest of the set gets one fingerprint, and another round.
    fn stop(&mut self) -> Result<ControlFlow<()>, I::Error> {
        self.write_skip();
        let rest = self.items.sum(self.index..self.len)?.fingerprint();
        self.out.put(&Bound::END, Payload::Fingerprint(rest));
        Ok(ControlFlow::Break(()))
    }
}
