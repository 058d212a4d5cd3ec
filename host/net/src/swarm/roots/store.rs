//! The record store behind Kademlia.
//!
//! It holds provider records only: values are refused, for Atlas puts none into the DHT. Of
//! others' records it keeps those whose keys are nearest to this node, which is where the DHT
//! looks for them; when it is full, the farthest go first, so that a flood of keys drives out
//! keys that nobody would have sought here. One provider cannot fill it either.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::{Duration, Instant};

use atlas_record::cbor::{self, Map, Value};
use libp2p::kad::store::{Error, RecordStore, Result};
use libp2p::kad::{ProviderRecord, Record, RecordKey};
use libp2p::{Multiaddr, PeerId};
use sha2::{Digest, Sha256};

use super::super::NetError;
use super::super::disk::{damaged, read_whole};

/// Format of the file.
const VERSION: i128 = 1;
/// Bytes of the file that are read: well above what full bounds make.
const MOST_BYTES: u64 = 256 << 20;
/// How long others' records live without being renewed: what the DHT agrees on.
const LIFETIME: Duration = Duration::from_secs(48 * 60 * 60);

/// How much is kept.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    /// Roots that this node provides.
    pub(crate) own: usize,
    /// Keys of which others are providers.
    pub(crate) keys: usize,
    /// Providers of one key.
    pub(crate) providers: usize,
    /// Keys of one provider.
    pub(crate) per_provider: usize,
    /// Addresses of one provider.
    pub(crate) addresses: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { own: 1 << 16, keys: 1 << 16, providers: 20, per_provider: 1 << 12, addresses: 8 }
    }
}

/// How far a key is from this node.
type Distance = [u8; 32];

/// Provider records.
pub(crate) struct Store {
    local: PeerId,
    point: Distance,
    bounds: Bounds,
    own: HashMap<RecordKey, ProviderRecord>,
    others: BTreeMap<Distance, (RecordKey, Vec<ProviderRecord>)>,
    /// Records of each provider in `others`.
    counts: HashMap<PeerId, usize>,
}

impl Store {
    pub(crate) fn new(local: PeerId, bounds: Bounds) -> Self {
        let point = Sha256::digest(local.to_bytes()).into();
        Self { local, point, bounds, own: HashMap::new(), others: BTreeMap::new(), counts: HashMap::new() }
    }

    fn distance(&self, key: &RecordKey) -> Distance {
        let mut distance: Distance = Sha256::digest(key.as_ref()).into();
        distance.iter_mut().zip(self.point).for_each(|(byte, point)| *byte ^= point);
        distance
    }

    /// Roots that this node provides.
    pub(crate) fn own(&self) -> impl Iterator<Item = &RecordKey> {
        self.own.keys()
    }

    /// Forgets what has expired.
    pub(crate) fn sweep(&mut self, now: Instant) {
        let counts = &mut self.counts;
        self.others.retain(|_, (_, records)| {
            records.retain(|record| {
                let alive = !record.is_expired(now);
                if !alive {
                    uncount(counts, &record.provider);
                }
                alive
            });
            !records.is_empty()
        });
    }

    fn forget(&mut self, distance: &Distance) {
        if let Some((_, records)) = self.others.remove(distance) {
            records.iter().for_each(|record| uncount(&mut self.counts, &record.provider));
        }
    }

    fn add_other(&mut self, mut record: ProviderRecord) -> Result<()> {
        record.addresses.truncate(self.bounds.addresses);
        let distance = self.distance(&record.key);
        if let Some((_, records)) = self.others.get_mut(&distance) {
            if let Some(known) = records.iter_mut().find(|known| known.provider == record.provider) {
                *known = record;
                return Ok(());
            }
            // Who was first stays: a flood of providers does not drive out those that serve.
            if records.len() >= self.bounds.providers {
                return Ok(());
            }
        }
        let count = self.counts.get(&record.provider).copied().unwrap_or(0);
        if count >= self.bounds.per_provider {
            return Err(Error::MaxProvidedKeys);
        }
        if !self.others.contains_key(&distance) && self.others.len() >= self.bounds.keys {
            let farthest = *self.others.last_key_value().ok_or(Error::MaxProvidedKeys)?.0;
            if farthest <= distance {
                return Err(Error::MaxProvidedKeys);
            }
            self.forget(&farthest);
        }
        *self.counts.entry(record.provider).or_default() += 1;
        self.others.entry(distance).or_insert_with(|| (record.key.clone(), Vec::new())).1.push(record);
        Ok(())
    }

