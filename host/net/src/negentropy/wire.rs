//! Messages as bytes: a version and adjacent ranges, each with an exclusive upper bound, a mode and
//! what the mode brings. Times are differences to the bound before.

use super::error::Malformed;
use super::items::{Fingerprint, Id, Item};

/// The version byte of protocol version 1.
pub const VERSION: u8 = 0x61;

/// The longest number: 64 bits in digits of 7.
pub const NUMBER_BYTES: usize = 10;

/// The longest bound: a time, a length, a whole id.
pub const BOUND_BYTES: usize = NUMBER_BYTES + 1 + 32;

const SKIP: u64 = 0;
const FINGERPRINT: u64 = 1;
const IDS: u64 = 2;

/// Where a range ends: before the first item that is not smaller. Of the id only a prefix is sent, as
/// much as it takes to tell two neighbours apart; the rest counts as zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// The position in the order.
    pub at: Item,
    /// How many bytes of the id are sent, 32 at most. Those behind are zero.
    pub prefix: usize,
}

impl Bound {
    /// Behind everything.
    pub const END: Self = Self { at: Item::END, prefix: 0 };

    /// Exactly before an item.
    pub fn before(item: Item) -> Self {
        Self { at: item, prefix: 32 }
    }

    /// The shortest bound between two neighbours.
    pub fn between(left: &Item, right: &Item) -> Self {
        if left.time != right.time {
            return Self { at: Item { time: right.time, id: [0; 32] }, prefix: 0 };
        }
        let shared = left.id.iter().zip(&right.id).take_while(|(a, b)| a == b).count();
        let prefix = (shared + 1).min(32);
        let mut id = [0; 32];
        id[..prefix].copy_from_slice(&right.id[..prefix]);
        Self { at: Item { time: right.time, id }, prefix }
    }
}

/// What the sender says about a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload<'a> {
    /// Nothing more.
    Skip,
    /// What its members sum up to.
    Fingerprint(Fingerprint),
    /// All its members.
    Ids(&'a [Id]),
}

/// Appends a number: digits of 7 bits, the most significant first.
pub fn put_number(out: &mut Vec<u8>, number: u64) {
    let digits = (64 - number.leading_zeros()).div_ceil(7).max(1);
    for digit in (0..digits).rev() {
        let more = if digit > 0 { 0x80 } else { 0 };
        out.push((number >> (7 * digit)) as u8 & 0x7f | more);
    }
}

/// A message in the making.
#[derive(Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    /// The time of the last bound.
    time: u64,
}

/// A place to return to.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    bytes: usize,
    time: u64,
}

impl Writer {
    /// A message without ranges.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self { bytes: vec![VERSION], time: 0 }
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are no ranges, which means that all is said.
    pub fn is_empty(&self) -> bool {
        self.bytes.len() == 1
    }

    /// Remembers this place.
    pub fn mark(&self) -> Mark {
        Mark { bytes: self.bytes.len(), time: self.time }
    }

    /// Forgets what was written since.
    pub fn undo(&mut self, to: Mark) {
        self.bytes.truncate(to.bytes);
        self.time = to.time;
    }

    fn bound(&mut self, bound: &Bound) {
        if bound.at.time == u64::MAX {
            self.time = u64::MAX;
            put_number(&mut self.bytes, 0);
        } else {
            put_number(&mut self.bytes, bound.at.time - self.time + 1);
            self.time = bound.at.time;
        }
        put_number(&mut self.bytes, bound.prefix as u64);
        self.bytes.extend_from_slice(&bound.at.id[..bound.prefix]);
    }

    /// Appends a range. Bounds ascend.
    pub fn put(&mut self, bound: &Bound, payload: Payload<'_>) {
        self.bound(bound);
        match payload {
            Payload::Skip => put_number(&mut self.bytes, SKIP),
            Payload::Fingerprint(fingerprint) => {
                put_number(&mut self.bytes, FINGERPRINT);
                self.bytes.extend_from_slice(&fingerprint);
            }
            Payload::Ids(ids) => {
                put_number(&mut self.bytes, IDS);
                put_number(&mut self.bytes, ids.len() as u64);
                self.bytes.extend_from_slice(ids.as_flattened());
            }
        }
    }

