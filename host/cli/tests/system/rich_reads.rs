//! Rich reads: full text, expansion, projection, counts, groups, workflow, and what they say
//! of themselves.

use atlas_engine::testing::{Behaviour, guest};
use atlas_tests::http::{Connection, authorised};
use atlas_tests::packages;
use atlas_tests::process::{Atlas, Up};
use serde_json::{Value as Json, json};

use crate::{assert_healthy, sample, settled};

/// The names of the packages of an answer, in order.
#[track_caller]
fn names(page: &Json) -> Vec<String> {
    let name = |record: &Json| record["body"]["name"].as_str().unwrap_or_else(|| panic!("{record}")).to_owned();
    page["records"].as_array().unwrap().iter().map(name).collect()
}

/// With the small package index.
fn stocked() -> crate::Fresh {
    let atlas = settled();
    atlas.json_with(&["import", "debian", "-"], sample::index().as_bytes());
    atlas
}

const PACKAGES: [&str; 3] = ["query", "--type", "atlas.package"];

#[track_caller]
fn ask(atlas: &Atlas, more: &[&str]) -> Json {
    atlas.json(&[&PACKAGES[..], more].concat())
}

fn found(atlas: &Atlas, text: &str) -> Vec<String> {
    let mut names = names(&ask(atlas, &["--text", text, "--limit", "1000"]));
    names.sort();
    names
}

#[test]
fn words_are_found_in_the_fields_that_the_type_declares() {
    let atlas = stocked();
    let _up = atlas.up();
    assert_eq!(found(&atlas, "libssl3 does"), ["libssl3"]);
    assert_eq!(found(&atlas, "\"what curl does\""), ["curl"]);
    assert_eq!(found(&atlas, "\"curl what\""), [""; 0]);
    assert_eq!(found(&atlas, "open*"), ["openssh-client", "openssl"]);
    assert_eq!(found(&atlas, "open* -client"), ["openssl"]);
    assert_eq!(found(&atlas, "GROSSER 漢字"), ["umlauts"], "whatever the case, the accents and the script");
    assert_eq!(found(&atlas, "jürgen"), [""; 0], "the maintainer is no text field");
    let page = ask(&atlas, &["--text", "what does", "--limit", "5"]);
    assert_eq!((names(&page).len(), &page["text_watermark"]), (5, &page["watermark"]));
    // The name weighs more than the description, which names it too.
    assert_eq!(names(&ask(&atlas, &["--text", "git", "--limit", "1"])), ["git"]);
    let by_section = ask(&atlas, &["--text", "what does", "--index", "section=web"]);
    assert_eq!(by_section["records"].as_array().unwrap().len(), 2, "other conditions hold too");
    assert_eq!(ask(&atlas, &["--text", "what does", "--author", "ada", "--count"])["count"], 21);
}

#[test]
fn cursors_page_through_what_words_find_exactly_once() {
    let atlas = settled();
    atlas.json_with(&["import", "debian", "-"], packages::index(150).as_bytes());
    let _up = atlas.up();
    for order in [&[][..], &["--newest"], &["--oldest"]] {
        let conditions = [&["--type", "atlas.package", "--text", "package number"], order].concat();
        let (records, pages) = atlas.all(&conditions, 11);
        let ids: std::collections::HashSet<&str> = records.iter().map(|it| it["id"].as_str().unwrap()).collect();
        assert_eq!((records.len(), ids.len()), (150, 150), "{order:?}");
        assert!(pages >= 14, "{order:?}: {pages} pages");
    }
    let page = ask(&atlas, &["--text", "package number", "--limit", "3"]);
    let cursor = page["cursor"].as_str().unwrap();
    for other in [&["--text", "another"][..], &["--text", "package number", "--oldest"], &[]] {
        let args = [&PACKAGES[..], other, &["--cursor", cursor]].concat();
        assert_eq!(atlas.problem(2, &args)["code"], "bad-cursor", "{other:?}");
    }
}