    /// Reads what [`Self::encode`] made. `now` and `clock` (milliseconds since 1970) are the same
    /// moment.
    pub(crate) fn load(
        path: &Path,
        local: PeerId,
        bounds: Bounds,
        now: Instant,
        clock: u64,
    ) -> std::result::Result<Self, NetError> {
        let mut store = Self::new(local, bounds);
        let Some(bytes) = read_whole(path, MOST_BYTES)? else { return Ok(store) };
        store.restore(&bytes, now, clock).map_err(|why| damaged(path, why))?;
        Ok(store)
    }

    fn restore(&mut self, bytes: &[u8], now: Instant, clock: u64) -> std::result::Result<(), &'static str> {
        let value = cbor::decode(bytes).map_err(|_| "it is no CBOR")?;
        let map = value.as_map().ok_or("it is no map")?;
        if map.get("version") != Some(&Value::Int(VERSION)) {
            return Err("it is of another version");
        }
        for key in map.get("own").and_then(Value::as_list).ok_or("no list of own roots")? {
            let Value::Bytes(key) = key else { return Err("a root is not bytes") };
            let record = ProviderRecord::new(RecordKey::new(key), self.local, Vec::new());
            self.add_provider(record).map_err(|_| "more own roots than there may be")?;
        }
        for entry in map.get("others").and_then(Value::as_list).ok_or("no list of others' roots")? {
            let (expires, record) = read_record(entry).ok_or("a record of another node is malformed")?;
            // No clock that was set back makes a record live longer than it may.
            let left = Duration::from_millis(expires.saturating_sub(clock)).min(LIFETIME);
            if !left.is_zero() {
                // What the bounds do not let in any more is forgotten.
                let _ = self.add_provider(ProviderRecord { expires: Some(now + left), ..record });
            }
        }
        Ok(())
    }

    /// Everything, for the next start.
    pub(crate) fn encode(&self, now: Instant, clock: u64) -> Vec<u8> {
        let own = self.own.keys().map(|key| Value::Bytes(key.to_vec())).collect();
        let others = self.others.values().flat_map(|(_, records)| records);
        let others = others.filter_map(|record| write_record(record, now, clock)).collect();
        let mut map = Map::new();
        map.insert("version", Value::Int(VERSION));
        map.insert("own", Value::List(own));
        map.insert("others", Value::List(others));
        cbor::encode_map(&map)
    }

    #[cfg(test)]
    fn count(&self) -> usize {
        self.others.values().map(|(_, records)| records.len()).sum()
    }
}

fn uncount(counts: &mut HashMap<PeerId, usize>, provider: &PeerId) {
    if let Some(count) = counts.get_mut(provider) {
        *count -= 1;
        if *count == 0 {
            counts.remove(provider);
        }
    }
}

/// `[key, provider, expires, [address]]`. Nothing of a record that has expired.
fn write_record(record: &ProviderRecord, now: Instant, clock: u64) -> Option<Value> {
    let left = record.expires?.checked_duration_since(now)?;
    let expires = clock + left.as_millis() as u64;
    Some(Value::List(vec![
        Value::Bytes(record.key.to_vec()),
        Value::Bytes(record.provider.to_bytes()),
        Value::Int(expires.into()),
        Value::List(record.addresses.iter().map(|addr| Value::Bytes(addr.to_vec())).collect()),
    ]))
}