    /// The message.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads the ranges of a message one by one, without copying.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    last: Bound,
}

impl<'a> Reader<'a> {
    /// Reads the version, which may be one that this side does not speak.
    pub fn new(message: &'a [u8]) -> Result<(u8, Self), Malformed> {
        let (&version, rest) = message.split_first().ok_or(Malformed::Empty)?;
        if !(0x60..=0x6f).contains(&version) {
            return Err(Malformed::NotAVersion(version));
        }
        Ok((version, Self { rest, last: Bound { at: Item::START, prefix: 0 } }))
    }

    fn number(&mut self) -> Result<u64, Malformed> {
        let mut number = 0u64;
        for (i, &byte) in self.rest.iter().enumerate() {
            if i == 0 && byte == 0x80 {
                return Err(Malformed::NumberNotShortest);
            }
            if number >> 57 != 0 {
                return Err(Malformed::NumberTooLarge);
            }
            number = number << 7 | u64::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[i + 1..];
                return Ok(number);
            }
        }
        Err(Malformed::NumberCutOff)
    }

    fn take(&mut self, count: usize, otherwise: Malformed) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(otherwise)?;
        self.rest = rest;
        Ok(taken)
    }

    fn bound(&mut self) -> Result<Bound, Malformed> {
        let time = match self.number()? {
            0 => u64::MAX,
            // Infinity has one form only.
            offset => match self.last.at.time.checked_add(offset - 1) {
                None | Some(u64::MAX) => return Err(Malformed::TimeOverflow),
                Some(time) => time,
            },
        };
        let prefix = self.number()?;
        let prefix =
            usize::try_from(prefix).ok().filter(|&prefix| prefix <= 32).ok_or(Malformed::PrefixTooLong(prefix))?;
        let mut id = [0; 32];
        id[..prefix].copy_from_slice(self.take(prefix, Malformed::BoundCutOff)?);
        let bound = Bound { at: Item { time, id }, prefix };
        if bound.at < self.last.at {
            return Err(Malformed::NotAscending);
        }
        self.last = bound;
        Ok(bound)
    }

    /// The next range, or `None` behind the last.
    pub fn range(&mut self) -> Result<Option<(Bound, Payload<'a>)>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let bound = self.bound()?;
        let payload = match self.number()? {
            SKIP => Payload::Skip,
            FINGERPRINT => {
                let bytes = self.take(16, Malformed::FingerprintCutOff)?;
                Payload::Fingerprint(bytes.try_into().expect("16 bytes were taken"))
            }
            IDS => {
                let claimed = self.number()?;
                let room = self.rest.len() as u64 / 32;
                if claimed > room {
                    return Err(Malformed::IdsCutOff { claimed, room });
                }
                let bytes = self.take(32 * claimed as usize, Malformed::IdsCutOff { claimed, room })?;
                Payload::Ids(bytes.as_chunks().0)
            }
            mode => return Err(Malformed::UnknownMode(mode)),
        };
        Ok(Some((bound, payload)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(message: &[u8]) -> Result<Vec<(Bound, Payload<'_>)>, Malformed> {
        let (_, mut reader) = Reader::new(message)?;
        let mut ranges = Vec::new();
        while let Some(range) = reader.range()? {
            ranges.push(range);
        }
        Ok(ranges)
    }

    #[test]
    fn every_way_to_be_wrong_has_a_name() {
        let id = [7; 32];
        let cases: [(&[u8], Malformed); 13] = [
            (&[], Malformed::Empty),
            (&[0x59], Malformed::NotAVersion(0x59)),
            (&[0x61, 0xff], Malformed::NumberCutOff),
            (&[0x61, 0x80, 0x01], Malformed::NumberNotShortest),
            (&[0x61, 0x82, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00], Malformed::NumberTooLarge),
            (
                &[0x61, 0x02, 0, 0, 0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0x02],
                Malformed::TimeOverflow,
            ),
            (&[0x61, 0x00, 33], Malformed::PrefixTooLong(33)),
            (&[0x61, 0x00, 2, 1], Malformed::BoundCutOff),
            (&[0x61, 0x02, 1, 9, 0, 0x01, 1, 8, 0], Malformed::NotAscending),
            (&[0x61, 0x00, 0, 3], Malformed::UnknownMode(3)),
            (&[0x61, 0x00, 0, 1, 0], Malformed::FingerprintCutOff),
            (&[0x61, 0x00, 0, 2, 1, 0], Malformed::IdsCutOff { claimed: 1, room: 0 }),
            (
                &[&[0x61, 0x00, 0, 2, 0xc0, 0x80, 0x80, 0x80, 0x00][..], &id].concat(),
                Malformed::IdsCutOff { claimed: 1 << 34, room: 1 },
            ),
        ];
        for (message, wrong) in cases {
            assert_eq!(read(message), Err(wrong), "{message:x?}");
        }
    }

    #[test]
    fn the_shortest_bound_still_tells_neighbours_apart() {
        let item = |time, id: &[u8]| {
            let mut whole = [0; 32];
            whole[..id.len()].copy_from_slice(id);
            Item { time, id: whole }
        };
        assert_eq!(Bound::between(&item(1, &[9]), &item(2, &[3])), Bound { at: item(2, &[]), prefix: 0 });
        let bound = Bound::between(&item(2, &[5, 1, 9]), &item(2, &[5, 3, 1]));
        assert_eq!(bound, Bound { at: item(2, &[5, 3]), prefix: 2 });
    }

    fn any_item() -> impl Strategy<Value = Item> {
        // Few times and few first bytes, so that neighbours share both.
        (0u64..4, prop::array::uniform32(0u8..3)).prop_map(|(time, id)| Item { time: time << 40, id })
    }

    proptest! {
        #[test]
        fn numbers_are_read_as_they_were_written(number: u64, more in prop::collection::vec(any::<u8>(), 0..4)) {
            let mut bytes = Vec::new();
            put_number(&mut bytes, number);
            prop_assert!(bytes.len() <= NUMBER_BYTES);
            bytes.extend_from_slice(&more);
            let mut reader = Reader { rest: &bytes, last: Bound::END };
            prop_assert_eq!(reader.number(), Ok(number));
            prop_assert_eq!(reader.rest, &more[..]);
        }

        #[test]
        fn messages_are_read_as_they_were_written(
            mut items in prop::collection::btree_set(any_item(), 2..20),
            payloads in prop::collection::vec((0u8..3, any::<[u8; 16]>(), prop::collection::vec(any::<Id>(), 0..3)), 20),
            infinite: bool,
        ) {
            if infinite {
                items.insert(Item::END);
            }
            let items: Vec<_> = items.into_iter().collect();
            let mut writer = Writer::new();
            let mut ranges = Vec::new();
            for (pair, (kind, fingerprint, ids)) in items.windows(2).zip(&payloads) {
                let bound = if pair[1] == Item::END { Bound::END } else { Bound::between(&pair[0], &pair[1]) };
                prop_assert!(pair[0] < bound.at && bound.at <= pair[1]);
                let payload = match kind {
                    0 => Payload::Skip,
                    1 => Payload::Fingerprint(*fingerprint),
                    _ => Payload::Ids(ids),
                };
                let mark = writer.mark();
                writer.put(&Bound::END, Payload::Skip);
                writer.undo(mark);
                writer.put(&bound, payload);
                ranges.push((bound, payload));
            }
            let message = writer.finish();
            prop_assert_eq!(read(&message), Ok(ranges));
        }

        #[test]
        fn what_is_read_is_written_again_as_it_was(bytes in prop::collection::vec(0u8..4, 0..60)) {
            let message = [&[VERSION][..], &bytes].concat();
            if let Ok(ranges) = read(&message) {
                let mut writer = Writer::new();
                ranges.iter().for_each(|(bound, payload)| writer.put(bound, *payload));
                prop_assert_eq!(writer.finish(), message);
            }
        }
    }
}
