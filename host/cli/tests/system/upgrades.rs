//! A stricter version of a module over records that are stored already.

use std::path::Path;

use atlas_tests::packages::{self, Debian};
use serde_json::json;

use crate::languages::{build, workshop};
use crate::{assert_healthy, fresh};

/// Version 1.1 of the standard module `package`, which also wants a homepage, as a project.
fn write_stricter(project: &Path) {
    let original = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../modules/validator/package"));
    for file in ["schema.json", "src/fields.rs", "src/relations.rs", "src/lib.rs"] {
        std::fs::copy(original.join(file), project.join(file)).unwrap();
    }
    let edit = |file: &str, from: &str, to: &str| {
        let text = std::fs::read_to_string(project.join(file)).unwrap();
        assert!(text.contains(from), "{file} holds no `{from}`");
        std::fs::write(project.join(file), text.replacen(from, to, 1)).unwrap();
    };
    let check = "let found = fields::check(&body)?;";
    edit("src/lib.rs", check, &format!("{check}\n        body.text(\"homepage\")?;"));
    edit("src/lib.rs", "#[cfg(test)]\nmod tests;\n", "");
    edit("schema.json", "\"required\": [", "\"required\": [\"homepage\", ");
    edit("module.toml", "version = \"0.1.0\"", "version = \"1.1.0\"");
    edit("Cargo.toml", "version = \"0.1.0\"", "version = \"1.1.0\"");
}

#[test]
fn a_stricter_package_says_how_many_stored_records_would_fail_before_it_is_bound() {
    const TEST: &str = "a_stricter_package_says_how_many_stored_records_would_fail_before_it_is_bound";
    let shop = workshop();
    let atlas = fresh();
    let project = shop.path().join("package");
    let folder = project.to_str().unwrap();
    atlas.json(&["id", "new", "ada"]);
    atlas.json(&["module", "new", "validator", "atlas:package", "--lang", "rust", "--path", folder]);
    write_stricter(&project);
    if build(TEST, &atlas, folder).is_none() {
        return;
    }
    let file = atlas.json(&["module", "pack", "--path", folder])["file"].as_str().unwrap().to_owned();

    // The whole index of this machine where there is one and the time for it.
    let large = !cfg!(debug_assertions) || std::env::var_os("ATLAS_TEST_LARGE").is_some();
    let index = Debian::whole().filter(|_| large).unwrap_or_else(|| {
        // Every third without its homepage.
        let paragraphs = packages::index(300);
        let lines = paragraphs.lines().scan(0, |homepages, line| {
            *homepages += usize::from(line.starts_with("Homepage:"));
            Some(if line.starts_with("Homepage:") && *homepages % 3 == 0 { String::new() } else { format!("{line}\n") })
        });
        lines.collect()
    });
    atlas.json(&["space", "create", "debian", "--as", "ada", "--type", "atlas.package=package"]);
    atlas.run_with(&["import", "debian", "-", "--json"], index.as_bytes()).exits(0);
    let (stored, _) = atlas.all(&["--type", "atlas.package", "--fields", "homepage"], 1_000);
    let homeless = stored.iter().filter(|record| record["body"]["homepage"].is_null()).count();
    assert!(homeless > 0 && homeless < stored.len());

    let before = atlas.json(&["space", "show"])["slots"].clone();
    let upgrade = ["module", "upgrade", &file, "--no-test", "--yes"];
    let shown = atlas.json(&[&upgrade[..], &["--dry-run"]].concat());
    let rehearsal = &shown["slots"][0]["rehearsal"];
    assert_eq!(shown["bound"], false);
    assert_eq!(rehearsal["records"], json!(stored.len()), "{rehearsal}");
    assert_eq!(rehearsal["would_fail"], json!(homeless), "{rehearsal}");
    assert_eq!(rehearsal["same"], json!(stored.len() - homeless), "{rehearsal}");
    assert_eq!(rehearsal["reasons"], json!([{ "code": "missing-field", "records": homeless }]));
    assert_eq!(atlas.json(&["space", "show"])["slots"], before, "nothing is switched");
    let told = atlas.run(&[&upgrade[..], &["--dry-run"]].concat()).exits(0).text();
    assert!(told.contains("1.0.0") && told.contains("1.1.0") && told.contains("homepage"), "{told}");

    assert_eq!(atlas.json(&upgrade)["bound"], true);
    let body = r#"{"name":"new","version":"1"}"#;
    assert_eq!(atlas.problem(1, &["put", "atlas.package", "--body", body])["code"], "missing-field");
    // What was judged stays as it was judged.
    let counted = atlas.json(&["query", "--type", "atlas.package", "--count"]);
    assert_eq!(counted["count"], json!(stored.len()), "{counted}");
    assert_healthy(&atlas);
}