#[test]
fn text_follows_what_is_written_replaced_and_taken_back() {
    let atlas = settled();
    let up = atlas.up();
    let put = |version: &str, summary: &str| {
        let body = json!({ "name": "tool", "version": version, "summary": summary }).to_string();
        atlas.json(&["put", "atlas.package", "--body", &body])["address"].as_str().unwrap().to_owned()
    };
    let address = put("1", "a yellow hammer");
    assert_eq!(found(&atlas, "yellow"), ["tool"], "a question waits for what is written already");
    put("2", "a green hammer");
    assert_eq!(found(&atlas, "yellow"), [""; 0]);
    assert_eq!(found(&atlas, "green hammer"), ["tool"]);
    atlas.json(&["rm", &address]);
    assert_eq!(found(&atlas, "hammer"), [""; 0], "what is gone is gone at once");
    put("3", "a blue hammer");
    assert_eq!(up.terminate(), Some(0));
    assert_eq!(found(&atlas, "blue"), ["tool"], "and without a running node");
    // The index is derived: without it, it is built again.
    std::fs::remove_dir_all(atlas.dir().join("text")).unwrap();
    assert_eq!(found(&atlas, "blue"), ["tool"]);
    let meta = atlas.dir().join("text").join("meta.json");
    std::fs::write(&meta, b"not what it was").unwrap();
    assert_eq!(found(&atlas, "blue hammer"), ["tool"], "damaged, too");
    assert_healthy(&atlas);
}

#[test]
fn kill_9_while_the_text_index_commits_loses_nothing() {
    let atlas = settled();
    let index = packages::index(1200);
    for (round, stop_at) in [100, 500, 900].into_iter().enumerate() {
        let up = atlas.up();
        std::thread::scope(|scope| {
            let import = scope.spawn(|| atlas.run_with(&["import", "debian", "-"], index.as_bytes()));
            while crate::counts(&atlas).0 < stop_at {
                // Every question makes the index commit.
                let ended = atlas.run(&["query", "--text", "package", "--limit", "1", "--json"]);
                assert!(matches!(ended.code, Some(0 | 1)), "{}", ended.err);
            }
            up.kill();
            import.join().unwrap();
        });
        let (visible, _) = crate::counts(&atlas);
        let counted = ask(&atlas, &["--text", "package", "--count", "--budget", "60000"]);
        assert_eq!((&counted["count"], counted.get("cut")), (&json!(visible), None), "round {round}");
    }
    assert_healthy(&atlas);
}

#[test]
fn hostile_text_is_taken_literally_or_is_misuse() {
    let atlas = stocked();
    let up = atlas.up();
    let headers = authorised(up.address, &atlas.token());
    let mut connection = Connection::open(up.address).unwrap();
    let many = "a ".repeat(33);
    let long = "x".repeat(3000);
    let deep = "(".repeat(900);
    let misuse = ["", " ", "-", "-curl", "\"", "*", "***", "()", &many, &long, &deep];
    let literal = [
        "curl AND NOT (wget",
        "name:curl",
        "curl~5",
        "curl^9",
        "[a TO z]",
        "a* b* c* d* e* f*",
        "\\",
        "curl\\\"",
        "\"curl",
        "curl\u{0}wget",
        "../../etc/passwd",
        "'; DROP TABLE",
        "ﷺ curl",
        "\u{202e}lruc",
        "🦀 curl",
        "-- curl",
        "%00 curl",
    ];
    let mut status = |text: &str| {
        let escaped: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let answer = connection.request("GET", &format!("/v1/query?text={escaped}"), &headers, b"").unwrap();
        (answer.status, answer.json().unwrap())
    };
    for text in misuse {
        let (status, problem) = status(text);
        assert_eq!((status, &problem["code"]), (400, &json!("misuse")), "{text:?}: {problem}");
    }
    for text in literal {
        let (status, answer) = status(text);
        assert!(status == 200 || (status == 400 && answer["code"] == "misuse"), "{text:?}: {status} {answer}");
    }
    assert_eq!(atlas.json(&["status"])["spaces"].as_array().unwrap().len(), 1, "and the node is well");
}

