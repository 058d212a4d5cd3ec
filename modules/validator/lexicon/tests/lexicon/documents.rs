//! The documents of the AT Protocol that define records, each with records of its own.

use std::path::Path;

use atlas_sdk::{Validator, Verdict, testing};

use crate::support::{TID, documents, judge_as, map, packed, value};

const AT: &str = "at://did:plc:abcdefghijklmnop/app.bsky.feed.post/3jzfcijpj2z2a";
const CID: &str = "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a";
const RAW: &str = "bafkreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a";

/// A type, a good key, a good body without `$type`, and changes that break it: the path of a
/// property with the value it gets (none: it goes), and what the reason starts with.
struct Sample {
    id: &'static str,
    key: &'static str,
    body: &'static str,
    broken: &'static [(&'static str, &'static str, &'static str)],
}

/// `%AT`, `%CID` and `%REF` stand for an AT URI, a CID and a strong reference; `%BLOB` for a picture.
fn expand(json: &str) -> String {
    let blob = format!(r#"{{"$type":"blob","ref":{{"$link":"{RAW}"}},"mimeType":"image/png","size":1000}}"#);
    let reference = format!(r#"{{"uri":"{AT}","cid":"{CID}"}}"#);
    json.replace("%REF", &reference).replace("%BLOB", &blob).replace("%AT", AT).replace("%CID", CID)
}

const SAMPLES: &[Sample] = &[
    Sample {
        id: "app.bsky.actor.contentVisibilityDeclaration",
        key: "self",
        body: r#"{"hideFromAlgorithmicRecommendations":true}"#,
        broken: &[
            ("hideFromAlgorithmicRecommendations", "", "missing-field"),
            ("hideFromAlgorithmicRecommendations", "1", "wrong-kind"),
        ],
    },
    Sample {
        id: "app.bsky.actor.profile",
        key: "self",
        body: r#"{"displayName":"Ada","description":"Counts.","website":"https://ada.example","avatar":%BLOB,
            "labels":{"$type":"com.atproto.label.defs#selfLabels","values":[{"val":"!no-unauthenticated"}]},
            "pinnedPost":%REF,"createdAt":"2026-01-01T00:00:00.000Z"}"#,
        broken: &[
            ("displayName", r#""0123456789012345678901234567890123456789012345678901234567890123456789""#, "too-long"),
            ("website", r#""ada.example""#, "wrong-format"),
            ("avatar/mimeType", r#""image/gif""#, "not-accepted"),
            ("avatar/size", "1000001", "too-large"),
            ("labels/$type", "", "missing-field"),
            ("labels/values/0/val", "", "missing-field"),
            ("pinnedPost/cid", r#""nonsense here""#, "wrong-format"),
            ("pinnedPost", r#""%AT""#, "wrong-kind"),
        ],
    },
    Sample {
        id: "app.bsky.actor.status",
        key: "self",
        body: r#"{"status":"app.bsky.actor.status#live","durationMinutes":90,"createdAt":"2026-01-01T00:00:00Z",
            "embed":{"$type":"app.bsky.embed.external","external":{"uri":"https://x.example","title":"t","description":""}}}"#,
        broken: &[
            ("durationMinutes", "0", "out-of-range"),
            ("embed/external/uri", r#""x.example""#, "wrong-format"),
            ("embed/external/title", "", "missing-field"),
        ],
    },
    Sample {
        id: "app.bsky.feed.generator",
        key: "whats-hot",
        body: r#"{"did":"did:web:feed.example","displayName":"Hot","acceptsInteractions":false,"avatar":%BLOB,
            "descriptionFacets":[{"index":{"byteStart":0,"byteEnd":3},"features":
            [{"$type":"app.bsky.richtext.facet#tag","tag":"hot"}]}],"createdAt":"2026-01-01T00:00:00Z"}"#,
        broken: &[
            ("did", r#""feed.example""#, "wrong-format"),
            ("displayName", r#""a name that is far too long for a feed""#, "too-long"),
            ("descriptionFacets/0/index/byteStart", "-1", "out-of-range"),
            ("descriptionFacets/0/features/0/tag", "7", "wrong-kind"),
            ("descriptionFacets/0/features/0/$type", "7", "wrong-kind"),
        ],
    },
    Sample {
        id: "app.bsky.feed.like",
        key: TID,
        body: r#"{"subject":%REF,"createdAt":"2026-01-01T00:00:00Z","via":%REF}"#,
        broken: &[
            ("subject", "", "missing-field"),
            ("subject/uri", r#""https://x.example""#, "wrong-format"),
            ("createdAt", r#""2026-01-01""#, "wrong-format"),
            ("createdAt", r#""2026-02-30T00:00:00Z""#, "wrong-format"),
        ],
    },
    Sample {
        id: "app.bsky.feed.post",
        key: TID,
        body: r#"{"text":"hello","langs":["en","pt-BR"],"tags":["rust"],"createdAt":"2026-01-01T00:00:00Z",
            "reply":{"root":%REF,"parent":%REF},
            "facets":[{"index":{"byteStart":0,"byteEnd":5},"features":[
                {"$type":"app.bsky.richtext.facet#mention","did":"did:plc:abc"},
                {"$type":"app.bsky.richtext.facet#link","uri":"https://x.example"},{"$type":"org.example.own","x":1}]}],
            "embed":{"$type":"app.bsky.embed.recordWithMedia","record":{"record":%REF},
                "media":{"$type":"app.bsky.embed.images","images":[{"image":%BLOB,"alt":"","aspectRatio":{"width":1,"height":2}}]}},
            "ownField":{"any":"thing"}}"#,
        broken: &[
            ("text", "5", "wrong-kind"),
            ("text", "", "missing-field"),
            ("text", "null", "wrong-kind"),
            ("langs", r#"["en","de","fr","it"]"#, "too-many"),
            ("langs/0", r#""English""#, "wrong-format"),
            ("tags/0", r#""""#, ""),
            ("reply/parent", "", "missing-field"),
            ("reply/root/uri", r#""at://x""#, "wrong-format"),
            ("facets/0/features/0/did", r#""abc""#, "wrong-format"),
            ("facets/0/index", "", "missing-field"),
            ("embed/media/images/0/alt", "", "missing-field"),
            ("embed/media/images/0/aspectRatio/width", "0", "out-of-range"),
            ("embed/media/images/0/image/mimeType", r#""text/html""#, "not-accepted"),
            ("embed/media/images", "[]", ""),
            ("embed/record/record/cid", "", "missing-field"),
            ("embed/$type", "", "missing-field"),
            ("ownField/any", "1.5", "wrong-kind"),
        ],
    },
    Sample {
        id: "app.bsky.feed.postgate",
        key: TID,
        body: r#"{"post":"%AT","detachedEmbeddingUris":["%AT"],"embeddingRules":[{"$type":"app.bsky.feed.postgate#disableRule"}],
            "createdAt":"2026-01-01T00:00:00Z"}"#,
        broken: &[
            ("post", r#""%CID""#, "wrong-format"),
            ("detachedEmbeddingUris/0", "1", "wrong-kind"),
            ("embeddingRules/0", r#""rule""#, "wrong-kind"),
            ("embeddingRules", "[{},{},{},{},{},{}]", "too-many"),
        ],
    },
    Sample {
        id: "app.bsky.feed.repost",
        key: TID,
        body: r#"{"subject":%REF,"createdAt":"2026-01-01T00:00:00Z"}"#,
        broken: &[("subject/cid", "", "missing-field"), ("createdAt", "0", "wrong-kind")],
    },
    Sample {
        id: "app.bsky.feed.threadgate",
        key: TID,
        body: r#"{"post":"%AT","allow":[{"$type":"app.bsky.feed.threadgate#mentionRule"},
            {"$type":"app.bsky.feed.threadgate#listRule","list":"%AT"}],"createdAt":"2026-01-01T00:00:00Z"}"#,
        broken: &[
            ("allow/1/list", "", "missing-field"),
            ("allow/1/list", r#""x""#, "wrong-format"),
            ("post", "", "missing-field"),
        ],
    },
    Sample {
        id: "app.bsky.graph.block",
        key: TID,
        body: r#"{"subject":"did:plc:abc","createdAt":"2026-01-01T00:00:00Z"}"#,
        broken: &[("subject", r#""alice.example.com""#, "wrong-format")],
    },
    Sample {
        id: "app.bsky.graph.follow",
        key: TID,
        body: r#"{"subject":"did:plc:abc","createdAt":"2026-01-01T00:00:00+01:00"}"#,
        broken: &[("subject", "", "missing-field"), ("createdAt", r#""2026-01-01T00:00:00-00:00""#, "wrong-format")],
    },
    Sample {
        id: "app.bsky.graph.list",
        key: TID,
        body: r#"{"purpose":"app.bsky.graph.defs#curatelist","name":"Rustaceans","createdAt":"2026-01-01T00:00:00Z"}"#,
        broken: &[("name", r#""""#, "too-short"), ("purpose", "[]", "wrong-kind")],
    },
    Sample {
        id: "app.bsky.graph.listblock",
        key: TID,
        body: r#"{"subject":"%AT","createdAt":"2026-01-01T00:00:00Z"}"#,
        broken: &[("subject", r#""did:plc:abc""#, "wrong-format")],
    },
    Sample {
        id: "app.bsky.graph.listitem",
        key: TID,
        body: r#"{"subject":"did:plc:abc","list":"%AT","createdAt":"2026-01-01T00:00:00Z"}"#,
        broken: &[("list", "", "missing-field"), ("subject", r#""%AT""#, "wrong-format")],
    },
    Sample {
        id: "app.bsky.graph.starterpack",
        key: TID,
        body: r#"{"name":"Start here","list":"%AT","feeds":[{"uri":"%AT"}],"createdAt":"2026-01-01T00:00:00Z"}"#,
        broken: &[
            ("feeds", r#"[{"uri":"%AT"},{"uri":"%AT"},{"uri":"%AT"},{"uri":"%AT"}]"#, "too-many"),
            ("feeds/0/uri", "", "missing-field"),
        ],
    },
    Sample {
        id: "app.bsky.graph.verification",
        key: TID,
        body: r#"{"subject":"did:plc:abc","handle":"alice.example.com","displayName":"Alice","createdAt":"2026-01-01T00:00:00Z"}"#,
        broken: &[("handle", r#""alice""#, "wrong-format"), ("displayName", "", "missing-field")],
    },
    Sample {
        id: "app.bsky.labeler.service",
        key: "self",
        body: r#"{"policies":{"labelValues":["spam"],"labelValueDefinitions":[{"identifier":"spam","severity":"inform","blurs":"none",
            "locales":[{"lang":"en","name":"Spam","description":"Unwanted."}]}]},"reasonTypes":["com.atproto.moderation.defs#reasonSpam"],
            "subjectTypes":["account"],"subjectCollections":["app.bsky.feed.post"],"createdAt":"2026-01-01T00:00:00Z"}"#,
        broken: &[
            ("policies/labelValueDefinitions/0/locales/0/lang", r#""x_y""#, "wrong-format"),
            ("policies/labelValues", "", "missing-field"),
            ("subjectCollections/0", r#""post""#, "wrong-format"),
        ],
    },
    Sample {
        id: "app.bsky.notification.declaration",
        key: "self",
        body: r#"{"allowSubscriptions":"followers"}"#,
        broken: &[("allowSubscriptions", "true", "wrong-kind"), ("allowSubscriptions", "", "missing-field")],
    },
    Sample {
        id: "chat.bsky.actor.declaration",
        key: "self",
        body: r#"{"allowIncoming":"all"}"#,
        broken: &[("allowIncoming", "", "missing-field"), ("allowIncoming", "{}", "wrong-kind")],
    },
    Sample {
        id: "com.atproto.lexicon.schema",
        key: "com.example.thing",
        body: r#"{"lexicon":1,"id":"com.example.thing","defs":{"main":{"type":"query"}}}"#,
        broken: &[("lexicon", r#""1""#, "wrong-kind"), ("lexicon", "", "missing-field")],
    },
    Sample {
        id: "com.germnetwork.declaration",
        key: "self",
        body: r#"{"version":"1.0.0","currentKey":{"$bytes":"AQIDBA"},"messageMe":{"showButtonTo":"none","messageMeUrl":"https://x.example"},
            "continuityProofs":[{"$bytes":"AQ"}]}"#,
        broken: &[
            ("version", r#""1""#, "too-short"),
            ("currentKey", r#""AQIDBA""#, "wrong-kind"),
            ("messageMe/messageMeUrl", r#""""#, "too-short"),
            ("continuityProofs/0", "1", "wrong-kind"),
        ],
    },
    Sample {
        id: "site.standard.document",
        key: TID,
        body: r#"{"site":"https://x.example","title":"On time","publishedAt":"2026-01-01T00:00:00Z","tags":["a","b"],
            "coverImage":%BLOB,"content":{"$type":"org.example.markdown","text":"x"},"contributors":[{"did":"did:plc:abc"}],"bskyPostRef":%REF}"#,
        broken: &[
            ("content/$type", "", "missing-field"),
            ("contributors/0/did", "", "missing-field"),
            ("site", r#""x.example""#, "wrong-format"),
            ("coverImage/mimeType", r#""video/mp4""#, "not-accepted"),
        ],
    },
    Sample {
        id: "site.standard.graph.recommend",
        key: TID,
        body: r#"{"document":"%AT","createdAt":"2026-01-01T00:00:00Z"}"#,
        broken: &[("document", r#""x""#, "wrong-format")],
    },
    Sample {
        id: "site.standard.graph.subscription",
        key: TID,
        body: r#"{"publication":"%AT"}"#,
        broken: &[("publication", "", "missing-field"), ("createdAt", r#""now""#, "wrong-format")],
    },
    Sample {
        id: "site.standard.publication",
        key: TID,
        body: r#"{"url":"https://x.example","name":"X","preferences":{"showInDiscover":false},"basicTheme":{"$type":"site.standard.theme.basic",
            "background":{"$type":"site.standard.theme.color#rgb","r":0,"g":0,"b":0},"foreground":{"$type":"site.standard.theme.color#rgb","r":255,"g":0,"b":0},
            "accent":{"$type":"site.standard.theme.color#rgb","r":1,"g":1,"b":1},"accentForeground":{"$type":"site.standard.theme.color#rgb","r":1,"g":1,"b":1}}}"#,
        broken: &[
            ("basicTheme/background/r", "256", "out-of-range"),
            ("basicTheme/$type", r#""x.y.z""#, "wrong-type"),
            ("basicTheme/accent", "", "missing-field"),
            ("preferences/showInDiscover", "1", "wrong-kind"),
        ],
    },
    Sample {
        id: "site.standard.theme.basic",
        key: TID,
        body: r#"{"background":{"$type":"site.standard.theme.color#rgb","r":0,"g":0,"b":0},"foreground":{"$type":"site.standard.theme.color#rgb","r":255,"g":0,"b":0},
            "accent":{"$type":"site.standard.theme.color#rgb","r":1,"g":1,"b":1},"accentForeground":{"$type":"site.standard.theme.color#rgb","r":1,"g":1,"b":1}}"#,
        broken: &[
            ("accent/g", "", "missing-field"),
            ("accent/b", "-1", "out-of-range"),
            ("accent", "[]", "wrong-kind"),
        ],
    },
];

/// The value with another under a path of keys and positions; an empty one takes it out.
fn change(at: &mut atlas_sdk::Value, path: &str, json: &str) {
    let (first, rest) = path.split_once('/').map_or((path, None), |(first, rest)| (first, Some(rest)));
    match (at, rest) {
        (atlas_sdk::Value::Map(map), None) if json.is_empty() => drop(map.remove(first)),
        (atlas_sdk::Value::Map(map), None) => drop(map.insert(first, value(&expand(json)))),
        (atlas_sdk::Value::Map(map), Some(rest)) => {
            let mut inner = map.remove(first).unwrap_or_else(|| panic!("there is no `{first}`"));
            change(&mut inner, rest, json);
            map.insert(first, inner);
        }
        (atlas_sdk::Value::List(list), None) => list[first.parse::<usize>().unwrap()] = value(&expand(json)),
        (atlas_sdk::Value::List(list), Some(rest)) => change(&mut list[first.parse::<usize>().unwrap()], rest, json),
        (other, _) => panic!("`{path}` is not in {other:?}"),
    }
}

fn path_of(id: &str) -> String {
    id.replace('.', "/") + ".json"
}

/// Every document of a folder that defines a record.
fn records(root: &Path) -> Vec<String> {
    let (mut found, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let document = value(&std::fs::read_to_string(&path).unwrap());
            let get = |at: &atlas_sdk::Value, key| at.as_map().and_then(|map| map.get(key)).cloned();
            let main = get(&document, "defs").and_then(|defs| get(&defs, "main"));
            if main.and_then(|main| get(&main, "type")) == Some("record".into()) {
                found.push(get(&document, "id").unwrap().as_text().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_record_of_the_at_protocol_is_a_type() {
    let Some(root) = documents() else { return };
    let ids = records(&root);
    assert_eq!(ids, SAMPLES.iter().map(|sample| sample.id).collect::<Vec<_>>(), "each has a sample");
    for id in ids {
        let (lexicon, _) = packed(&root, &path_of(&id)).unwrap_or_else(|error| panic!("{id}: {error}"));
        let rules = lexicon.rules();
        testing::check_rules(&rules);
        assert!(rules.schema.len() < 256 << 10, "{id}: {} bytes of schema", rules.schema.len());
        let schema: serde_json::Value = serde_json::from_str(&rules.schema).unwrap();
        assert_eq!(schema["title"], id.as_str());
        assert_eq!(schema["properties"]["$type"]["const"], id.as_str());
    }
}

#[test]
fn records_are_judged_as_a_server_of_the_at_protocol_judges_them() {
    let Some(root) = documents() else { return };
    for Sample { id, key, body, broken } in SAMPLES {
        let (lexicon, _) = packed(&root, &path_of(id)).unwrap();
        let mut body = map(&expand(body));
        body.insert("$type", (*id).into());
        let verdict = judge_as(&lexicon, id, Some(key), body.clone());
        assert!(verdict.is_valid(), "{id}: {verdict:?}");
        for (path, json, code) in *broken {
            let mut changed = atlas_sdk::Value::Map(body.clone());
            change(&mut changed, path, json);
            let atlas_sdk::Value::Map(changed) = changed else { unreachable!("a map stays a map") };
            match judge_as(&lexicon, id, Some(key), changed) {
                Verdict::Invalid(reason) => {
                    assert_eq!(reason.code, *code, "{id} with {path} = {json}: {reason}");
                    let place = format!("/{path}");
                    let (place, told) = (place.as_str(), reason.text.split(": ").next().unwrap());
                    assert!(place.starts_with(told) || told.starts_with(place), "{id} with {path} = {json}: {reason}");
                }
                verdict => assert_eq!(*code, "", "{id} with {path} = {json}: {verdict:?}"),
            }
        }
        assert_eq!(judge_as(&lexicon, id, Some("a/b"), body.clone()).code(), Some("wrong-key"), "{id}");
        body.insert("$type", "app.bsky.feed.other".into());
        assert_eq!(judge_as(&lexicon, id, Some(key), body).code(), Some("wrong-type"), "{id}");
    }
}

#[test]
fn the_same_files_make_the_same_binding() {
    let Some(root) = documents() else { return };
    let path = path_of("app.bsky.feed.post");
    let (first, second) = (packed(&root, &path).unwrap().1, packed(&root, &path).unwrap().1);
    assert_eq!(first, second);
    assert_eq!(
        atlas_sdk::bundle::Bundle::decode(&first).unwrap().documents().len(),
        11,
        "what is within reach, no more"
    );
}
