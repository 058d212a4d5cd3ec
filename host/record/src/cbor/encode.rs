//! Writing canonical bytes.

use super::{Map, Value};
use crate::id::Cid;

/// The canonical bytes of a value.
///
/// # Panics
/// On a float that is not finite and on an integer outside -2^64..2^64: neither has bytes.
/// The parsers of this crate never produce them, and [`Value::check`] finds them.
pub fn encode(value: &Value) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.value(value);
    writer.into_bytes()
}

/// The canonical bytes of a map. See [`encode`].
pub fn encode_map(map: &Map) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.map(map);
    writer.into_bytes()
}

/// Appends canonical CBOR items.
#[derive(Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn head(&mut self, major: u8, argument: u64) {
        let major = major << 5;
        match argument {
            0..=23 => self.bytes.push(major | argument as u8),
            24..=0xff => self.bytes.extend_from_slice(&[major | 24, argument as u8]),
            0x100..=0xffff => {
                self.bytes.push(major | 25);
                self.bytes.extend_from_slice(&(argument as u16).to_be_bytes());
            }
            0x1_0000..=0xffff_ffff => {
                self.bytes.push(major | 26);
                self.bytes.extend_from_slice(&(argument as u32).to_be_bytes());
            }
            _ => {
                self.bytes.push(major | 27);
                self.bytes.extend_from_slice(&argument.to_be_bytes());
            }
        }
    }

    pub(crate) fn uint(&mut self, value: u64) {
        self.head(0, value);
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.head(2, bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.head(3, text.len() as u64);
        self.bytes.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn array(&mut self, length: usize) {
        self.head(4, length as u64);
    }

    pub(crate) fn null(&mut self) {
        self.bytes.push(0xf6);
    }

    /// Bytes that are canonical already.
    pub(crate) fn raw(&mut self, canonical: &[u8]) {
        self.bytes.extend_from_slice(canonical);
    }

    pub(crate) fn link(&mut self, cid: &Cid) {
        self.head(6, 42);
        self.head(2, cid.as_bytes().len() as u64 + 1);
        self.bytes.push(0); // the multibase prefix that DAG-CBOR asks for
        self.bytes.extend_from_slice(cid.as_bytes());
    }

    pub(crate) fn map(&mut self, map: &Map) {
        self.head(5, map.len() as u64);
        for (key, value) in map.iter() {
            self.text(key);
            self.value(value);
        }
    }

    pub(crate) fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.null(),
            Value::Bool(false) => self.bytes.push(0xf4),
            Value::Bool(true) => self.bytes.push(0xf5),
            Value::Int(int) if *int >= 0 => {
                self.head(0, u64::try_from(*int).expect("integers stay below 2^64"));
            }
            Value::Int(int) => {
                self.head(1, u64::try_from(-1 - *int).expect("integers stay above -2^64 - 1"));
            }
            Value::Float(float) => {
                assert!(float.is_finite(), "floats are finite");
                self.bytes.push(0xfb);
                self.bytes.extend_from_slice(&float.to_be_bytes());
            }
            Value::Bytes(bytes) => self.bytes(bytes),
            Value::Text(text) => self.text(text),
            Value::List(list) => {
                self.array(list.len());
                list.iter().for_each(|item| self.value(item));
            }
            Value::Map(map) => self.map(map),
            Value::Link(cid) => self.link(cid),
        }
    }
}
