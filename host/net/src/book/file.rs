//! The book on disk: one canonical CBOR file, written whole.

use std::path::Path;

use atlas_record::cbor::{self, Map, Value};

use super::{Address, Book, Entry, MOST_ADDRESSES, MOST_FAILURES, MOST_PEERS};
use crate::swarm::{How, Multiaddr, NetError, PeerId, damaged, read_whole, write_whole};

/// Format of the file.
const VERSION: i128 = 1;
/// Bytes of the file that are read: above what a full book makes.
const MOST_BYTES: u64 = 32 << 20;

impl Book {
    /// Reads a book. An empty one if there is no file.
    pub fn load(path: &Path) -> Result<Self, NetError> {
        match read_whole(path, MOST_BYTES)? {
            None => Ok(Self::new()),
            Some(bytes) => Self::decode(&bytes).map_err(|why| damaged(path, why)),
        }
    }

    /// Writes the book, if it has changed since the last time.
    pub fn save(&mut self, path: &Path) -> Result<(), NetError> {
        match self.unsaved() {
            Some(bytes) => write_whole(path, &bytes),
            None => Ok(()),
        }
    }

    /// The content of the file, if it has changed since it was last asked for.
    pub(crate) fn unsaved(&mut self) -> Option<Vec<u8>> {
        std::mem::take(&mut self.changed).then(|| self.encode())
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let peers = self.entries.iter().map(|(peer, entry)| encode_entry(peer, entry)).collect();
        let mut map = Map::new();
        map.insert("version", Value::Int(VERSION));
        map.insert("peers", Value::List(peers));
        cbor::encode_map(&map)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let value = cbor::decode(bytes).map_err(|_| "it is no CBOR")?;
        let map = value.as_map().ok_or("it is no map")?;
        if map.get("version") != Some(&Value::Int(VERSION)) {
            return Err("it is of another version");
        }
        let peers = map.get("peers").and_then(Value::as_list).ok_or("it has no list of peers")?;
        if peers.len() > MOST_PEERS {
            return Err("it has more peers than a book holds");
        }
        let entries = peers.iter().map(decode_entry).collect::<Option<_>>().ok_or("a peer is malformed")?;
        Ok(Self { entries, changed: false })
    }
}

/// `[peer, how, heard, succeeded, failures, tried, [address]]`
fn encode_entry(peer: &PeerId, entry: &Entry) -> Value {
    Value::List(vec![
        Value::Bytes(peer.to_bytes()),
        Value::Int(match entry.how {
            How::Identify => 0,
            How::Dht => 1,
            How::Mdns => 2,
            How::Given => 3,
        }),
        time(Some(entry.heard)),
        time(entry.succeeded),
        Value::Int(entry.failures.into()),
        time(entry.tried),
        Value::List(entry.addresses.iter().map(encode_address).collect()),
    ])
}

fn decode_entry(value: &Value) -> Option<(PeerId, Entry)> {
    let [Value::Bytes(peer), Value::Int(how), heard, succeeded, failures, tried, Value::List(addresses)] =
        value.as_list()?
    else {
        return None;
    };
    let how = match how {
        0 => How::Identify,
        1 => How::Dht,
        2 => How::Mdns,
        3 => How::Given,
        _ => return None,
    };
    let addresses = addresses.iter().map(decode_address).collect::<Option<Vec<_>>>()?;
    let entry = Entry {
        how,
        heard: read_time(heard)??,
        succeeded: read_time(succeeded)?,
        failures: read_failures(failures)?,
        tried: read_time(tried)?,
        addresses,
    };
    (entry.addresses.len() <= MOST_ADDRESSES).then_some((PeerId::from_bytes(peer).ok()?, entry))
}

/// `[address, heard, succeeded, failures]`
fn encode_address(address: &Address) -> Value {
    Value::List(vec![
        Value::Bytes(address.addr.to_vec()),
        time(Some(address.heard)),
        time(address.succeeded),
        Value::Int(address.failures.into()),
    ])
}

fn decode_address(value: &Value) -> Option<Address> {
    let [Value::Bytes(addr), heard, succeeded, failures] = value.as_list()? else { return None };
    Some(Address {
        addr: Multiaddr::try_from(addr.clone()).ok()?,
        heard: read_time(heard)??,
        succeeded: read_time(succeeded)?,
        failures: read_failures(failures)?,
    })
}

fn time(time: Option<u64>) -> Value {
    time.map_or(Value::Null, |time| Value::Int(time.into()))
}

/// The outer option: whether it is a time at all.
fn read_time(value: &Value) -> Option<Option<u64>> {
    match value {
        Value::Null => Some(None),
        Value::Int(time) => u64::try_from(*time).ok().map(Some),
        _ => None,
    }
}

fn read_failures(value: &Value) -> Option<u32> {
    match value {
        Value::Int(failures) => u32::try_from(*failures).ok().filter(|failures| *failures <= MOST_FAILURES),
        _ => None,
    }
}