#[test]
fn dependencies_come_along() {
    let atlas = stocked();
    let page = ask(&atlas, &["--index", "name=curl", "--expand", "depends"]);
    assert_eq!(names(&page), ["curl"]);
    let expanded = page["expanded"].as_object().unwrap();
    let mut along: Vec<&str> = expanded.values().map(|record| record["body"]["name"].as_str().unwrap()).collect();
    along.sort_unstable();
    assert_eq!(along, ["libc6", "libssl3", "libssl3", "zlib1g"], "for both machines");
    let resolved = &page["records"][0]["resolved"]["depends"];
    assert_eq!(resolved["name:libssl3"].as_array().unwrap().len(), 2);
    let libc6 = resolved["name:libc6"][0].as_str().unwrap();
    assert_eq!((&expanded[libc6]["body"]["name"], &expanded[libc6]["id"]), (&json!("libc6"), &json!(libc6)));
    assert_eq!(page.get("expanded_cut"), None);
    // What is not here is said to lead nowhere.
    let page = ask(&atlas, &["--index", "name=ca-certificates", "--expand", "depends.depends"]);
    let wget = ask(&atlas, &["--index", "name=wget", "--expand", "depends", "--expand", "recommends"]);
    assert_eq!(wget["records"][0]["resolved"]["depends"]["name:zlib-ng"], json!([]));
    assert_eq!(page["expanded"].as_object().unwrap().len(), 1, "openssl depends on nothing but needs it before");
    let deep = ask(&atlas, &["--index", "name=ca-certificates", "--expand", "depends.pre-depends.depends"]);
    assert_eq!(deep["expanded"].as_object().unwrap().len(), 4, "openssl, both libssl3, libc6");
    let back = ask(&atlas, &["--index", "name=zlib1g", "--expand", "~depends", "--fields", "name"]);
    let mut users: Vec<&str> =
        back["expanded"].as_object().unwrap().values().map(|it| it["body"]["name"].as_str().unwrap()).collect();
    users.sort_unstable();
    assert_eq!(users, ["curl", "git", "sqlite3", "wget"]);
    for wrong in ["Depends", "a.b.c.d.e", ",", "a..b"] {
        let problem = atlas.problem(2, &[&PACKAGES[..], &["--expand", wrong]].concat());
        assert_eq!(problem["code"], "misuse", "{wrong}");
    }
}

#[test]
fn circles_end_and_crowds_are_cut_visibly() {
    let atlas = settled();
    let package = |name: String, depends: &[String]| {
        let list = if depends.is_empty() { String::new() } else { format!("Depends: {}\n", depends.join(", ")) };
        format!("Package: {name}\nVersion: 1\nArchitecture: all\n{list}\n")
    };
    let mut index = package("one".into(), &["two".into()]) + &package("two".into(), &["one".into(), "two".into()]);
    let crowd: Vec<String> = (0..40).map(|i| format!("member{i}")).collect();
    for i in 0..40 {
        index += &package(format!("member{i}"), &crowd);
    }
    for i in 0..120 {
        index += &package(format!("fan{i}"), &["star".into()]);
    }
    index += &package("star".into(), &[]);
    // Many under one name: versions for many machines.
    for i in 0..120 {
        index += &format!("Package: many\nVersion: 1\nArchitecture: machine{i}\n\n");
    }
    index += &package("needy".into(), &["many".into()]);
    atlas.json_with(&["import", "debian", "-"], index.as_bytes());
    let circle = ask(&atlas, &["--index", "name=one", "--expand", "depends.depends.depends.depends"]);
    assert_eq!(circle["expanded"].as_object().unwrap().len(), 1, "each once, and what was found is not repeated");
    let crowd = ask(&atlas, &["--index", "name=member0", "--expand", "depends.depends.depends.depends"]);
    assert_eq!((crowd["expanded"].as_object().unwrap().len(), crowd.get("expanded_cut")), (39, None));
    for (name, path) in [("star", "~depends"), ("needy", "depends")] {
        let cut = ask(&atlas, &["--index", &format!("name={name}"), "--expand", path]);
        assert_eq!(
            (cut["expanded"].as_object().unwrap().len(), &cut["expanded_cut"]),
            (100, &json!("fan-out")),
            "{name}"
        );
    }
}

