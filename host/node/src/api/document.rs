//! The OpenAPI document: what the routes say of themselves, and what holds for all of them.
//!
//! The first comes from the attributes of the handlers. The second is the same for whole classes
//! of routes (who may ask, what can go wrong, what a tag is for), so it is added here once, and
//! no handler can forget it.

use serde_json::{Map, Value as Json, json};
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use super::live::{GoneView, WatermarkView};
use super::problem::Problem;

/// What the routes are added to.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Atlas local API",
        description = "What an application asks of the node on its own machine. Every route but this document wants a token: `Authorization: Bearer TOKEN`. The one in `api.token` of the node's directory is the operator's; `atlas id token APP` makes one that is bound to an app's key and does what the app's grants allow. Times are milliseconds since the Unix epoch; ids are CIDs; bodies use the AT Protocol's JSON form: `{\"$link\": CID}`, `{\"$bytes\": BASE64}`, `1` an integer and `1.0` a float."
    ),
    servers((url = "http://127.0.0.1:7420", description = "Where a node listens unless it is told otherwise; `atlas up` says where it does")),
    components(schemas(Problem, GoneView, WatermarkView)),
    modifiers(&Token),
    security(("token" = []))
)]
pub(super) struct Document;

struct Token;

impl utoipa::Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

/// Statuses of problems: what they mean, and a problem that has each.
const PROBLEMS: [(u16, &str, &str, &str); 14] = [
    (400, "What was asked makes no sense; `detail` says what would", "misuse", "limit is 0, expected 1 to 1000"),
    (
        401,
        "No token, or one that nobody has",
        "no-token",
        "send `Authorization: Bearer TOKEN` with the token in api.token",
    ),
    (
        403,
        "The token does not allow it, or the `Host` is not this machine",
        "not-granted",
        "no grant to `notes` that is in force names this space",
    ),
    (404, "Something that was named is not here", "not-found", "there is no space `garden` here"),
    (409, "The name is taken", "exists", "space `garden` exists already"),
    (413, "More bytes than are taken", "too-large", "the blob is too large: 1073741824 bytes are taken at most"),
    (416, "No byte that was asked for is there", "no-such-range", "the blob has 10 bytes"),
    (422, "A rule says no; `code` says which", "unknown-type", "space `garden` has no type `atlas.post`"),
    (423, "The keys of this machine are locked", "keys-locked", "the keys are locked: give the passphrase"),
    (429, "Too much, for now", "rate-exceeded", "the grant allows 10 records in 1h"),
    (
        500,
        "A defect, or damage on the disk; the node's log says more",
        "internal",
        "the node failed on this request: its log says where",
    ),
    (503, "Not now; the same request may be taken later", "unavailable", "the text index is being built"),
    (507, "The disk is full", "disk-full", "the disk that holds this node is full: free some space"),
    (405, "The route is there, and takes other methods", "method-not-allowed", "this route does not take PUT"),
];

/// What variable parts of paths and recurring parameters stand for, with an example.
const PARAMETERS: [(&str, &str, &str); 9] = [
    ("name", "What it is called on this machine, or its id", "ada"),
    ("space", "The space's name on this node, or its id", "garden"),
    ("type", "The type", "atlas.post"),
    ("format", "`debian`, `jsonl` or `atlas`", "jsonl"),
    ("key", "A public key", "b5uaqz4pfzg5yhgjbqsqjxxs5w3nhf3brp7dlfhxqxhzspwmlmnvla"),
    ("as", "The identity that acts, by name or id", "ada"),
    ("author", "An identity: its id, or the name of one on this machine", "ada"),
    ("text", "Words to look for", "video editor"),
    ("fields", "Fields of the body, `,` between their paths", "name,hashes.sha256"),
];

/// Requests that show what a body looks like.
fn request_example(operation: &str) -> Option<Json> {
    Some(match operation {
        "post_records" => json!({ "space": "garden", "as": "ada", "type": "atlas.post", "body": { "text": "hello" } }),
        "post_spaces" => json!({ "name": "orchard", "as": "ada", "types": ["atlas.post=post"] }),
        "post_spaces_space_bindings" => json!({ "slot": "validator:atlas.task", "module": "task", "as": "ada" }),
        "post_identities" => json!({ "name": "reader", "kind": "app", "types": ["atlas.post"], "actions": ["create"] }),
        _ => return None,
    })
}

