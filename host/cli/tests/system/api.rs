//! The local HTTP API, byte by byte.

use atlas_tests::http::{Answer, Connection, authorised};
use atlas_tests::process::{Atlas, Up};
use serde_json::{Value as Json, json};

use crate::settled;

#[track_caller]
fn get(up: &Up, path: &str, headers: &str) -> Answer {
    Connection::open(up.address).unwrap().request("GET", path, headers, b"").unwrap()
}

fn ours(atlas: &Atlas, up: &Up) -> String {
    authorised(up.address, &atlas.token())
}

#[track_caller]
fn problem(answer: &Answer, status: u16, code: &str) {
    let json = answer.json().unwrap();
    assert_eq!((answer.status, &json["code"], &json["status"]), (status, &json!(code), &json!(status)), "{json}");
    assert!(answer.head.to_ascii_lowercase().contains("content-type: application/problem+json"), "{}", answer.head);
    assert!(json["detail"].as_str().is_some_and(|detail| detail.len() > 10) && json["type"].is_string(), "{json}");
}

#[test]
fn nobody_without_the_token_is_answered() {
    let atlas = settled();
    let up = atlas.up();
    let host = format!("host: {}\r\n", up.address);
    let token = atlas.token();
    let wrong = "A".repeat(token.len());
    for headers in [
        host.clone(),
        format!("{host}authorization: Bearer {wrong}\r\n"),
        format!("{host}authorization: Bearer\r\n"),
        format!("{host}authorization: Bearer {}\r\n", &token[1..]),
        format!("{host}authorization: {token}\r\n"),
        format!("{host}authorization: Basic {token}\r\n"),
        format!("{host}cookie: token={token}\r\n"),
    ] {
        problem(&get(&up, "/v1/status", &headers), 401, "no-token");
    }
    let mut connection = Connection::open(up.address).unwrap();
    let body = json!({ "name": "mallory" }).to_string();
    let headers = format!("{host}content-type: application/json\r\n");
    problem(&connection.request("POST", "/v1/identities", &headers, body.as_bytes()).unwrap(), 401, "no-token");
    assert_eq!(atlas.json(&["id", "list"]).as_array().unwrap().len(), 1);
    assert_eq!(get(&up, "/v1/status", &ours(&atlas, &up)).status, 200);
}

#[test]
fn no_web_page_reaches_it_under_another_name() {
    let atlas = settled();
    let up = atlas.up();
    let bearer = format!("authorization: Bearer {}\r\n", atlas.token());
    let port = up.address.port();
    for host in [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        format!("192.168.0.1:{port}"),
    ] {
        problem(&get(&up, "/v1/status", &format!("host: {host}\r\n{bearer}")), 403, "foreign-host");
    }
    for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}")] {
        assert_eq!(get(&up, "/v1/status", &format!("host: {host}\r\n{bearer}")).status, 200, "{host}");
    }
    let answer = get(&up, "/v1/status", &format!("{}origin: https://evil.example\r\n", ours(&atlas, &up)));
    assert!(!answer.head.to_ascii_lowercase().contains("access-control-allow-origin"), "{}", answer.head);
}

#[cfg(unix)]
#[test]
fn secrets_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let atlas = settled();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&atlas.dir().join("api.token")), 0o600);
    for entry in std::fs::read_dir(atlas.dir().join("keys")).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
    assert_eq!(mode(&atlas.dir().join("keys")), 0o700);
}

