//! Files beside records: up, named, down again, and gone when nothing needs them.

use std::time::{Duration, Instant};

use atlas_tests::http::{Answer, Connection, authorised};
use atlas_tests::process::{Atlas, Up};
use serde_json::{Value as Json, json};

use crate::{Fresh, assert_healthy, fresh};

/// A node with Ada and a space for files, profiles and releases of modules.
fn home() -> Fresh {
    let atlas = fresh();
    atlas.json(&["id", "new", "ada"]);
    let types = ["atlas.file=file", "atlas.profile=profile", "atlas.moduleRelease=module-release", "atlas.post=post"];
    let types: Vec<&str> = types.iter().flat_map(|it| ["--type", it]).collect();
    atlas.json(&[&["space", "create", "s", "--as", "ada"], &types[..]].concat());
    atlas
}

/// A file in a test's own directory.
fn file(atlas: &Fresh, name: &str, bytes: &[u8]) -> String {
    let path = atlas.dir().parent().unwrap().join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Bytes that no two offsets of share for long.
fn noise(size: usize) -> Vec<u8> {
    (0..size as u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 29) as u8).collect()
}

fn ask(atlas: &Atlas, up: &Up, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
    let headers = format!("{}{headers}", authorised(up.address, &atlas.token()));
    Connection::open(up.address).unwrap().request(method, path, &headers, body).unwrap()
}

fn upload(atlas: &Atlas, up: &Up, bytes: &[u8]) -> String {
    let answer = ask(atlas, up, "POST", "/v1/blobs", "content-type: application/octet-stream\r\n", bytes);
    let json = answer.json().unwrap();
    assert_eq!((answer.status, json["size"].as_u64()), (200, Some(bytes.len() as u64)), "{json}");
    json["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_file_goes_with_its_record_and_comes_back() {
    let atlas = home();
    // Larger than a row of the store and than any piece it is moved in.
    let bytes = noise(3_000_001);
    let large = file(&atlas, "lake.flac", &bytes);
    let small = file(&atlas, "notes.txt", b"three mornings");
    let body = r#"{"title":"Recordings","totalSize":{"$size":["lake.flac","notes"]},"files":[
        {"path":"day-1/lake.flac","blob":{"$blob":"lake.flac"},"mediaType":{"$mediaType":"lake.flac"}},
        {"path":"notes.txt","blob":{"$blob":"notes"}}]}"#;
    let notes = format!("notes={small}");
    let put = ["put", "atlas.file", "--key", "r", "--as", "ada", "--body", body, "--blob", &large, "--blob", &notes];
    let written = atlas.json(&put);
    let blobs = written["blobs"].as_array().unwrap();
    assert_eq!((&blobs[0]["name"], &blobs[0]["size"]), (&json!("lake.flac"), &json!(3_000_001)));
    assert_eq!(blobs[1]["name"], "notes");

    let record = atlas.json(&["get", written["address"].as_str().unwrap()]);
    assert_eq!(record["body"]["totalSize"], 3_000_015);
    assert_eq!(record["body"]["files"][0]["mediaType"], "audio/flac");
    assert_eq!(record["body"]["files"][0]["blob"]["$link"], blobs[0]["id"]);
    assert_eq!(record["blobs"].as_array().unwrap().len(), 2);

    let back = atlas.dir().join("back");
    let id = blobs[0]["id"].as_str().unwrap();
    atlas.run(&["get", "--blob", id, "-o", back.to_str().unwrap()]).exits(0);
    assert_eq!(std::fs::read(&back).unwrap(), bytes);
    let piped = atlas.run(&["get", "--blob", blobs[1]["id"].as_str().unwrap()]).exits(0);
    assert_eq!(piped.out, b"three mornings");
    let told = atlas.run(&["get", written["address"].as_str().unwrap()]).exits(0).text();
    assert!(told.contains(&format!("blob     {id}")), "{told}");
    assert_healthy(&atlas);
}

