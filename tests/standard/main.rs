//! The standard modules as they are embedded, in the engine that nodes run: each judges the
//! examples of its own README, completes drafts, and refuses bad records with its reasons.
//!
//! What each rule says is tested natively, beside the rule; this is about the components.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod laws;
mod record;
mod roles;

use std::sync::{Arc, LazyLock};

use atlas_engine::{Binding, CodeHash, Engine, EngineConfig, Outcome, Pooling, Refusal, Validator};

use crate::record::{ADA, BLOB, BOB, ID, NOW, OTHER_BLOB, Record, example};

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    Engine::open(EngineConfig { pooling: Pooling::Off, sample_rate: 1, ..EngineConfig::default() }).unwrap()
});

fn standard(name: &str) -> Arc<Validator> {
    let module = atlas_prebuilt::get(name).unwrap();
    ENGINE.validator(module.bytes, Binding::new(CodeHash::of(module.bytes))).unwrap()
}

/// Completes a record as its author's node does, and judges it twice: as that node, and as
/// every other. The index entries if it is valid, the code if it is not.
#[track_caller]
fn judge(name: &str, record: Record) -> Result<Vec<String>, String> {
    let validator = standard(name);
    let candidate = match validator.prepare(&[record.draft()]).remove(0) {
        Ok(draft) => record.completed(draft),
        Err(refusal) => return Err(refusal.code().to_owned()),
    };
    let judged = match validator.validate_authoring(&candidate) {
        Ok(judgement) => judgement.outcome,
        Err(Refusal::Refused(cause)) => return Err(cause.code().to_owned()),
        Err(refusal) => panic!("{name}: {refusal}"),
    };
    let again = validator.validate(&[candidate]).remove(0).outcome;
    assert_eq!(again, judged, "{name}: where it is written and elsewhere");
    match judged {
        Outcome::Valid(entries) => Ok(entries.into_iter().map(|entry| entry.name).collect()),
        Outcome::Invalid(cause) => Err(cause.code().to_owned()),
        Outcome::Needs(ids) => Err(format!("needs {}", ids.len())),
        Outcome::Fault(fault) => panic!("{name}: {fault}"),
    }
}

#[track_caller]
fn accepts(name: &str, record: Record, indexes: &[&str]) {
    assert_eq!(judge(name, record), Ok(indexes.iter().map(|index| (*index).to_owned()).collect()), "{name}");
}

#[track_caller]
fn refuses(name: &str, record: Record, code: &str) {
    assert_eq!(judge(name, record), Err(code.to_owned()), "{name}");
}

#[test]
fn every_validator_of_the_set_comes_up_and_describes_its_type() {
    // `lexicon` is a type only with a document as its config: the command line's tests bind it.
    let generic = ["lexicon"];
    for module in atlas_prebuilt::all().iter().filter(|it| it.role == "validator" && !generic.contains(&it.name)) {
        let validator = standard(module.name);
        assert_eq!(validator.description().name, format!("atlas:{}", module.name));
        let rules = validator.rules();
        assert!(rules.schema.contains("2020-12"), "{} has a schema", module.name);
        assert!(!rules.text.is_empty(), "{} is searchable", module.name);
        let state = rules.indexes.iter().any(|index| index.name == "state");
        assert_eq!(rules.workflow.is_some(), state, "{}: a workflow and the index of its states", module.name);
    }
}

#[test]
fn profile() {
    let record = || Record::new("atlas.profile", example("profile", 0)).key("self");
    accepts("profile", record().blob(BLOB, 48_213), &["name", "lang", "lang"]);
    refuses("profile", record(), "not-attached");
}

#[test]
fn file() {
    let record = || Record::new("atlas.file", example("file", 0)).key("k").blob(BLOB, 1_200_000);
    let indexes = ["media", "media", "size", "count", "tag"];
    accepts("file", record().blob(OTHER_BLOB, 800), &[&["name"], &indexes[..]].concat());
    refuses("file", record(), "not-attached");
    let large = Record::new("atlas.file", example("file", 1)).key("k").blob(BLOB, 52_428);
    accepts("file", large, &["name", "size", "count"]);
}