#[test]
fn fields_and_counts_leave_the_rest_out() {
    let atlas = stocked();
    let page = ask(&atlas, &["--index", "name=curl", "--fields", "name,hashes.sha256,nothing"]);
    let record = &page["records"][0];
    assert_eq!(record["body"].as_object().unwrap().len(), 2);
    assert!(record["body"]["hashes"]["sha256"]["$bytes"].is_string());
    assert!(record["id"].is_string() && record["address"].is_string() && record.get("links").is_none());
    for (conditions, count) in [
        (&[][..], 24),
        (&["--index", "section=libs"], 4),
        (&["--index", "section=libs", "--author", "ada"], 4),
        (&["--link", "depends=name:libssl3"], 4),
        (&["--since", "2020-01-01"], 24),
        (&["--until", "2020-01-01"], 0),
        (&["--text", "curl"], 1),
    ] {
        let counted = ask(&atlas, &[conditions, &["--count"]].concat());
        assert_eq!((&counted["count"], &counted["records"]), (&json!(count), &json!([])), "{conditions:?}");
    }
    let set = &page["set"];
    assert_eq!((&set["records"], &set["headers"]), (&json!(24), &json!(24)));
    assert_eq!(set["digest"].as_str().unwrap().len(), 64);
    let other = atlas.json(&["query", "--type", "atlas.post"]);
    assert_ne!(other["set"]["digest"], set["digest"]);
}

/// Several conditions find what each of them finds, in the order of the one that answers, page by page.
#[test]
fn several_conditions_find_what_all_of_them_find() {
    let atlas = stocked();
    atlas.json(&["id", "new", "eve"]);
    for i in 0..6 {
        let body = json!({ "name": format!("eves-{i}"), "version": "1", "section": if i % 2 == 0 { "libs" } else { "web" },
            "relations": { "depends": [[{ "name": if i % 3 == 0 { "libc6" } else { "zlib1g" } }]] } });
        atlas.json(&["put", "atlas.package", "--as", "eve", "--body", &body.to_string()]);
    }
    let _up = atlas.up();
    let ids = |conditions: &[&str]| -> Vec<String> {
        let (records, _) = atlas.all(&[&["--type", "atlas.package"], conditions].concat(), 3);
        records.iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect()
    };
    let indexes: [&[&str]; 4] =
        [&[], &["--index", "section=libs"], &["--index", "section=web"], &["--index", "name=eves-0.."]];
    let links: [&[&str]; 4] =
        [&[], &["--link", "depends=name:libc6"], &["--link", "=name:libc6"], &["--link", "depends=name:nothing"]];
    let authors: [&[&str]; 3] = [&[], &["--author", "ada"], &["--author", "eve"]];
    let mut several = 0;
    for (index, link) in indexes.iter().flat_map(|index| links.iter().map(move |link| (index, link))) {
        for author in authors {
            let parts: Vec<&[&str]> = [*index, *link, author].into_iter().filter(|part| !part.is_empty()).collect();
            if parts.len() < 2 {
                continue;
            }
            let found = ids(&parts.concat());
            let each: Vec<Vec<String>> = parts.iter().map(|part| ids(part)).collect();
            let expected: Vec<&String> =
                each[0].iter().filter(|id| each.iter().all(|found| found.contains(id))).collect();
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{parts:?}");
            let counted = ask(&atlas, &[&parts.concat()[..], &["--count"]].concat());
            assert_eq!(counted["count"], json!(expected.len()), "{parts:?}");
            several += usize::from(!expected.is_empty());
        }
    }
    assert!(several > 8, "{several}");
}