/// A name that no other operation has: the method and the way.
fn operation_id(method: &str, path: &str) -> String {
    let way = path.strip_prefix("/v1").unwrap_or(path);
    let parts = way.split(['/', '.', '-']).map(|part| part.trim_matches(['{', '}'])).filter(|part| !part.is_empty());
    std::iter::once(method).chain(parts).collect::<Vec<_>>().join("_")
}

/// What can go wrong on a route beside what it says itself.
fn also_wrong(method: &str, has_body: bool, has_parameters: bool) -> Vec<u16> {
    let mut also = vec![401, 403];
    if has_body || has_parameters {
        also.push(400);
    }
    if has_body {
        also.push(413);
    }
    if method != "get" && method != "head" {
        // Whatever writes may need keys, the disk, and a moment when there is room.
        also.extend([423, 503, 507]);
    }
    also
}

fn header(text: &str, example: impl Into<Json>, kind: &str) -> Json {
    json!({ "description": text, "schema": { "type": kind }, "example": example.into() })
}

fn problem(status: u16) -> Json {
    let (_, meaning, code, detail) =
        PROBLEMS.iter().find(|(known, ..)| *known == status).copied().unwrap_or((status, "", "internal", ""));
    let example = Problem::new(status, code, detail);
    let mut response = json!({
        "description": meaning,
        "content": { "application/problem+json": {
            "schema": { "$ref": "#/components/schemas/Problem" },
            "example": example,
        } },
    });
    match status {
        401 => response["headers"] = json!({ "WWW-Authenticate": header("How to show a token", "Bearer", "string") }),
        429 | 503 => {
            let text = "After how many seconds the same request may be taken";
            response["headers"] = json!({ "Retry-After": header(text, 5, "integer") });
        }
        416 => {
            let text = "How many bytes there are";
            response["headers"] = json!({ "Content-Range": header(text, "bytes */10", "string") });
        }
        _ => {}
    }
    response
}

fn is_problem(status: &str) -> bool {
    status.starts_with(['4', '5'])
}

/// The document as it is served.
pub(super) fn finished(document: utoipa::openapi::OpenApi) -> Json {
    let mut document = serde_json::to_value(document).expect("the document is JSON");
    let own = json!({ "get": {
        "summary": "This document.",
        "description": "This document. It needs no token.",
        "security": [],
        "responses": { "200": {
            "description": "OpenAPI 3.1",
            "content": { "application/json": { "schema": { "type": "object" } } },
        } },
    } });
    document["paths"]["/openapi.json"] = own;
    let paths = document["paths"].as_object_mut().expect("the document has paths");
    for (path, item) in paths {
        let methods = item.as_object_mut().expect("a path has operations");
        for (method, operation) in methods.iter_mut() {
            finish(path, method, operation);
        }
    }
    document
}