#[test]
fn profiles_and_releases_take_files_as_they_want_them() {
    let atlas = home();
    let picture = file(&atlas, "me.png", b"not really a picture");
    let body = r#"{"displayName":"Ada","avatar":{"blob":{"$blob":"me.png"},"mediaType":{"$mediaType":"me.png"}}}"#;
    let written = atlas.json(&["put", "atlas.profile", "--as", "ada", "--body", body, "--blob", &picture]);
    let profile = atlas.json(&["get", written["address"].as_str().unwrap()]);
    assert_eq!(
        (&profile["body"]["avatar"]["size"], &profile["body"]["avatar"]["mediaType"]),
        (&json!(20), &json!("image/png"))
    );
    let code = file(&atlas, "recipe.wasm", b"\0asm");
    let body = r#"{"name":"example:recipe","version":"1.0.0","role":"validator","code":{"blob":{"$blob":"recipe.wasm"}},
        "wit":"atlas:validator@0.1.0","licence":"MIT","summary":"Recipes."}"#;
    atlas.json(&["put", "atlas.moduleRelease", "--as", "ada", "--body", body, "--blob", &code]);
    // Without the file the body names nothing that the record carries.
    let bare = atlas.problem(2, &["put", "atlas.moduleRelease", "--as", "ada", "--body", body, "--blob", &picture]);
    assert!(bare["detail"].as_str().unwrap().contains("`recipe.wasm`"), "{bare}");
}

#[test]
fn a_lexicon_gets_the_blob_of_the_at_protocol() {
    let atlas = fresh();
    atlas.json(&["id", "new", "ada"]);
    atlas.json(&["space", "create", "s", "--as", "ada"]);
    let document = r#"{"lexicon":1,"id":"com.example.photo","defs":{"main":{"type":"record","key":"tid","record":{
        "type":"object","required":["image"],"properties":{"image":{"type":"blob","accept":["image/*"],"maxSize":100}}}}}}"#;
    let document = file(&atlas, "photo.json", document.as_bytes());
    atlas.json(&["module", "bind", "validator:com.example.photo", "lexicon", "--config", &document]);
    let picture = file(&atlas, "cat.webp", b"meow");
    let body = r#"{"image":{"$blob":"cat.webp"}}"#;
    let written = atlas.json(&["put", "com.example.photo", "--body", body, "--blob", &picture]);
    let image = atlas.json(&["get", written["address"].as_str().unwrap()])["body"]["image"].clone();
    let id = &written["blobs"][0]["id"];
    assert_eq!(image, json!({ "$type": "blob", "ref": { "$link": id }, "mimeType": "image/webp", "size": 4 }));
    let text = format!("cat.webp={picture};type=text/plain");
    let refused = atlas.problem(1, &["put", "com.example.photo", "--body", body, "--blob", &text]);
    assert_eq!(refused["code"], "not-accepted", "{refused}");
}

