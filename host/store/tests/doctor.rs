//! The check finds what is broken and says nothing where nothing is.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use atlas_record::BlobId;
use atlas_store::kv::memory::MemoryKv;
use atlas_store::kv::{Durability, Kv, Range, Table, Writes};
use atlas_store::{Batch, Config, Item, Store, Verdict, WaitKey, Waiting};
use common::*;

fn filled(kv: &Arc<MemoryKv>) -> Store {
    let store = Store::on(kv.clone(), None, Config::default()).unwrap();
    let key = |i: u64| format!("k{}", i % 3);
    for i in 0..9 {
        let record = draft(PAGE, i, "page").seq(i / 2 + 1).key(&key(i)).link("about", name("x")).expires(100).make();
        put(&store, &record, found_under(&[("tag", "t")]));
    }
    let post = draft(POST, 1, "post").make();
    put(&store, &post, valid());
    put(&store, &draft(POST, 2, "gone").deletes(Some(post.id())).make(), valid());
    put(&store, &draft(PAGE, 20, "gone").key("k0").deletes(None).make(), valid());
    put(&store, &draft(POST, 2, "gone twice").grant(1).deletes(Some(post.id())).make(), valid());
    let other = draft(POST, 1, "other").make();
    put(&store, &other, valid());
    put_revoked(&store, &draft(POST, 2, "not gone").deletes(Some(other.id())).make());
    put_revoked(&store, &draft(PAGE, 21, "not gone").grant(2).key("k1").deletes(None).make());
    for (created, key) in [(30, "k2"), (31, "new"), (32, "new")] {
        create(&store, &draft(PAGE, created, "made").grant(2).key(key).make());
    }
    put(&store, &draft(POST, 3, "later").make(), Verdict::Pending(Waiting::on(WaitKey::Until(9))));
    let carried = store.offer_blob(&mut &b"c"[..], 1).unwrap().0;
    put(&store, &draft(POST, 5, "carries").blob(carried, 1).make(), valid());
    let mut batch = Batch::new();
    batch.put_blob(b"blob".to_vec());
    batch.push(Item::Park { record: draft(POST, 4, "parked").make(), waiting: Waiting::on(WaitKey::Until(7)), now: 1 });
    store.commit(batch).unwrap();
    assert_whole(&store);
    store
}

#[test]
fn a_row_that_is_missing_is_noticed_in_every_table() {
    // Nothing says which documents there must be, a change without a row is one that was settled, and a
    // blob that is not loose is one that someone keeps.
    let tells = |table: &&Table| !matches!(table, Table::Docs | Table::Changed | Table::Loose);
    for &table in Table::ALL.iter().filter(tells) {
        let kv = Arc::new(MemoryKv::new());
        let store = filled(&kv);
        let rows: Vec<_> = kv.view().range(table, Range::all()).map(|row| row.unwrap()).collect();
        assert!(!rows.is_empty(), "{table:?} has no row to remove");
        for (key, value) in rows {
            let mut writes = Writes::default();
            writes.remove(table, &key);
            kv.write(&writes, Durability::Synced).unwrap();
            let report = store.check(&mut |_| {}).unwrap();
            assert!(!report.is_clean(), "{table:?} without {key:?}");
            writes.clear();
            writes.put(table, &key, &value);
            kv.write(&writes, Durability::Synced).unwrap();
        }
        assert_whole(&store);
    }
}

#[test]
fn a_row_too_many_is_noticed() {
    use Table::*;
    for table in [Author, Link, Index, Ids, Set, Expiry, Waiting, Grant, Tombstone, Carried] {
        let kv = Arc::new(MemoryKv::new());
        let store = filled(&kv);
        let (mut key, value) = kv.view().range(table, Range::all()).next().unwrap().unwrap();
        *key.last_mut().unwrap() ^= 0x55;
        let mut writes = Writes::default();
        writes.put(table, &key, &value);
        kv.write(&writes, Durability::Synced).unwrap();
        assert!(!store.check(&mut |_| {}).unwrap().is_clean(), "{table:?}");
    }
}

#[test]
fn a_flipped_bit_in_a_record_is_noticed() {
    let kv = Arc::new(MemoryKv::new());
    let store = filled(&kv);
    let (key, value) = kv.view().range(Table::Records, Range::all().backward()).next().unwrap().unwrap();
    for at in 0..value.len() {
        let mut changed = value.clone();
        changed[at] ^= 0x10;
        let mut writes = Writes::default();
        writes.put(Table::Records, &key, &changed);
        kv.write(&writes, Durability::Synced).unwrap();
        assert!(!store.check(&mut |_| {}).unwrap().is_clean(), "byte {at} of {}", value.len());
    }
}

#[test]
fn a_flipped_flag_at_an_address_is_noticed() {
    let kv = Arc::new(MemoryKv::new());
    let store = filled(&kv);
    let flipped = |table, key: &[u8], value: &[u8], at: usize, bit: u8| {
        let mut changed = value.to_vec();
        changed[at] ^= bit;
        let mut writes = Writes::default();
        writes.put(table, key, &changed);
        kv.write(&writes, Durability::Synced).unwrap();
        assert!(!store.check(&mut |_| {}).unwrap().is_clean(), "bit {bit} of {key:?} in {table:?}");
        writes.clear();
        writes.put(table, key, value);
        kv.write(&writes, Durability::Synced).unwrap();
    };
    for row in kv.view().range(Table::Address, Range::all()) {
        let (key, value) = row.unwrap();
        (0..8).for_each(|bit| flipped(Table::Address, &key, &value, 8, 1 << bit));
    }
    for row in kv.view().range(Table::Records, Range::all()) {
        let (key, value) = row.unwrap();
        let n = u64::from_be_bytes(key[..].try_into().unwrap());
        if store.by_number(n).unwrap().unwrap().record.header().record_key.is_some() {
            // Revoked, create-only, and one that means nothing.
            [32, 64, 128].into_iter().for_each(|bit| flipped(Table::Records, &key, &value, 2, bit));
        }
    }
    assert_whole(&store);
}

#[test]
fn a_blob_file_that_changed_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Config::default()).unwrap();
    let bytes = vec![7; 100_000];
    let mut batch = Batch::new();
    let id = batch.put_blob(bytes.clone());
    store.commit(batch).unwrap();
    assert_eq!(id, BlobId::of(&bytes));
    assert_eq!(store.blob(&id).unwrap().unwrap(), bytes);
    assert_whole(&store);
    let hex: String = id.0.iter().map(|byte| format!("{byte:02x}")).collect();
    let path = dir.path().join("blobs").join(&hex[..2]).join(&hex[2..]);
    std::fs::write(&path, vec![8; 100_000]).unwrap();
    let report = store.check(&mut |_| {}).unwrap();
    assert!(report.problems[0].contains(&id.to_string()), "{:?}", report.problems);
    std::fs::remove_file(&path).unwrap();
    assert!(!store.check(&mut |_| {}).unwrap().is_clean());
}
