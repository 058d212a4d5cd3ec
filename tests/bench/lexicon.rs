//! What judging by documents costs: the standard module `lexicon`, given the document of a type,
//! beside a module written for such a type by hand, and beside the same code without a sandbox.

use std::path::Path;
use std::time::Instant;

use atlas_engine::validator::{Candidate, Entry, Operation};
use atlas_engine::{Binding, CodeHash, Engine, EngineConfig, Outcome, Validator};
use atlas_node::bundle::Bundle;
use atlas_record::cbor::{Map, encode_map};
use atlas_sdk::Value;

use crate::Failure;
use crate::report::{Report, median};

/// Records of a batch, as they are judged at ingest.
const BATCH: usize = 256;
/// Batches of one run.
const BATCHES: usize = 40;
/// Somebody.
const ID: &str = "bafyr4igdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";
/// When the records were written.
const NOW: u64 = 1_760_000_000_000;

/// A type as `post` checks it, in words of the schema language.
const DOCUMENT: &str = r#"{
  "lexicon": 1,
  "id": "org.example.post",
  "defs": {
    "main": {
      "type": "record",
      "key": "any",
      "record": {
        "type": "object",
        "required": ["text"],
        "properties": {
          "text": { "type": "string", "minLength": 1, "maxLength": 10000, "maxGraphemes": 3000 },
          "title": { "type": "string", "maxLength": 1200, "maxGraphemes": 300 },
          "format": { "type": "string", "enum": ["plain", "markdown"] },
          "tags": { "type": "array", "maxLength": 8, "items": { "type": "string", "minLength": 1, "maxGraphemes": 64 } },
          "langs": { "type": "array", "maxLength": 3, "items": { "type": "string", "format": "language" } }
        }
      }
    }
  }
}"#;

/// One type, as a module and natively.
struct Side {
    name: String,
    module: &'static str,
    config: Vec<u8>,
    type_name: String,
    key: Option<String>,
    bodies: Vec<Map>,
    native: Box<dyn Fn(&atlas_sdk::Candidate) -> bool>,
}

fn texts(i: usize) -> Map {
    let text = format!(
        "Post number {i}, of the length that most posts have: a sentence or two about this and that, with a name or \
         two, and one word in another script: {}.",
        ["größer", "добро", "文字", "naïve"][i % 4]
    );
    let list = |words: &[&str]| Value::from(words.iter().map(|word| Value::from(*word)).collect::<Vec<_>>());
    Map::from_iter([
        ("text", Value::from(text)),
        ("title", Value::from(format!("number {i}"))),
        ("tags", list(&["bench", "post"])),
        ("langs", list(&["en", "de-AT"])),
    ])
}

/// A post of the AT Protocol with what most have: facets, languages, a reply.
fn rich(i: usize) -> Result<Map, Failure> {
    let link = "at://did:plc:ewvi7nxzyoun6zhxrhs64oiz/app.bsky.feed.post/3l2m6zkcnq22a";
    let cid = "bafyreigmk4lln3clwvf32c2murhifjx2uio2xgythakav3pna3dvdqwdwy";
    let json = format!(
        r##"{{"$type":"app.bsky.feed.post","text":"Post {i} with a link to example.org and a #tag, as many are written",
        "createdAt":"2026-01-01T00:00:{:02}.000Z","langs":["en"],
        "reply":{{"root":{{"uri":"{link}","cid":"{cid}"}},"parent":{{"uri":"{link}","cid":"{cid}"}}}},
        "facets":[
          {{"index":{{"byteStart":24,"byteEnd":35}},"features":[{{"$type":"app.bsky.richtext.facet#link","uri":"https://example.org/"}}]}},
          {{"index":{{"byteStart":42,"byteEnd":46}},"features":[{{"$type":"app.bsky.richtext.facet#tag","tag":"tag"}}]}}]}}"##,
        i % 60
    );
    match atlas_record::json::parse_json(&json)? {
        Value::Map(map) => Ok(map),
        _ => Err("a body is a map".into()),
    }
}

