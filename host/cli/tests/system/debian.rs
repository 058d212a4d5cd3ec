//! The machine's own package index: some 60,000 entries that nobody made for a test.

use atlas_tests::{packages::Debian, skipped};

use crate::{assert_healthy, counts, fresh};

#[test]
fn the_whole_index_of_this_machine_is_imported() {
    let test = "the_whole_index_of_this_machine_is_imported";
    if cfg!(debug_assertions) && std::env::var_os("ATLAS_TEST_LARGE").is_none() {
        return skipped(test, "slow in a debug build; ATLAS_TEST_LARGE=1 runs it");
    }
    let Some(index) = Debian::whole() else {
        return skipped(test, "`apt-cache dumpavail` prints no index here");
    };
    let atlas = fresh();
    atlas.json(&["id", "new", "ada"]);
    atlas.json(&["space", "create", "debian", "--as", "ada", "--type", "atlas.package=package"]);
    let import = ["import", "debian", "-", "--space", "debian", "--as", "ada", "--json"];
    let ended = atlas.run_with(&import, index.as_bytes()).exits(0);
    let lines = ended.lines();
    let (summary, rejected) = lines.split_last().unwrap();
    let [read, accepted, refused] = ["read", "accepted", "rejected"].map(|field| summary[field].as_u64().unwrap());
    assert_eq!(read, accepted + refused, "{summary}");
    assert_eq!(read, index.lines().filter(|line| line.starts_with("Package: ")).count() as u64);
    assert!(accepted * 1000 >= read * 999, "{summary}: {:?}", &rejected[..rejected.len().min(5)]);
    assert_eq!(rejected.len() as u64, refused, "each rejection has a reason");
    assert!(rejected.iter().all(|line| line["rejected"]["text"].as_str().is_some_and(|text| text.len() > 10)));
    let again = atlas.run_with(&import, index.as_bytes()).exits(0).json();
    assert_eq!((again["written"].as_u64(), again["accepted"].as_u64()), (Some(0), Some(accepted)), "{again}");
    let (visible, headers) = counts(&atlas);
    assert!(visible <= accepted && headers >= visible);
    assert_healthy(&atlas);
    let needing = atlas.json(&["query", "--space", "debian", "--link", "depends=name:libc6", "--limit", "1000"]);
    assert!(needing["records"].as_array().unwrap().len() > 100 && needing["cursor"].is_string());
}