#[test]
fn file_with_as_many_paths_as_it_may_list_fits_into_a_quarter_of_the_fuel() {
    let entry = |n: usize| {
        format!(r#"{{"path":"a/folder/{n:03}.txt","blob":{{"$link":"{BLOB}"}},"size":1,"mediaType":"text/plain"}}"#)
    };
    let files: Vec<String> = (0..512).map(entry).collect();
    let body = format!(r#"{{"totalSize":512,"files":[{}]}}"#, files.join(","));
    let record = Record::json("atlas.file", &body).key("k").blob(BLOB, 1);
    accepts("file", record, &["media", "size", "count"]);
}

#[test]
fn trust() {
    let record = || Record::new("atlas.trust", example("trust", 0)).by(ADA);
    accepts("trust", record().link("trusts", &format!("id:{BOB}")), &["context", "subject", "weight"]);
    refuses("trust", record().link("trusts", &format!("id:{ADA}")), "about-oneself");
}

#[test]
fn label() {
    accepts("label", Record::new("atlas.label", example("label", 0)).link("labels", ID), &["value"]);
    refuses("label", Record::new("atlas.label", example("label", 1)).link("labels", ID), "unfounded");
}

#[test]
fn task() {
    let open = || Record::new("atlas.task", example("task", 0)).key("fix-login").by(ADA);
    accepts("task", open(), &["state", "priority", "due", "tag"]);
    let version = |state: &str| {
        let body = format!(r#"{{"title":"Fix the login","state":"{state}"}}"#);
        Record::json("atlas.task", &body).key("fix-login").by(ADA).link("follows", ID)
    };
    let before = open().link("state", "name:open");
    refuses("task", version("doing"), "needs 1");
    accepts("task", version("doing").supplied(ID, &before), &["state"]);
    refuses("task", version("done").supplied(ID, &before), "illegal-move");
}

#[test]
fn task_with_states_of_its_own() {
    let module = atlas_prebuilt::get("task").unwrap();
    let bound = |config: &str| {
        let binding = Binding::new(CodeHash::of(module.bytes)).with_config(config.as_bytes());
        ENGINE.validator(module.bytes, binding)
    };
    let config = atlas_record::json::to_json(&example("task", 1).into()).to_string();
    let states = bound(&config).unwrap().rules().workflow.clone().unwrap().states;
    assert_eq!(states, ["draft", "review", "released", "withdrawn"]);
    let refused = bound(r#"{"states":["a","b"],"moves":{}}"#).unwrap_err().to_string();
    assert!(refused.contains("no moves lead from `a`, where tasks start, to `b`"), "{refused}");
}

#[test]
fn proposal() {
    let amendment = || Record::new("atlas.proposal", example("proposal", 0));
    accepts("proposal", amendment(), &["kind", "choice", "closes", "changes", "changes"]);
    accepts("proposal", Record::new("atlas.proposal", example("proposal", 1)), &["kind", "choice", "closes"]);
    refuses("proposal", amendment().created(NOW * 2), "bad-closing");
}

#[test]
fn ballot() {
    let question = Record::new("atlas.proposal", example("proposal", 1));
    let ballot = |n: usize| Record::new("atlas.ballot", example("ballot", n)).link("votes-on", ID);
    refuses("ballot", ballot(2), "needs 1");
    accepts("ballot", ballot(2).supplied(ID, &question), &["choice"]);
    refuses("ballot", ballot(1).supplied(ID, &question), "wrong-choice");
    refuses("ballot", Record::json("atlas.ballot", r#"{"vote":"yes","weight":9}"#), "weight-declared");
}

#[test]
fn module_release() {
    let record = || Record::new("atlas.moduleRelease", example("module-release", 0));
    accepts("module-release", record().blob(BLOB, 41_213), &["name", "role", "code", "licence", "tag"]);
    refuses("module-release", record().blob(BLOB, 41_214), "wrong-size");
}

#[test]
fn scope() {
    accepts(
        "scope",
        Record::new("atlas.scope", example("scope", 0)).key("k"),
        &["type", "type", "action", "action", "action"],
    );
    let all = r#"{"title":"t","text":"t","types":["atlas.*"],"actions":["create"]}"#;
    refuses("scope", Record::json("atlas.scope", all).key("k"), "not-a-type");
}

#[test]
fn type_entry() {
    let record = || Record::new("atlas.type", example("type", 0));
    accepts("type", record().blob(OTHER_BLOB, 212), &["name", "code", "tag", "tag"]);
    refuses("type", record(), "not-attached");
}

#[test]
fn space_entry() {
    let record = || Record::new("atlas.space", example("space", 0));
    accepts("space", record(), &["name", "join", "lang", "tag", "tag"]);
    refuses("space", record().key("other"), "wrong-key");
}

#[test]
fn name() {
    let record = || Record::new("atlas.name", example("name", 0)).by(ADA).link("names", &format!("id:{ADA}"));
    accepts("name", record().expires(NOW + 1), &["state", "domain", "name", "until"]);
    refuses("name", record(), "bad-term");
}

#[test]
fn post_and_package() {
    accepts("post", Record::new("atlas.post", example("post", 0)), &["tag", "lang", "lang"]);
    refuses("post", Record::json("atlas.post", "{}"), "missing-field");
    accepts("package", Record::new("atlas.package", example("package", 0)), &["name", "architecture", "size"]);
    refuses("package", Record::json("atlas.package", r#"{"name":"x"}"#), "missing-field");
}