fn finish(path: &str, method: &str, operation: &mut Json) {
    let id = operation_id(method, path);
    operation["tags"] = json!([path.trim_start_matches("/v1").split('/').nth(1).unwrap_or_default()]);
    let public = operation.get("security").is_some();
    let has_body = operation.get("requestBody").is_some();
    let named = operation.get("parameters").and_then(Json::as_array).is_some_and(|all| !all.is_empty());
    if let Some(example) = request_example(&id)
        && let Some(content) = operation.pointer_mut("/requestBody/content/application~1json")
    {
        content["example"] = example;
    }
    operation["operationId"] = id.into();
    let responses = operation["responses"].as_object_mut().expect("an operation has responses");
    if !public {
        for status in also_wrong(method, has_body, named) {
            responses.insert(status.to_string(), Json::Null);
        }
    }
    let tagged = method == "get"
        && responses.get("200").is_some_and(|done| done.pointer("/content/application~1json").is_some());
    if tagged {
        responses.entry("304").or_insert_with(|| json!({ "description": "It is what the client has" }));
    }
    for (status, response) in responses.iter_mut() {
        if is_problem(status) {
            *response = problem(status.parse().expect("a status is a number"));
            continue;
        }
        if response["description"].as_str().is_none_or(str::is_empty) {
            response["description"] = "Done".into();
        }
        if tagged {
            let text = "Names this answer; for `If-None-Match`";
            headers_of(response).insert("ETag".into(), header(text, "\"a3f2\"", "string"));
        }
    }
    let mut parameters = match operation["parameters"].take() {
        Json::Array(parameters) => parameters,
        _ => Vec::new(),
    };
    if tagged && parameters.iter().all(|one| one["name"] != "If-None-Match") {
        let text = "The `ETag` of an earlier answer: if it is the same again, 304 and no body";
        let schema = json!({ "type": "string" });
        let one = json!({ "name": "If-None-Match", "in": "header", "required": false, "description": text, "schema": schema });
        parameters.push(one);
    }
    for one in &mut parameters {
        let known = PARAMETERS.iter().find(|(name, ..)| one["name"] == *name);
        if let Some((_, text, example)) = known {
            if one["description"].as_str().is_none_or(str::is_empty) {
                one["description"] = (*text).into();
            }
            if one["example"].is_null() {
                one["example"] = (*example).into();
            }
        }
    }
    match parameters.is_empty() {
        true => drop(operation.as_object_mut().expect("an operation is an object").remove("parameters")),
        false => operation["parameters"] = parameters.into(),
    }
}

fn headers_of(response: &mut Json) -> &mut Map<String, Json> {
    let response = response.as_object_mut().expect("a response is an object");
    response.entry("headers").or_insert_with(|| json!({})).as_object_mut().expect("headers are an object")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::api::openapi;

    fn operations(document: &Json) -> Vec<(String, Json)> {
        let paths = document["paths"].as_object().unwrap();
        let all = paths.iter().flat_map(|(path, item)| {
            item.as_object().unwrap().iter().map(move |(method, one)| (format!("{method} {path}"), one.clone()))
        });
        all.collect()
    }

    #[test]
    fn every_operation_is_described_with_its_parameters_and_answers() {
        let document = openapi();
        let all = operations(&document);
        assert!(all.len() > 30, "{}", all.len());
        for (name, one) in &all {
            assert!(one["summary"].is_string() || one["description"].is_string(), "{name}");
            for parameter in one["parameters"].as_array().into_iter().flatten() {
                let text = parameter["description"].as_str().unwrap_or_default();
                assert!(!text.is_empty(), "{name}: {}", parameter["name"]);
            }
            for (status, response) in one["responses"].as_object().unwrap() {
                assert!(!response["description"].as_str().unwrap().is_empty(), "{name}: {status}");
                let kind = "/content/application~1problem+json";
                assert_eq!(response.pointer(kind).is_some(), is_problem(status), "{name}: {status}");
            }
        }
    }

    #[test]
    fn no_two_operations_have_one_name() {
        let all = operations(&openapi());
        let names: BTreeSet<&str> = all.iter().map(|(_, one)| one["operationId"].as_str().unwrap()).collect();
        assert_eq!(names.len(), all.len());
    }

    #[test]
    fn all_but_the_document_want_a_token() {
        let document = openapi();
        let public = |one: &Json| one["security"].as_array().is_some_and(Vec::is_empty);
        let open: Vec<String> =
            operations(&document).into_iter().filter(|(_, one)| public(one)).map(|(name, _)| name).collect();
        assert_eq!(open, ["get /openapi.json"]);
        for (name, one) in operations(&document) {
            assert!(public(&one) || one["responses"]["401"].is_object(), "{name}");
        }
    }

    #[test]
    fn every_status_of_a_problem_is_explained() {
        for (name, one) in operations(&openapi()) {
            for status in one["responses"].as_object().unwrap().keys().filter(|status| is_problem(status)) {
                let known = PROBLEMS.iter().any(|(known, ..)| known.to_string() == *status);
                assert!(known, "{name}: {status}");
            }
        }
    }
}