/// The documents of a type out of a folder, as many as its module asks for.
fn bundle(root: &Path, main: &str) -> Result<Vec<u8>, Failure> {
    use atlas_sdk::{ConfigError, Validator};
    let mut bundle = Bundle::new(main, std::fs::read(root.join(main))?)?;
    loop {
        match atlas_lexicon::Lexicon::configure(&bundle.encode()) {
            Ok(_) => return Ok(bundle.encode()),
            Err(ConfigError::Incomplete { documents, .. }) => {
                for path in documents {
                    bundle.add(&path, std::fs::read(root.join(&path))?)?;
                }
            }
            Err(ConfigError::Invalid(text)) => return Err(text.into()),
        }
    }
}

fn native<V: atlas_sdk::Validator>(validator: V) -> Box<dyn Fn(&atlas_sdk::Candidate) -> bool>
where
    V: 'static,
{
    Box::new(move |candidate| validator.validate(candidate).is_ok())
}

fn sides() -> Result<Vec<Side>, Failure> {
    use atlas_sdk::Validator;
    let count = BATCH * 4;
    let typed = |name: &str, mut body: Map| {
        body.insert("$type", Value::from(name));
        body
    };
    let configured = |config: &[u8]| atlas_lexicon::Lexicon::configure(config).map_err(|_| "the config is refused");
    let mut sides = vec![
        Side {
            name: "`post`, by hand".into(),
            module: "post",
            config: Vec::new(),
            type_name: "atlas.post".into(),
            key: None,
            bodies: (0..count).map(texts).collect(),
            native: native(atlas_post::Post),
        },
        Side {
            name: "`lexicon`, the same fields".into(),
            module: "lexicon",
            config: DOCUMENT.into(),
            type_name: "org.example.post".into(),
            key: Some("k".into()),
            bodies: (0..count).map(|i| typed("org.example.post", texts(i))).collect(),
            native: native(configured(DOCUMENT.as_bytes())?),
        },
    ];
    let root = std::env::var_os("ATLAS_TEST_DATA").map(|root| Path::new(&root).join("lexicons"));
    if let Some(root) = root.filter(|root| root.is_dir()) {
        let config = bundle(&root, "app/bsky/feed/post.json")?;
        sides.push(Side {
            name: "`lexicon`, app.bsky.feed.post".into(),
            module: "lexicon",
            type_name: "app.bsky.feed.post".into(),
            key: Some("3l2m6zkcnq22a".into()),
            bodies: (0..count).map(rich).collect::<Result<_, _>>()?,
            native: native(configured(&config)?),
            config,
        });
    } else {
        crate::note("ATLAS_TEST_DATA names no folder with `lexicons`: app.bsky.feed.post is left out");
    }
    Ok(sides)
}

impl Side {
    /// As the module sees a record with one of the bodies.
    fn candidate(&self, body: &Map) -> Candidate {
        let links = self.links(body);
        let entry = Entry {
            space: ID.into(),
            type_name: self.type_name.clone(),
            author: ID.into(),
            created: NOW,
            key: self.key.clone(),
            operation: Operation::Put,
            links: links
                .iter()
                .map(|link| atlas_engine::validator::Link {
                    relation: link.relation.clone(),
                    target: link.target.clone(),
                })
                .collect(),
            blobs: vec![],
            expires: None,
            body: encode_map(body),
        };
        Candidate { entry, supplied: vec![] }
    }

    /// The links that follow from the body, which a record has to carry.
    fn links(&self, body: &Map) -> Vec<atlas_sdk::Link> {
        use atlas_sdk::Validator;
        let mut draft = atlas_sdk::Draft { key: self.key.clone(), links: vec![], body: body.clone() };
        if self.module == "lexicon"
            && let Ok(lexicon) = atlas_lexicon::Lexicon::configure(&self.config)
        {
            // A body that it refuses has none; the verdict says why.
            let _ = lexicon.prepare(&mut draft);
        }
        draft.links
    }

