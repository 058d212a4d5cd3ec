//! What a disk, a second process and a crash can do to a store.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use atlas_record::BlobId;
use atlas_store::{Batch, Config, DocKind, Item, Outcome, Store, StoreError};
use common::*;

fn open(dir: &Path) -> Store {
    Store::open(dir, Config::default()).unwrap()
}

/// This test program, run again as a child that does one of the jobs below.
fn child(job: &str, dir: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child_job", "--nocapture"]).env("STORE_TEST_JOB", job).env("STORE_TEST_DIR", dir);
    command
}

/// Not a test of its own: what [`child`] runs.
#[test]
fn child_job() {
    let (Ok(job), Ok(dir)) = (std::env::var("STORE_TEST_JOB"), std::env::var("STORE_TEST_DIR")) else { return };
    let dir = Path::new(&dir);
    match job.as_str() {
        "write for ever" => write_for_ever(dir),
        "open" => match Store::open(dir, Config::default()) {
            Err(error) => println!("refused: {error}"),
            Ok(_) => println!("opened"),
        },
        job => panic!("no job {job}"),
    }
}

/// Writes batches and prints the last number of each once it is acknowledged.
fn write_for_ever(dir: &Path) {
    let store = open(dir);
    let mut created = store.watermark();
    loop {
        let mut batch = Batch::new();
        for _ in 0..20 {
            created += 1;
            let record = draft(PAGE, created, &format!("{created}")).key(&format!("k{}", created % 50)).make();
            batch.put(record, lifecycle(PAGE), found_under(&[("tag", "t")]));
        }
        if created.is_multiple_of(5) {
            batch.put_blob(vec![u8::try_from(created % 251).unwrap(); 70_000]);
        }
        batch.put_doc(DocKind::Setting, "last", created.to_be_bytes());
        store.commit(batch).unwrap();
        println!("acknowledged {created}");
        std::io::stdout().flush().unwrap();
    }
}

#[test]
fn everything_acknowledged_survives_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    for round in 1..=3 {
        let mut writer = child("write for ever", dir.path()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(writer.stdout.take().unwrap()).lines();
        let mut acknowledged = 0;
        for line in lines.map(Result::unwrap).filter_map(|line| {
            let (_, number) = line.split_once("acknowledged ")?;
            number.trim().parse::<u64>().ok()
        }) {
            acknowledged = line;
            if acknowledged >= round * 1_500 {
                break;
            }
        }
        writer.kill().unwrap(); // SIGKILL
        writer.wait().unwrap();

        let store = open(dir.path());
        assert!(acknowledged >= round * 1_500);
        assert!(store.watermark() >= acknowledged);
        let last = store.doc(DocKind::Setting, b"last").unwrap().unwrap();
        // The document and the records of a batch come together or not at all.
        assert_eq!(u64::from_be_bytes(last.try_into().unwrap()), store.watermark());
        assert_eq!(texts(&store, &by_type(PAGE)).len(), 50);
        assert_whole(&store);
    }
}

#[test]
fn a_second_process_is_refused_while_the_first_has_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let said = |mut command: Command| String::from_utf8(command.output().unwrap().stdout).unwrap();
    let refused = said(child("open", dir.path()));
    assert!(refused.contains("in use by another process"), "{refused}");
    let here = Store::open(dir.path(), Config::default()).err().unwrap();
    assert_eq!(here, StoreError::InUse { dir: dir.path().to_owned() });
    drop(store);
    assert!(said(child("open", dir.path())).contains("opened"));
}

#[test]
fn a_store_is_opened_again_as_it_was_left() {
    let dir = tempfile::tempdir().unwrap();
    let record = draft(POST, 1, "x").make();
    let store = open(dir.path());
    put(&store, &record, valid());
    // A batch that nobody waits for is written before the last handle is gone.
    let unawaited =
        store.submit([Item::PutDoc { kind: DocKind::Peer, key: vec![1], bytes: vec![2] }].into_iter().collect());
    drop(unawaited.unwrap());
    drop(store);
    let store = open(dir.path());
    assert_eq!(put(&store, &record, valid()), Outcome::Duplicate { n: 1 });
    assert_eq!(store.doc(DocKind::Peer, &[1]).unwrap(), Some(vec![2]));
    assert_whole(&store);
}

#[test]
fn a_format_of_another_version_is_refused_with_a_way_out() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let format = |text: &str| {
        std::fs::write(dir.path().join("FORMAT"), text).unwrap();
        Store::open(dir.path(), Config::default()).err().unwrap()
    };
    let dir = dir.path().to_owned();
    let ours = atlas_store::directory::FORMAT;
    let (newer, older) = (ours + 1, ours - 1);
    let text = |version: u32| format(&format!("atlas-store {version}\n"));
    assert_eq!(text(newer), StoreError::NewerFormat { dir: dir.clone(), found: newer, ours });
    assert_eq!(text(older), StoreError::OlderFormat { dir: dir.clone(), found: older, ours });
    assert!(matches!(format("something else"), StoreError::NotAStore { .. }));
}

