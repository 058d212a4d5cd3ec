//! Reading canonical bytes, and nothing but canonical bytes.

use std::cmp::Ordering;

use super::{Map, Value, is_negative_zero, key_order};
use crate::id::Cid;
use crate::limits;

/// Where and why bytes are not canonical DAG-CBOR.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not canonical DAG-CBOR at byte {at}: {fault}")]
pub struct DecodeError {
    /// Offset of the item that breaks a rule.
    pub at: usize,
    /// The rule.
    pub fault: Fault,
}

/// The rules that bytes can break.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The input ends inside an item.
    #[error("the input ends inside an item")]
    Truncated,
    /// Bytes follow the value.
    #[error("bytes follow the value")]
    Trailing,
    /// A longer form than needed.
    #[error("an integer or length is not in its shortest form")]
    NotShortest,
    /// An indefinite length.
    #[error("an indefinite length")]
    Indefinite,
    /// A float of 16 or 32 bits.
    #[error("a float that is not 64 bits wide")]
    ShortFloat,
    /// NaN or an infinity.
    #[error("a float that is not finite")]
    NotFinite,
    /// A float that is -0.0.
    #[error("the float -0.0, which has no place beside 0.0")]
    NegativeZero,
    /// A simple value other than false, true and null, or reserved bits.
    #[error("a simple value other than false, true and null")]
    Simple,
    /// Text that is not UTF-8.
    #[error("text that is not UTF-8")]
    Utf8,
    /// A map key that is not text.
    #[error("a map key that is not text")]
    KeyKind,
    /// Keys out of order.
    #[error("map keys are out of order")]
    KeyOrder,
    /// A key twice.
    #[error("a map key appears twice")]
    DuplicateKey,
    /// A tag that is not 42.
    #[error("a tag other than 42")]
    Tag,
    /// Tag 42 without a CID in it.
    #[error("tag 42 that does not hold a CID")]
    Cid,
    /// Too many levels.
    #[error("more than {} levels", limits::DEPTH)]
    Depth,
    /// Another kind of item than the structure asks for.
    #[error("expected {0}")]
    Expected(&'static str),
}

/// Reads one value that is the whole input.
pub fn decode(bytes: &[u8]) -> Result<Value, DecodeError> {
    let mut reader = Reader::new(bytes);
    let value = reader.value()?;
    reader.end()?;
    Ok(value)
}

/// Items that room is made for on the word of a length; more come one by one.
const PREALLOCATED: usize = 256;

/// A cursor over canonical CBOR.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The first bytes of an item.
pub(super) struct Head {
    at: usize,
    pub(super) major: u8,
    pub(super) argument: u64,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The first byte of the next item.
    #[cfg(feature = "json")]
    pub(super) fn first(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn fail<T>(&self, at: usize, fault: Fault) -> Result<T, DecodeError> {
        Err(DecodeError { at, fault })
    }

    pub(crate) fn end(&self) -> Result<(), DecodeError> {
        if self.at == self.bytes.len() { Ok(()) } else { self.fail(self.at, Fault::Trailing) }
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        match self.bytes[self.at..].get(..length) {
            Some(slice) => {
                self.at += length;
                Ok(slice)
            }
            None => self.fail(self.at, Fault::Truncated),
        }
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        Ok(self.take(N)?.try_into().expect("take gives the length asked for"))
    }

    fn argument(&mut self, at: usize, info: u8) -> Result<u64, DecodeError> {
        let (value, least) = match info {
            0..=23 => return Ok(info.into()),
            24 => (u64::from(self.fixed::<1>()?[0]), 24),
            25 => (u16::from_be_bytes(self.fixed()?).into(), 0x100),
            26 => (u32::from_be_bytes(self.fixed()?).into(), 0x1_0000),
            27 => (u64::from_be_bytes(self.fixed()?), 0x1_0000_0000),
            31 => return self.fail(at, Fault::Indefinite),
            _ => return self.fail(at, Fault::Simple),
        };
        if value < least { self.fail(at, Fault::NotShortest) } else { Ok(value) }
    }

    /// The head of the next item; not for major type 7.
    pub(super) fn head(&mut self) -> Result<Head, DecodeError> {
        let at = self.at;
        let [first] = self.fixed()?;
        let argument = self.argument(at, first & 0x1f)?;
        Ok(Head { at, major: first >> 5, argument })
    }

    fn expect(&mut self, major: u8, what: &'static str) -> Result<Head, DecodeError> {
        let at = self.at;
        match self.bytes.get(at) {
            None => self.fail(at, Fault::Truncated),
            Some(first) if first >> 5 == major => self.head(),
            Some(_) => self.fail(at, Fault::Expected(what)),
        }
    }

    /// A length that the rest of the input can hold, with `least` bytes for each element.
    pub(super) fn length(&self, head: &Head, least: usize) -> Result<usize, DecodeError> {
        let room = (self.bytes.len() - self.at) / least;
        match usize::try_from(head.argument) {
            Ok(length) if length <= room => Ok(length),
            _ => self.fail(head.at, Fault::Truncated),
        }
    }

    pub(crate) fn uint(&mut self) -> Result<u64, DecodeError> {
        Ok(self.expect(0, "an unsigned integer")?.argument)
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let head = self.expect(2, "bytes")?;
        let length = self.length(&head, 1)?;
        self.take(length)
    }

    /// Bytes of a fixed length.
    pub(crate) fn array_of<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], DecodeError> {
        let at = self.at;
        self.bytes()?.try_into().or_else(|_| self.fail(at, Fault::Expected(what)))
    }