fn read_record(value: &Value) -> Option<(u64, ProviderRecord)> {
    let [Value::Bytes(key), Value::Bytes(provider), Value::Int(expires), Value::List(addresses)] = value.as_list()?
    else {
        return None;
    };
    let provider = PeerId::from_bytes(provider).ok()?;
    let addresses = addresses.iter().map(|addr| match addr {
        Value::Bytes(addr) => Multiaddr::try_from(addr.clone()).ok(),
        _ => None,
    });
    let record = ProviderRecord::new(RecordKey::new(key), provider, addresses.collect::<Option<_>>()?);
    Some((u64::try_from(*expires).ok()?, record))
}

impl RecordStore for Store {
    type RecordsIter<'a> = std::iter::Empty<Cow<'a, Record>>;
    type ProvidedIter<'a> = std::iter::Map<
        std::collections::hash_map::Values<'a, RecordKey, ProviderRecord>,
        fn(&'a ProviderRecord) -> Cow<'a, ProviderRecord>,
    >;

    fn get(&self, _: &RecordKey) -> Option<Cow<'_, Record>> {
        None
    }

    fn put(&mut self, _: Record) -> Result<()> {
        Err(Error::MaxRecords)
    }

    fn remove(&mut self, _: &RecordKey) {}

    fn records(&self) -> Self::RecordsIter<'_> {
        std::iter::empty()
    }

    fn add_provider(&mut self, record: ProviderRecord) -> Result<()> {
        if record.provider != self.local {
            return self.add_other(record);
        }
        if self.own.len() >= self.bounds.own && !self.own.contains_key(&record.key) {
            return Err(Error::MaxProvidedKeys);
        }
        self.own.insert(record.key.clone(), record);
        Ok(())
    }

    fn providers(&self, key: &RecordKey) -> Vec<ProviderRecord> {
        let others = self.others.get(&self.distance(key)).map_or(&[][..], |(_, records)| records);
        self.own.get(key).into_iter().chain(others).cloned().collect()
    }

    fn provided(&self) -> Self::ProvidedIter<'_> {
        self.own.values().map(Cow::Borrowed)
    }

    fn remove_provider(&mut self, key: &RecordKey, provider: &PeerId) {
        if *provider == self.local {
            self.own.remove(key);
            return;
        }
        let distance = self.distance(key);
        let Some((_, records)) = self.others.get_mut(&distance) else { return };
        let before = records.len();
        records.retain(|record| record.provider != *provider);
        if records.len() < before {
            uncount(&mut self.counts, provider);
        }
        if records.is_empty() {
            self.others.remove(&distance);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(n: u32) -> RecordKey {
        RecordKey::new(&Sha256::digest(n.to_le_bytes()))
    }

    fn record(n: u32, provider: PeerId, expires: Instant) -> ProviderRecord {
        let addresses = vec!["/ip4/9.9.9.9/tcp/7".parse().unwrap(); 20];
        ProviderRecord { expires: Some(expires), ..ProviderRecord::new(key(n), provider, addresses) }
    }

    fn small() -> Bounds {
        Bounds { own: 2, keys: 8, providers: 3, per_provider: 4, addresses: 2 }
    }

    #[test]
    fn own_roots_are_more_than_a_thousand_and_bounded() {
        let local = PeerId::random();
        let mut store = Store::new(local, Bounds { own: 5000, ..small() });
        (0..5000).for_each(|n| store.add_provider(ProviderRecord::new(key(n), local, vec![])).unwrap());
        store.add_provider(ProviderRecord::new(key(0), local, vec![])).unwrap();
        store.add_provider(ProviderRecord::new(key(5000), local, vec![])).unwrap_err();
        assert_eq!(store.provided().count(), 5000);
        store.remove_provider(&key(17), &local);
        assert_eq!(store.own().count(), 4999);
    }

    #[test]
    fn a_flood_of_keys_drives_out_the_farthest_first() {
        let now = Instant::now();
        let mut store = Store::new(PeerId::random(), small());
        for n in 0..1000 {
            let _ = store.add_provider(record(n, PeerId::random(), now + LIFETIME));
        }
        let mut nearest: Vec<_> = (0..1000).map(|n| (store.distance(&key(n)), n)).collect();
        nearest.sort();
        let expected: Vec<_> = nearest[..8].iter().map(|(_, n)| key(*n)).collect();
        let kept: Vec<_> = store.others.values().map(|(key, _)| key.clone()).collect();
        assert_eq!(kept, expected);
        assert_eq!(store.counts.values().sum::<usize>(), 8);
    }

    #[test]
    fn neither_one_provider_nor_many_take_over() {
        let now = Instant::now();
        let mut store = Store::new(PeerId::random(), Bounds { keys: 100, ..small() });
        let greedy = PeerId::random();
        let taken = (0..100).filter(|n| store.add_provider(record(*n, greedy, now + LIFETIME)).is_ok()).count();
        assert_eq!(taken, 4);
        let first = PeerId::random();
        store.add_provider(record(500, first, now + LIFETIME)).unwrap();
        (0..50).for_each(|_| store.add_provider(record(500, PeerId::random(), now + LIFETIME)).unwrap());
        let providers = store.providers(&key(500));
        assert_eq!(providers.len(), 3);
        assert_eq!(providers[0].provider, first);
        assert_eq!(providers[0].addresses.len(), 2);
    }

    #[test]
    fn values_are_not_kept() {
        let mut store = Store::new(PeerId::random(), Bounds::default());
        store.put(Record::new(key(1), vec![1])).unwrap_err();
        assert!(store.get(&key(1)).is_none());
    }

    #[test]
    fn a_restart_keeps_everything_but_what_has_expired() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("roots");
        let (local, other, now) = (PeerId::random(), PeerId::random(), Instant::now());
        let mut store = Store::new(local, Bounds::default());
        for n in 0..2000 {
            store.add_provider(ProviderRecord::new(key(n), local, vec![])).unwrap();
        }
        store.add_provider(record(7, other, now + Duration::from_secs(60))).unwrap();
        store.add_provider(record(8, other, now + Duration::from_secs(3600))).unwrap();
        std::fs::write(&path, store.encode(now, 1_000_000)).unwrap();

        // Ten minutes later.
        let again = Store::load(&path, local, Bounds::default(), now, 1_600_000).unwrap();
        assert_eq!(again.own().count(), 2000);
        assert_eq!(again.providers(&key(7)).len(), 1, "its own only");
        let kept = again.providers(&key(8)).into_iter().find(|record| record.provider == other).unwrap();
        assert_eq!(kept.expires, Some(now + Duration::from_secs(3000)));
        // A clock that was set back by a year.
        let again = Store::load(&path, local, Bounds::default(), now, 0).unwrap();
        let kept = again.providers(&key(8)).into_iter().find(|record| record.provider == other).unwrap();
        assert!(kept.expires.unwrap() <= now + LIFETIME);

        std::fs::write(&path, b"garbage").unwrap();
        let error = Store::load(&path, local, Bounds::default(), now, 0).err().unwrap();
        assert!(error.to_string().contains("damaged"), "{error}");
    }

    proptest! {
        #[test]
        fn the_counts_are_what_is_held(steps in proptest::collection::vec((0u32..30, 0usize..6, 0u8..4), 0..200)) {
            let now = Instant::now();
            let providers: Vec<_> = (0..6).map(|_| PeerId::random()).collect();
            let mut store = Store::new(PeerId::random(), small());
            for (n, who, what) in steps {
                match what {
                    0 => store.remove_provider(&key(n), &providers[who]),
                    1 => store.sweep(now + Duration::from_secs(u64::from(n))),
                    _ => {
                        let expires = now + Duration::from_secs(u64::from(n) + 1);
                        let _ = store.add_provider(record(n, providers[who], expires));
                    }
                }
                prop_assert!(store.others.len() <= 8);
                prop_assert!(store.counts.values().all(|count| (1..=4).contains(count)));
                prop_assert_eq!(store.counts.values().sum::<usize>(), store.count());
            }
        }
    }
}
