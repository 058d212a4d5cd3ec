//! JSON is one mapping everywhere: what goes in by one door comes out the same by all.

use serde_json::{Value as Json, json};

use crate::settled;

#[test]
fn lines_are_imported_and_bad_ones_are_rejected_with_a_reason() {
    let atlas = settled();
    let lines = [
        r#"{"type":"atlas.package","body":{"name":"a","version":"1"}}"#,
        r#"{"type":"atlas.package","key":"b","body":{"name":"b","version":"1"},"links":[]}"#,
        r#"{"type":"atlas.post","body":{"text":"hello"}}"#,
        "",
        r#"{"type":"atlas.post","body":{"text":"hello","text":"twice"}}"#,
        r#"{"type":"atlas.post","body":{}}"#,
        r#"{"type":"example.unknown","body":{}}"#,
        r#"{"type":"atlas.post","body":"text"}"#,
        "no JSON",
    ];
    let ended = atlas.run_with(&["import", "jsonl", "-", "--json"], lines.join("\n").as_bytes()).exits(0);
    let answers = ended.lines();
    let (summary, rejected) = answers.split_last().unwrap();
    assert_eq!(
        (&summary["read"], &summary["accepted"], &summary["rejected"]),
        (&json!(8), &json!(3), &json!(5)),
        "{summary}"
    );
    let at: Vec<u64> = rejected.iter().map(|line| line["rejected"]["at"].as_u64().unwrap()).collect();
    let mut sorted = at.clone();
    sorted.sort();
    assert_eq!(sorted, [5, 6, 7, 8, 9]);
    assert!(rejected.iter().all(|line| line["rejected"]["text"].as_str().unwrap().len() > 5));
}

/// Bodies that a careless reader of JSON would change.
fn delicate() -> Vec<String> {
    let cid = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy";
    [
        r#"{"text":"n","n":1}"#.to_owned(),
        r#"{"text":"n","n":1.0}"#.to_owned(),
        r#"{"text":"n","n":-0.5,"big":9007199254740993,"low":-9223372036854775808}"#.to_owned(),
        r#"{"text":"n","n":18446744073709551615}"#.to_owned(),
        r#"{"text":"n","n":1e300}"#.to_owned(),
        r#"{"text":"b","data":{"$bytes":"AAECAwT/"}}"#.to_owned(),
        r#"{"text":"b","data":{"$bytes":""}}"#.to_owned(),
        format!(r#"{{"text":"l","list":[{{"$link":"{cid}"}},null,true,[],{{}}]}}"#),
        r#"{"text":"größer 漢字 \u0001 \"quoted\" \\"}"#.to_owned(),
    ]
    .into()
}

#[track_caller]
fn assert_same(found: &str, wanted: &str) {
    // As text, so that no reader of JSON can hide a difference; keys are sorted on the way.
    let canonical = |text: &str| serde_json::from_str::<Json>(text).unwrap().to_string();
    let (found, wanted) = (canonical(found), canonical(wanted));
    let numbers = |text: &str| {
        text.split(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c)))
            .filter(|t| !t.is_empty())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(found.replace("1e+300", "1e300"), wanted.replace("1e+300", "1e300"), "numbers {:?}", numbers(&found));
}

#[test]
fn integers_floats_bytes_and_links_survive_every_way_through() {
    let atlas = settled();
    let bodies = delicate();
    let mut ids = Vec::new();
    for body in &bodies {
        // Half of them by an argument, half by standard input.
        let written = match ids.len() % 2 {
            0 => atlas.json(&["put", "atlas.post", "--body", body]),
            _ => atlas.json_with(&["put", "atlas.post", "--body", "-"], body.as_bytes()),
        };
        ids.push(written["id"].as_str().unwrap().to_owned());
    }
    let raw_body = |line: &str, id: &str| {
        // The body as it was printed, without a reader in between.
        let parsed: Json = serde_json::from_str(line).unwrap();
        assert_eq!(parsed["id"], *id);
        let start = line.find(r#""body":"#).unwrap() + 7;
        let mut depth = 0;
        let (mut quoted, mut escaped) = (false, false);
        for (i, c) in line[start..].char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                '{' if !quoted => depth += 1,
                '}' if !quoted => depth -= 1,
                _ => continue,
            }
            if depth == 0 && !quoted && c == '}' {
                return line[start..start + i + 1].to_owned();
            }
        }
        panic!("no body in {line}");
    };
    for (id, body) in ids.iter().zip(&bodies) {
        let got = atlas.run(&["get", id, "--json"]).exits(0).text();
        assert_same(&raw_body(got.trim(), id), body);
    }
    let (found, _) = atlas.all(&["--type", "atlas.post", "--oldest"], 4);
    assert_eq!(found.len(), bodies.len());
    for (record, body) in found.iter().zip(&bodies) {
        assert_same(&record["body"].to_string(), body);
    }
    // Out as an archive, into another node, and out again by a query.
    let archive = atlas.run(&["export"]).exits(0).out;
    let other = crate::fresh();
    let summary = other.json_with(&["import", "atlas", "-"], &archive);
    assert_eq!(summary["accepted"], json!(bodies.len()), "{summary}");
    for (id, body) in ids.iter().zip(&bodies) {
        assert_same(&other.json(&["get", id])["body"].to_string(), body);
    }
}

#[test]
fn one_is_an_integer_and_one_point_zero_a_float() {
    let atlas = settled();
    let lines = r#"{"type":"atlas.package","key":"n","body":{"name":"n","version":"1","x":1}}
{"type":"atlas.package","key":"n","body":{"name":"n","version":"1","x":1.0}}
{"type":"atlas.package","key":"n","body":{"name":"n","version":"1","x":1}}"#;
    let summary = atlas.json_with(&["import", "jsonl", "-"], lines.as_bytes());
    assert_eq!((&summary["written"], &summary["unchanged"]), (&json!(2), &json!(1)), "different bodies: {summary}");
    let found = atlas.run(&["query", "--type", "atlas.package", "--json"]).exits(0).text();
    assert!(found.contains(r#""x":1.0"#), "{found}");
    // Where an integer is wanted, a float is not one.
    let lines = r#"{"type":"atlas.package","body":{"name":"s","version":"1","size":1.0}}"#;
    let summary = atlas.json_with(&["import", "jsonl", "-"], lines.as_bytes());
    assert_eq!(summary["rejected"], 1);
    let lines = r#"{"type":"atlas.package","body":{"name":"s","version":"1","size":1}}"#;
    assert_eq!(atlas.json_with(&["import", "jsonl", "-"], lines.as_bytes())["accepted"], 1);
}

#[test]
fn what_has_no_meaning_in_the_mapping_is_refused() {
    let atlas = settled();
    for body in [
        r#"{"text":"x","n":1e400}"#,
        r#"{"text":"x","n":18446744073709551616}"#,
        r#"{"text":"x","data":{"$bytes":"not base64!"}}"#,
        r#"{"text":"x","data":{"$link":"not a cid"}}"#,
        r#"{"text":"x","text":"x"}"#,
    ] {
        let ended = atlas.run(&["put", "atlas.post", "--body", body]);
        assert!(matches!(ended.code, Some(1 | 2)) && ended.err.len() > 20, "{body}: {:?} {}", ended.code, ended.err);
    }
    assert_eq!(crate::counts(&atlas), (0, 0));
}