    /// As native code sees it, from the bytes of its body on, as the module does.
    fn natively(&self, candidate: &Candidate) -> Result<bool, Failure> {
        let Value::Map(body) = atlas_record::cbor::decode(&candidate.entry.body)? else {
            return Err("a body is a map".into());
        };
        let entry = atlas_sdk::Entry {
            space: candidate.entry.space.clone(),
            type_name: candidate.entry.type_name.clone(),
            author: candidate.entry.author.clone(),
            created: NOW,
            key: candidate.entry.key.clone(),
            links: candidate
                .entry
                .links
                .iter()
                .map(|link| atlas_sdk::Link::new(link.relation.as_str(), link.target.as_str()))
                .collect(),
            body,
            ..atlas_sdk::Entry::default()
        };
        Ok((self.native)(&atlas_sdk::Candidate { entry, supplied: vec![] }))
    }
}

fn expect_valid(name: &str, outcomes: &[Outcome]) -> Result<(), Failure> {
    match outcomes.iter().find(|outcome| !matches!(outcome, Outcome::Valid(_))) {
        Some(other) => Err(format!("{name}: a record is not valid: {other:?}").into()),
        None => Ok(()),
    }
}

/// Microseconds for each record in a batch, as the median of all batches.
fn in_batches(validator: &Validator, candidates: &[Candidate]) -> f64 {
    let batches = candidates.chunks_exact(BATCH).cycle().take(BATCHES);
    let times = batches.map(|batch| {
        let start = Instant::now();
        drop(std::hint::black_box(validator.validate(batch)));
        start.elapsed().as_secs_f64() * 1e6 / BATCH as f64
    });
    median(&times.collect::<Vec<_>>())
}

/// Adds the figures: the sides in turns, so that all see the same machine.
pub fn measure(report: &mut Report, runs: usize) -> Result<(), Failure> {
    let engine = Engine::open(EngineConfig { sample_rate: 0, ..EngineConfig::default() })?;
    let mut ready = Vec::new();
    for side in sides()? {
        let code = atlas_prebuilt::get(side.module).ok_or("a module of the standard set")?.bytes;
        let binding = Binding { config: side.config.clone().into(), ..Binding::new(CodeHash::of(code)) };
        let validator = engine.validator(code, binding)?;
        let candidates: Vec<Candidate> = side.bodies.iter().map(|body| side.candidate(body)).collect();
        let judged: Vec<Outcome> = validator.validate(&candidates).into_iter().map(|judged| judged.outcome).collect();
        expect_valid(&side.name, &judged)?;
        for candidate in &candidates {
            if !side.natively(candidate)? {
                return Err(format!("{}: native code refuses what the module takes", side.name).into());
            }
        }
        ready.push((side, validator, candidates));
    }
    let mut figures = vec![[vec![], vec![], vec![]]; ready.len()];
    for _ in 0..runs {
        for ((side, validator, candidates), [module, alone, native]) in ready.iter().zip(&mut figures) {
            module.push(in_batches(validator, candidates));
            let start = Instant::now();
            candidates.iter().for_each(|candidate| drop(std::hint::black_box(validator.validate_alone(candidate))));
            alone.push(start.elapsed().as_secs_f64() * 1e6 / candidates.len() as f64);
            let start = Instant::now();
            for candidate in candidates {
                std::hint::black_box(side.natively(candidate)?);
            }
            native.push(start.elapsed().as_secs_f64() * 1e6 / candidates.len() as f64);
        }
    }
    let by_hand = median(&figures[0][0]);
    for ((side, validator, candidates), [module, alone, native]) in ready.iter().zip(figures) {
        let name = &side.name;
        let fuel = validator.validate_alone(&candidates[0]).fuel.unwrap_or_default();
        let times = |theirs: f64| format!("{:.1} times native", median(&module) / theirs);
        let beside = format!("{}; {:.1} times `post`", times(median(&native)), median(&module) / by_hand);
        report.add_runs("lexicon", format!("{name}: one record in batches of {BATCH}"), module.clone(), "us", beside);
        report.add_runs("lexicon", format!("{name}: in a fresh instance"), alone, "us", "as where it is written");
        report.add_runs("lexicon", format!("{name}: natively"), native, "us", "decoding its bytes included, as there");
        let bound = validator.binding().fuel / 4;
        let share = format!("{:.2} % of what may be written", 100.0 * fuel as f64 / bound as f64);
        report.add("lexicon", format!("{name}: fuel"), fuel as f64, "units", share);
    }
    Ok(())
}