#[test]
fn two_nodes_with_the_same_records_have_the_same_digest() {
    let (one, two) = (stocked(), crate::fresh());
    let archive = one.run(&["export"]).exits(0).out;
    two.json_with(&["import", "atlas", "-"], &archive);
    assert_eq!(ask(&one, &["--limit", "1"])["set"], ask(&two, &["--limit", "1"])["set"]);
    one.json(&["put", "atlas.package", "--body", r#"{"name":"more","version":"1"}"#]);
    assert_ne!(ask(&one, &["--limit", "1"])["set"]["digest"], ask(&two, &["--limit", "1"])["set"]["digest"]);
    assert_healthy(&two);
}

#[test]
fn groups_count_under_each_value() {
    let atlas = stocked();
    let groups = |more: &[&str]| -> Vec<(String, u64)> {
        let page = ask(&atlas, more);
        assert_eq!(page.get("cut"), None, "{page}");
        let group = |group: &Json| (group["value"].to_string().replace('"', ""), group["count"].as_u64().unwrap());
        page["groups"].as_array().unwrap().iter().map(group).collect()
    };
    let by_section = groups(&["--group", "section"]);
    let of = |groups: &[(String, u64)], name: &str| groups.iter().find(|(value, _)| value == name).map(|(_, n)| *n);
    assert_eq!((of(&by_section, "libs"), of(&by_section, "utils")), (Some(4), Some(3)));
    assert!(by_section.is_sorted(), "{by_section:?}");
    assert_eq!(by_section.iter().map(|(_, count)| count).sum::<u64>(), 22);
    // The same by way of the records.
    assert_eq!(groups(&["--group", "section", "--author", "ada"]), by_section);
    // A field that is no index; a list; words.
    assert_eq!(of(&groups(&["--group", "version"]), "12.2.0-14"), Some(2));
    assert_eq!(of(&groups(&["--group", "relations.depends.name"]), "libc6"), Some(6));
    assert_eq!(groups(&["--group", "section", "--text", "curl"]), [("web".to_owned(), 1)]);
    assert_eq!(groups(&["--group", "nothing"]), []);
    let wrong = [&PACKAGES[..], &["--group", "a..b"]].concat();
    assert_eq!(atlas.problem(2, &wrong)["code"], "misuse");
}

#[test]
fn a_type_is_explained_to_a_newcomer() {
    let atlas = stocked();
    let about = ask(&atlas, &["--describe"]);
    assert_eq!(
        (&about["type"], &about["lifecycle"], &about["key"]),
        (&json!("atlas.package"), &json!("replaceable"), &json!("any"))
    );
    assert!(
        about["indexes"].as_array().unwrap().iter().any(|index| index["name"] == "section" && index["kind"] == "text")
    );
    assert!(about["text"].as_array().unwrap().iter().any(|field| field["path"] == "description"));
    assert!(
        about["fields"].as_array().unwrap().iter().any(|field| field["name"] == "name" && field["required"] == true)
    );
    assert!(about["summary"].as_str().is_some_and(|text| text.len() > 10) && about["schema"].is_object());
    // The examples run as they stand.
    for example in about["examples"].as_array().unwrap() {
        let words = example.as_str().unwrap();
        let args: Vec<String> = words
            .split(" --body ")
            .next()
            .unwrap()
            .split_whitespace()
            .skip(1)
            .map(|word| word.replace('"', ""))
            .collect();
        let mut args: Vec<&str> = args.iter().map(String::as_str).filter(|word| *word != "WORDS").collect();
        let body = words.split_once(" --body ").map(|(_, body)| body.trim_matches('\''));
        if let Some(body) = body {
            args.extend(["--body", body]);
        }
        let ended = atlas.run(&args);
        assert!(ended.code == Some(0) || (args[0] == "put" && ended.code == Some(1)), "{words}: {}", ended.err);
    }
    let text = atlas.run(&["query", "--type", "atlas.post", "--describe"]).exits(0).text();
    assert!(text.contains("--index") && text.contains("atlas put atlas.post"), "{text}");
    let space = atlas.json(&["space", "show"]);
    let types: Vec<&str> = space["types"].as_array().unwrap().iter().map(|of| of["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["atlas.package", "atlas.post"]);
    assert_eq!(space["types"][0]["records"], 24);
    assert_eq!(atlas.problem(1, &["query", "--type", "example.none", "--describe"])["code"], "unknown-type");
}

#[test]
fn the_current_state_is_what_nothing_follows_and_losers_are_marked() {
    let atlas = settled();
    let module = atlas.dir().join("flows.wasm");
    std::fs::write(&module, guest(Behaviour::Flows)).unwrap();
    atlas.json(&["module", "install", "--yes", "--no-test", module.to_str().unwrap(), "--name", "flows"]);
    atlas.json(&["module", "bind", "validator:example.task", "flows"]);
    atlas.json(&["id", "new", "eve"]);
    let put = |who: &str, state: &str, after: &[&str]| -> String {
        let body = json!({ "state": state }).to_string();
        let links: Vec<String> = after.iter().map(|id| format!("follows={id}")).collect();
        let mut args = vec!["put", "example.task", "--as", who, "--body", &body];
        links.iter().for_each(|link| args.extend(["--link", link]));
        // Two records of one millisecond would be ordered by their ids.
        std::thread::sleep(std::time::Duration::from_millis(3));
        atlas.json(&args)["id"].as_str().unwrap().to_owned()
    };
    let in_state = |state: &str| -> Vec<(String, bool)> {
        let page = atlas.json(&["query", "--type", "example.task", "--state", state, "--oldest"]);
        let one = |it: &Json| (it["id"].as_str().unwrap().to_owned(), it["contested"] == true);
        page["records"].as_array().unwrap().iter().map(one).collect()
    };
    let first = put("ada", "open", &[]);
    let other = put("ada", "open", &[]);
    assert_eq!(in_state("open"), [(first.clone(), false), (other.clone(), false)]);
    let won = put("ada", "done", &[&first]);
    assert_eq!(in_state("open"), [(other.clone(), false)], "the first is done");
    let lost = put("eve", "done", &[&first]);
    assert_eq!(in_state("done"), [(won.clone(), false), (lost.clone(), true)], "never dropped");
    let built_on_it = put("eve", "open", &[&lost]);
    assert_eq!(in_state("open"), [(other, false), (built_on_it.clone(), true)], "nor what builds on it");
    assert_eq!(atlas.json(&["get", &lost])["contested"], true);
    assert_eq!(atlas.json(&["get", &won]).get("contested"), None);
    // Every record that was ever in the state, followed or not.
    let ever = atlas.json(&["query", "--type", "example.task", "--index", "state=open"]);
    assert_eq!(ever["records"].as_array().unwrap().len(), 3);
    assert_eq!(
        atlas.json(&["query", "--type", "example.task", "--state", "done", "--count"])["count"],
        1,
        "one is followed"
    );
    // Whoever takes the winner back makes the second the first.
    atlas.json(&["rm", &won, "--as", "ada"]);
    assert_eq!(in_state("open").last(), Some(&(built_on_it, false)));
    assert_eq!(atlas.problem(1, &["query", "--type", "example.task", "--state", "lost"])["code"], "not-found");
    assert_eq!(atlas.problem(1, &["query", "--type", "atlas.post", "--state", "open"])["code"], "not-found");
    assert_eq!(atlas.problem(2, &["query", "--state", "open"])["code"], "misuse");
}

fn get(up: &Up, atlas: &Atlas, path: &str, more: &str) -> atlas_tests::http::Answer {
    let headers = authorised(up.address, &atlas.token()) + more;
    Connection::open(up.address).unwrap().request("GET", path, &headers, b"").unwrap()
}

#[test]
fn a_record_that_is_known_is_not_sent_again() {
    let atlas = stocked();
    let up = atlas.up();
    let record = ask(&atlas, &["--index", "name=curl"])["records"][0].clone();
    let address = record["address"].as_str().unwrap().replace(':', "%3A").replace('/', "%2F");
    let path = format!("/v1/records?ref={address}");
    let first = get(&up, &atlas, &path, "");
    let etag = first.head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().trim().to_owned();
    assert!(etag.contains(record["id"].as_str().unwrap()) && etag.contains("visible"), "{etag}");
    for known in [etag.clone(), format!("W/{etag}"), format!("\"other\", {etag}"), "*".to_owned()] {
        let again = get(&up, &atlas, &path, &format!("if-none-match: {known}\r\n"));
        assert_eq!((again.status, again.body.len()), (304, 0), "{known}");
    }
    atlas.json(&["put", "atlas.package", "--body", r#"{"name":"curl","version":"9","architecture":"amd64"}"#]);
    let changed = get(&up, &atlas, &path, &format!("if-none-match: {etag}\r\n"));
    assert_eq!((changed.status, changed.json().unwrap()["body"]["version"].clone()), (200, json!("9")));
    let old = get(
        &up,
        &atlas,
        &format!("/v1/records?ref={}", record["id"].as_str().unwrap()),
        &format!("if-none-match: {etag}\r\n"),
    );
    assert_eq!(old.json().unwrap()["status"], "superseded", "another status is another answer");
}