#[test]
fn parts_of_a_blob_are_read_by_range() {
    let atlas = home();
    let up = atlas.up();
    for size in [0, 10, 200_000] {
        let bytes = noise(size);
        let path = format!("/v1/blobs/{}", upload(&atlas, &up, &bytes));
        let whole = ask(&atlas, &up, "GET", &path, "", b"");
        assert_eq!((whole.status, whole.body.len()), (200, size));
        assert!(whole.body == bytes);
        let etag = whole.header("etag").unwrap().to_owned();
        for (name, value) in [
            ("content-type", "application/octet-stream"),
            ("x-content-type-options", "nosniff"),
            ("content-disposition", "attachment"),
            ("accept-ranges", "bytes"),
        ] {
            assert_eq!(whole.header(name), Some(value), "{}", whole.head);
        }
        let head = ask(&atlas, &up, "HEAD", &path, "range: bytes=0-1\r\n", b"");
        assert_eq!((head.status, head.header("content-length")), (200, Some(size.to_string().as_str())));
        let known = ask(&atlas, &up, "GET", &path, &format!("if-none-match: {etag}\r\n"), b"");
        assert_eq!((known.status, known.header("etag")), (304, Some(etag.as_str())));
        let behind = ask(&atlas, &up, "GET", &path, &format!("range: bytes={size}-\r\n"), b"");
        assert_eq!((behind.status, behind.header("content-range")), (416, Some(format!("bytes */{size}").as_str())));
        assert_eq!(behind.json().unwrap()["code"], "no-such-range");
        if size == 0 {
            continue;
        }
        for (range, from, to) in [("0-0", 0, 1), ("3-7", 3, 8), ("-4", size - 4, size), ("5-", 5, size)] {
            let part = ask(&atlas, &up, "GET", &path, &format!("range: bytes={range}\r\nif-range: {etag}\r\n"), b"");
            assert_eq!(part.status, 206, "{range}: {}", part.head);
            assert_eq!(part.header("content-range"), Some(format!("bytes {from}-{}/{size}", to - 1).as_str()));
            assert!(part.body == bytes[from..to], "{range}");
        }
        let other = ask(&atlas, &up, "GET", &path, "range: bytes=0-0\r\nif-range: \"other\"\r\n", b"");
        assert_eq!((other.status, other.body.len()), (200, size));
    }
    let absent =
        ask(&atlas, &up, "GET", "/v1/blobs/bafkr4igdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi", "", b"");
    assert_eq!((absent.status, absent.json().unwrap()["code"].clone()), (404, json!("not-found")));
    assert_eq!(ask(&atlas, &up, "GET", "/v1/blobs/nonsense", "", b"").status, 400);
}

fn post(atlas: &Atlas, up: &Up, blobs: Json) -> (u16, Json) {
    let new =
        json!({ "space": "s", "as": "ada", "type": "atlas.post", "blobs": blobs, "body": { "text": "with a file" } });
    up.http_with(&atlas.token(), "POST", "/v1/records", Some(&new))
}