#[test]
fn blobs_large_and_small_are_read_back_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for size in [0, 1, 64 * 1024, 64 * 1024 + 1, 3_000_000] {
        let bytes: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
        let (id, length) = store.import_blob(&mut &bytes[..]).unwrap();
        assert_eq!((id, length), (BlobId::of(&bytes), size as u64));
        assert_eq!(store.has_blob(&id).unwrap(), Some(size as u64));
        assert_eq!(store.blob(&id).unwrap().unwrap(), bytes);
        let mut reader = store.open_blob(&id).unwrap().unwrap();
        let mut tail = Vec::new();
        reader.seek(SeekFrom::Start(size as u64 / 2)).unwrap();
        reader.read_to_end(&mut tail).unwrap();
        assert_eq!(tail, &bytes[size / 2..]);
        store.import_blob(&mut &bytes[..]).unwrap();
        assert_eq!(store.stats().blobs, 1);
        assert_whole(&store);
        store.commit([Item::RemoveBlob(id)].into_iter().collect()).unwrap();
        assert_eq!(store.has_blob(&id).unwrap(), None);
        assert_eq!((store.stats().blobs, store.stats().blob_bytes), (0, 0));
    }
    let files = |dir: &Path| -> usize {
        std::fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir())
            .map(|dir| std::fs::read_dir(dir).unwrap().count())
            .sum()
    };
    assert_eq!(files(&dir.path().join("blobs")), 0);
    // What comes and goes in one batch leaves nothing behind either.
    let mut batch = Batch::new();
    let id = batch.put_blob(vec![1; 100_000]);
    batch.push(Item::RemoveBlob(id));
    store.commit(batch).unwrap();
    assert_eq!(files(&dir.path().join("blobs")), 0);
}

#[test]
fn a_blob_file_that_a_crash_left_behind_is_swept_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (kept, _) = store.import_blob(&mut &vec![1; 100_000][..]).unwrap();
    let stray = dir.path().join("blobs").join("ab");
    std::fs::create_dir_all(&stray).unwrap();
    std::fs::write(stray.join("c".repeat(62)), b"rubbish").unwrap();
    assert_eq!(store.sweep_blobs().unwrap(), 1);
    assert_eq!(store.sweep_blobs().unwrap(), 0);
    assert!(store.blob(&kept).unwrap().is_some());
}

#[test]
fn many_writers_share_commits_and_keep_their_own_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    std::thread::scope(|scope| {
        for writer in 1..=8u8 {
            let store = store.clone();
            scope.spawn(move || {
                let tickets: Vec<_> = (0..50)
                    .map(|i| {
                        let mut batch = Batch::new();
                        batch.put(draft(POST, i, "x").by(writer).make(), lifecycle(POST), valid());
                        store.submit(batch).unwrap()
                    })
                    .collect();
                let numbers: Vec<u64> = tickets
                    .into_iter()
                    .map(|ticket| match ticket.wait().unwrap()[..] {
                        [Outcome::Stored { n, .. }] => n,
                        ref other => panic!("{other:?}"),
                    })
                    .collect();
                assert!(numbers.is_sorted());
            });
        }
    });
    let stats = store.stats();
    assert_eq!((stats.records, stats.batches), (400, 400));
    assert!(stats.commits <= stats.batches);
    assert_whole(&store);
}

/// A small file system of its own, unmounted at the end.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(mebibytes: u32) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let size = format!("size={mebibytes}m");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(dir.path()).output();
        mount.is_ok_and(|output| output.status.success()).then(|| Self(dir))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_is_named_and_loses_nothing_acknowledged() {
    let Some(disk) = SmallDisk::mount(24) else {
        println!("skipped: needs root, to mount a small tmpfs");
        return;
    };
    let dir = disk.0.path().join("store");
    let ballast = disk.0.path().join("ballast");
    std::fs::write(&ballast, vec![0; 4 << 20]).unwrap();
    let store = open(&dir);
    let mut acknowledged = 0;
    let error = loop {
        let mut batch = Batch::new();
        for i in 0..50 {
            // Incompressible, so that the disk fills.
            let noise: String = (0..200u64)
                .map(|j| blake3::hash(&(acknowledged * 1000 + i * 300_000_000 + j).to_be_bytes()).to_hex().to_string())
                .collect();
            batch.put(draft(POST, acknowledged + i, &noise).make(), lifecycle(POST), valid());
        }
        match store.commit(batch) {
            Ok(_) => acknowledged += 50,
            Err(error) => break error,
        }
        assert!(acknowledged < 100_000, "the disk never filled");
    };
    assert!(matches!(error, StoreError::DiskFull { .. }), "{error}");
    assert!(error.is_fatal());
    // Later writes say the same; reads go on.
    let mut batch = Batch::new();
    batch.put_doc(DocKind::Setting, "a", "b");
    assert_eq!(store.commit(batch).err(), Some(error));
    assert_eq!(store.watermark(), acknowledged);
    assert_eq!(store.scan(&by_type(POST)).unwrap().count() as u64, acknowledged);
    drop(store);

    std::fs::remove_file(&ballast).unwrap();
    let store = open(&dir);
    assert!(store.watermark() >= acknowledged);
    assert_whole(&store);
    put(&store, &draft(POST, 0, "after").make(), valid());
}