    /// Text, if that comes next.
    pub(crate) fn if_text(&mut self) -> Result<Option<&'a str>, DecodeError> {
        match self.bytes.get(self.at) {
            Some(first) if first >> 5 == 3 => self.text().map(Some),
            _ => Ok(None),
        }
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, DecodeError> {
        let head = self.expect(3, "text")?;
        self.text_of(&head)
    }

    pub(super) fn text_of(&mut self, head: &Head) -> Result<&'a str, DecodeError> {
        let length = self.length(head, 1)?;
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).or_else(|_| self.fail(head.at, Fault::Utf8))
    }

    pub(crate) fn array(&mut self) -> Result<usize, DecodeError> {
        let head = self.expect(4, "a list")?;
        self.length(&head, 1)
    }

    /// A list of exactly this many items.
    pub(crate) fn tuple(&mut self, length: usize, what: &'static str) -> Result<(), DecodeError> {
        let at = self.at;
        if self.array()? == length { Ok(()) } else { self.fail(at, Fault::Expected(what)) }
    }

    /// Steps over a `null`, if that is what comes next.
    pub(crate) fn null(&mut self) -> bool {
        let null = self.bytes.get(self.at) == Some(&0xf6);
        self.at += usize::from(null);
        null
    }

    pub(crate) fn value(&mut self) -> Result<Value, DecodeError> {
        self.nested(0)
    }

    fn nested(&mut self, depth: usize) -> Result<Value, DecodeError> {
        let at = self.at;
        let Some(first) = self.bytes.get(at) else {
            return self.fail(at, Fault::Truncated);
        };
        if first >> 5 == 7 {
            return self.simple();
        }
        let head = self.head()?;
        match head.major {
            0 => Ok(Value::Int(head.argument.into())),
            1 => Ok(Value::Int(-1 - i128::from(head.argument))),
            2 => {
                let length = self.length(&head, 1)?;
                Ok(Value::Bytes(self.take(length)?.to_vec()))
            }
            3 => Ok(Value::Text(self.text_of(&head)?.to_owned())),
            4 | 5 if depth >= limits::DEPTH => self.fail(at, Fault::Depth),
            4 => {
                let length = self.length(&head, 1)?;
                let mut list = Vec::with_capacity(length.min(PREALLOCATED));
                for _ in 0..length {
                    list.push(self.nested(depth + 1)?);
                }
                Ok(Value::List(list))
            }
            5 => self.map(&head, depth),
            _ => self.tag(&head),
        }
    }

    fn map(&mut self, head: &Head, depth: usize) -> Result<Value, DecodeError> {
        let length = self.length(head, 2)?;
        let mut map = Map::with_capacity(length.min(PREALLOCATED));
        let mut last: Option<&str> = None;
        for _ in 0..length {
            let at = self.at;
            let key = match self.text() {
                Err(DecodeError { fault: Fault::Expected(_), .. }) => return self.fail(at, Fault::KeyKind),
                other => other?,
            };
            match last.map(|last| key_order(last, key)) {
                None | Some(Ordering::Less) => {}
                Some(Ordering::Equal) => return self.fail(at, Fault::DuplicateKey),
                Some(Ordering::Greater) => return self.fail(at, Fault::KeyOrder),
            }
            last = Some(key);
            let value = self.nested(depth + 1)?;
            map.push_last(key.to_owned(), value);
        }
        Ok(Value::Map(map))
    }

    pub(super) fn tag(&mut self, head: &Head) -> Result<Value, DecodeError> {
        if head.argument != 42 {
            return self.fail(head.at, Fault::Tag);
        }
        let cid =
            self.bytes().ok().and_then(|bytes| bytes.strip_prefix(&[0])).and_then(|bytes| Cid::from_bytes(bytes).ok());
        cid.map(Value::Link).map_or_else(|| self.fail(head.at, Fault::Cid), Ok)
    }

    pub(super) fn simple(&mut self) -> Result<Value, DecodeError> {
        let at = self.at;
        match self.fixed::<1>()?[0] {
            0xf4 => Ok(Value::Bool(false)),
            0xf5 => Ok(Value::Bool(true)),
            0xf6 => Ok(Value::Null),
            0xf9 | 0xfa => self.fail(at, Fault::ShortFloat),
            0xfb => {
                let float = f64::from_be_bytes(self.fixed()?);
                if !float.is_finite() {
                    self.fail(at, Fault::NotFinite)
                } else if is_negative_zero(float) {
                    self.fail(at, Fault::NegativeZero)
                } else {
                    Ok(Value::Float(float))
                }
            }
            0xff => self.fail(at, Fault::Indefinite),
            _ => self.fail(at, Fault::Simple),
        }
    }
}