#[test]
fn presence_is_not_validity_and_a_size_is_never_guessed() {
    let atlas = home();
    let up = atlas.up();
    let here = upload(&atlas, &up, b"here");
    let elsewhere = "bafkr4igdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";
    assert_eq!(post(&atlas, &up, json!([{ "id": here }])).0, 200);
    assert_eq!(post(&atlas, &up, json!([{ "id": here, "size": 4 }])).0, 200);
    let (status, problem) = post(&atlas, &up, json!([{ "id": here, "size": 5 }]));
    assert_eq!((status, &problem["code"]), (422, &json!("wrong-size")), "{problem}");
    let (status, problem) = post(&atlas, &up, json!([{ "id": elsewhere }]));
    assert_eq!((status, &problem["code"]), (404, &json!("not-found")), "{problem}");
    let (status, written) = post(&atlas, &up, json!([{ "id": elsewhere, "size": 7 }]));
    assert_eq!(status, 200, "a record may name what is elsewhere: {written}");
    let many: Vec<Json> = (0..65).map(|_| json!({ "id": here })).collect();
    let (status, problem) = post(&atlas, &up, many.into());
    assert_eq!((status, &problem["code"]), (422, &json!("malformed")), "{problem}");
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing() {
    let atlas = home();
    let mut up = atlas.up();
    let before = atlas.json(&["status"])["store"]["blobs"].clone();
    for length in [100, 1_000_000] {
        let head = format!(
            "POST /v1/blobs HTTP/1.1\r\n{}content-length: {length}\r\n\r\n",
            authorised(up.address, &atlas.token())
        );
        let mut connection = Connection::open(up.address).unwrap();
        connection.send(head.as_bytes()).unwrap();
        connection.send(&noise(length / 2)).unwrap();
    }
    let id = upload(&atlas, &up, b"whole");
    assert!(up.runs());
    let status = atlas.json(&["status"]);
    assert_eq!(status["store"]["blobs"].as_u64(), before.as_u64().map(|before| before + 1), "only the whole one: {id}");
    let temporary = atlas.dir().join("store").join("blobs").join("tmp");
    let deadline = Instant::now() + Duration::from_secs(20);
    while std::fs::read_dir(&temporary).unwrap().count() > 0 {
        assert!(Instant::now() < deadline, "a half upload stays on the disk");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_blob_goes_with_the_last_record_that_names_it() {
    let atlas = home();
    let picture = file(&atlas, "p.bin", &noise(100_000));
    let put = |text: &str| {
        let body = json!({ "text": text }).to_string();
        atlas.json(&["put", "atlas.post", "--as", "ada", "--body", &body, "--blob", &picture])
    };
    let (one, two) = (put("one"), put("two"));
    let id = one["blobs"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(two["blobs"][0]["id"], id.as_str());
    let path = format!("/v1/blobs/{id}");
    atlas.json(&["rm", one["id"].as_str().unwrap()]);
    let up = atlas.up();
    assert_eq!(ask(&atlas, &up, "HEAD", &path, "", b"").status, 200, "another record needs it");
    atlas.json(&["rm", two["id"].as_str().unwrap()]);
    drop(up);
    // A node looks for what nothing needs when it starts, and now and then.
    let up = atlas.up();
    let deadline = Instant::now() + Duration::from_secs(60);
    while ask(&atlas, &up, "HEAD", &path, "", b"").status != 404 {
        assert!(Instant::now() < deadline, "a blob that nothing needs stays");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_healthy(&atlas);
}

#[test]
fn an_app_reads_and_names_blobs_of_its_spaces_only() {
    let atlas = home();
    atlas.json(&["space", "create", "private", "--as", "ada", "--type", "atlas.post=post"]);
    let secret = file(&atlas, "secret", b"a secret");
    let body = r#"{"text":"for us"}"#;
    let put = ["put", "atlas.post", "--space", "private", "--as", "ada", "--body", body, "--blob", &secret];
    let secret = atlas.json(&put)["blobs"][0]["id"].as_str().unwrap().to_owned();
    let request = atlas.run(&["id", "new", "--app", "notes"]).exits(0).text();
    let token = atlas.json(&["id", "token", "notes"])["token"].as_str().unwrap().to_owned();
    let up = atlas.up();
    let headers = authorised(up.address, &token);
    let send = |method: &str, path: &str, body: &[u8]| {
        let headers = format!("{headers}content-type: application/json\r\n");
        Connection::open(up.address).unwrap().request(method, path, &headers, body).unwrap()
    };
    let refused = send("POST", "/v1/blobs", b"mine");
    assert_eq!((refused.status, &refused.json().unwrap()["code"]), (403, &json!("not-granted")));
    let grant = ["id", "grant", request.trim(), "--as", "ada", "--types", "atlas.post", "--actions", "create"];
    atlas.json(&[&grant[..], &["--space", "s", "--yes"]].concat());
    let stored = send("POST", "/v1/blobs", b"mine").json().unwrap();
    let mine = stored["id"].as_str().unwrap();
    let name = |id: &str| {
        let new = json!({ "space": "s", "type": "atlas.post", "blobs": [{ "id": id }], "body": { "text": "x" } });
        send("POST", "/v1/records", new.to_string().as_bytes()).status
    };
    assert_eq!(name(mine), 200);
    assert_eq!(send("GET", &format!("/v1/blobs/{mine}"), b"").body, b"mine");
    // What it may not read it is not told of, and cannot make its own by naming it.
    assert_eq!(send("GET", &format!("/v1/blobs/{secret}"), b"").status, 404);
    assert_eq!(name(&secret), 404);
    assert_eq!(send("GET", &format!("/v1/blobs/{secret}"), b"").status, 404);
}