#[test]
fn the_openapi_document_describes_what_is_served() {
    let atlas = settled();
    let up = atlas.up();
    let answer = get(&up, "/openapi.json", &format!("host: {}\r\n", up.address));
    assert_eq!(answer.status, 200, "it needs no token");
    let document = answer.json().unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."), "{}", document["openapi"]);
    let paths = document["paths"].as_object().unwrap();
    for wanted in [
        "/v1/status",
        "/v1/query",
        "/v1/records",
        "/v1/import/{format}",
        "/v1/export",
        "/v1/modules",
        "/v1/spaces",
        "/v1/identities",
        "/v1/history",
        "/v1/doctor",
        "/v1/live",
        "/v1/types/{type}",
    ] {
        assert!(paths.contains_key(wanted), "{wanted}");
    }
    // Every reference leads somewhere.
    let text = document.to_string();
    for reference in text.split(r##""$ref":"#"##).skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
    // Whatever goes wrong is a problem.
    assert!(document.pointer("/paths/~1v1~1query/get/responses/400/content/application~1problem+json").is_some());
    assert!(document.pointer("/paths/~1v1~1live/get/responses/200/content/text~1event-stream").is_some());
    // Every described route is there and guarded.
    for (path, item) in paths {
        let path =
            path.replace("{format}", "debian").replace("{name}", "x").replace("{space}", "x").replace("{type}", "x.y");
        for method in
            item.as_object().unwrap().keys().filter(|key| ["get", "post", "delete", "put"].contains(&key.as_str()))
        {
            let headers = format!("host: {}\r\n", up.address);
            let answer =
                Connection::open(up.address).unwrap().request(&method.to_uppercase(), &path, &headers, b"").unwrap();
            problem(&answer, 401, "no-token");
        }
    }
    problem(&get(&up, "/v1/no-such-route", &ours(&atlas, &up)), 404, "not-found");
}

#[test]
fn a_bad_request_gets_a_problem_and_the_node_goes_on() {
    let atlas = settled();
    let mut up = atlas.up();
    let headers = ours(&atlas, &up);
    let json_headers = format!("{headers}content-type: application/json\r\n");
    let send = |up: &Up, method: &str, path: &str, headers: &str, body: &[u8]| {
        Connection::open(up.address).unwrap().request(method, path, headers, body).unwrap()
    };
    problem(&send(&up, "GET", "/v1/query?nonsense=1", &headers, b""), 400, "misuse");
    problem(&send(&up, "GET", "/v1/query?limit=0", &headers, b""), 400, "misuse");
    problem(&send(&up, "GET", "/v1/query?limit=many", &headers, b""), 400, "misuse");
    problem(&send(&up, "GET", "/v1/records?ref=x", &headers, b""), 400, "misuse");
    problem(&send(&up, "POST", "/v1/records", &json_headers, b"{"), 400, "misuse");
    for body in [&b"{}"[..], b"[]", b"null", &[b'['; 100_000]] {
        let answer = send(&up, "POST", "/v1/records", &json_headers, body);
        assert!((400..500).contains(&answer.status), "{}", answer.status);
        assert!(answer.json().unwrap()["code"].is_string());
    }
    let huge = vec![b' '; 3 << 20];
    let answer = send(&up, "POST", "/v1/records", &json_headers, &huge);
    assert_eq!(answer.status, 413);
    assert!(up.runs());
    assert_eq!(get(&up, "/v1/status", &headers).status, 200);
}

#[test]
fn what_the_api_and_the_command_answer_is_the_same() {
    let atlas = settled();
    atlas.json_with(&["import", "debian", "-"], crate::sample::index().as_bytes());
    let up = atlas.up();
    let asked = get(&up, "/v1/query?type=atlas.package&index=name%3Dlibssl3", &ours(&atlas, &up)).json().unwrap();
    let told: Json = atlas.json(&["query", "--type", "atlas.package", "--index", "name=libssl3"]);
    assert_eq!(asked, told);
    for field in ["records", "cursor", "watermark", "count"] {
        assert!(asked.get(field).is_some(), "{field}");
    }
}

#[test]
fn a_history_comes_in_pages_that_are_linked_latest_first() {
    let atlas = settled();
    for version in ["1", "2", "3", "4", "5"] {
        let body = json!({ "name": "x", "version": version }).to_string();
        atlas.json(&["put", "atlas.package", "--body", &body]);
    }
    let address = atlas.json(&["query", "--type", "atlas.package"])["records"][0]["address"].clone();
    let up = atlas.up();
    let first = format!("/v1/history?address={}&limit=2", address.as_str().unwrap().replace(':', "%3A"));
    let (mut path, mut versions) = (Some(first), Vec::new());
    while let Some(next) = path {
        let answer = get(&up, &next, &ours(&atlas, &up));
        let page = answer.json().unwrap();
        let records = page["records"].as_array().unwrap();
        assert!(answer.status == 200 && records.len() <= 2, "{page}");
        versions.extend(records.iter().map(|record| record["body"]["version"].as_str().unwrap().to_owned()));
        let link = answer.header("link").and_then(|link| link.strip_prefix('<')?.strip_suffix(">; rel=\"next\""));
        assert_eq!(link.is_some(), page["cursor"].is_string());
        path = link.map(str::to_owned);
    }
    assert_eq!(versions, ["5", "4", "3", "2", "1"]);
    let told = atlas.json(&["history", address.as_str().unwrap()]);
    assert_eq!(told["records"].as_array().unwrap().len(), 5);
    let wrong = format!("/v1/history?address={}&cursor=x", address.as_str().unwrap().replace(':', "%3A"));
    problem(&get(&up, &wrong, &ours(&atlas, &up)), 400, "bad-cursor");
}

#[test]
fn an_answer_that_the_client_has_is_not_sent_again() {
    let atlas = settled();
    let up = atlas.up();
    for path in ["/v1/spaces", "/v1/query?type=atlas.post", "/v1/modules", "/v1/types/atlas.post", "/openapi.json"] {
        let answer = get(&up, path, &ours(&atlas, &up));
        let etag = answer.header("etag").unwrap_or_else(|| panic!("{path}: {}", answer.head)).to_owned();
        let again = get(&up, path, &format!("{}if-none-match: {etag}\r\n", ours(&atlas, &up)));
        assert_eq!((again.status, again.header("etag")), (304, Some(etag.as_str())), "{path}");
    }
    let before = get(&up, "/v1/query?type=atlas.post", &ours(&atlas, &up));
    let etag = before.header("etag").unwrap().to_owned();
    atlas.json(&["put", "atlas.post", "--body", r#"{"text":"news"}"#]);
    let headers = format!("{}if-none-match: {etag}\r\n", ours(&atlas, &up));
    assert_eq!(get(&up, "/v1/query?type=atlas.post", &headers).status, 200);
}

#[test]
fn what_is_refused_is_a_problem_whatever_it_was() {
    let atlas = settled();
    let up = atlas.up();
    let ours = ours(&atlas, &up);
    let send =
        |method: &str, path: &str| Connection::open(up.address).unwrap().request(method, path, &ours, b"").unwrap();
    let other = send("PUT", "/v1/records");
    problem(&other, 405, "method-not-allowed");
    let allow = other.header("allow").unwrap();
    assert!(["GET", "POST", "DELETE"].iter().all(|method| allow.contains(method)), "{allow}");
    problem(&send("POST", "/openapi.json"), 405, "method-not-allowed");
    problem(&send("GET", "/v1/spaces/%ff"), 400, "misuse");
    let nobody = get(&up, "/v1/status", &format!("host: {}\r\n", up.address));
    assert_eq!(nobody.header("www-authenticate"), Some("Bearer"));
}
