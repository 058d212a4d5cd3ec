//! Every kind of question, each in three forms: for the node in this process, for its API, and
//! as a statement for SQLite.

use std::time::Duration;

use atlas_node::query::expand::{self, Path};
use atlas_node::query::{Order, Query};
use atlas_record::Address;
use atlas_record::json::Fields;
use atlas_tests::Dice;

use super::material::Material;
use crate::Failure;

/// Records of an answer.
pub const LIMIT: usize = 50;

/// A question.
pub struct Question {
    /// For the node.
    pub local: Local,
    /// For the API.
    pub path: String,
    /// For SQLite.
    pub statement: Statement,
}

/// A question as the node takes it.
pub enum Local {
    /// For records: the whole of them, or some fields, and what they link to.
    Records {
        /// The conditions.
        query: Box<Query>,
        /// What of their bodies.
        fields: Option<Fields>,
        /// What comes along.
        expand: Vec<Path>,
    },
    /// Only how many.
    Count(Box<Query>),
    /// How many under each value.
    Group(Box<Query>, &'static str),
    /// What stands at an address.
    Address(Address),
    /// Everything written there.
    History(Address),
}

/// A value in a statement.
#[derive(Debug, Clone)]
pub enum Param {
    /// Text.
    Text(String),
    /// An integer.
    Integer(i64),
}

impl From<&str> for Param {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Param {
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}

/// A question in SQL. `sqlite` says what the tables are.
#[derive(Debug, Clone)]
pub struct Statement {
    /// What it selects from and under which conditions, behind `SELECT columns`.
    pub from: &'static str,
    /// What is selected.
    pub shape: Shape,
    /// Values for `?1`, `?2`, …
    pub params: Vec<Param>,
    /// A second statement, for what comes along.
    pub along: Option<&'static str>,
}

/// What a statement selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Records, whole.
    Records,
    /// Records with two fields of the body.
    Fields,
    /// One number.
    Count,
    /// Values and numbers.
    Groups,
}

/// A kind of question.
pub struct Kind {
    /// What is asked.
    pub name: &'static str,
    /// Whether the aim for queries by index is meant.
    pub by_index: bool,
}

const fn kind(name: &'static str) -> Kind {
    Kind { name, by_index: true }
}

const fn other(name: &'static str) -> Kind {
    Kind { name, by_index: false }
}

/// All kinds. Those by index answer with up to 50 records from one index, or with one.
pub const KINDS: [Kind; 29] = [
    kind("type"),
    kind("author"),
    kind("link depends="),
    kind("link, any relation"),
    kind("index name="),
    kind("index maintainer="),
    kind("index section="),
    kind("index size range"),
    kind("time range"),
    kind("state="),
    kind("address"),
    kind("history"),
    kind("two fields of maintainer="),
    other("author and section"),
    other("expand depends"),
    other("expand ~depends"),
    other("text, rare word"),
    other("text, common word"),
    other("text, two words"),
    other("text, four words"),
    other("text, phrase"),
    other("text, beginning"),
    other("text, common word, newest"),
    other("count type"),
    other("count section="),
    other("count depends="),
    other("group section"),
    other("group maintainer"),
    other("group priority of maintainer="),
];

/// Conditions on the index of a type.
const ENTRY: &str = "FROM entries e JOIN records r ON r.n = e.n WHERE e.name = ?1 AND e.value = ?2 \
                     ORDER BY e.created DESC, e.n DESC LIMIT 50";
const TEXT: &str =
    "FROM words JOIN records r ON r.n = words.rowid WHERE words MATCH ?1 AND r.type = 1 ORDER BY rank LIMIT 50";

fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn statement(from: &'static str, params: Vec<Param>) -> Statement {
    Statement { from, shape: Shape::Records, params, along: None }
}

impl Material {
    /// A question of a kind.
    pub fn question(&self, kind: &str, dice: &mut Dice) -> Result<Question, Failure> {
        if matches!(kind, "address" | "history") {
            return Ok(self.one(kind, dice));
        }
        let mut query = Query {
            type_name: Some(if kind == "state=" { "atlas.task" } else { "atlas.package" }.parse()?),
            limit: LIMIT,
            budget: Duration::from_secs(10),
            ..Query::new(self.space.clone())
        };
        let mut also = String::new();
        let (mut fields, mut expand) = (None, Vec::new());
        let pick = |from: &[String], dice: &mut Dice| from[dice.below(from.len())].clone();
        // The part of the kind's name that says which index.
        let index = kind.rsplit(' ').next().and_then(|last| last.strip_suffix('='));
        let by_index = |query: &mut Query, also: &mut String, dice: &mut Dice| -> Result<Vec<Param>, Failure> {
            let name = index.ok_or("the kind names its index")?;
            let value = match name {
                "name" => pick(&self.names, dice),
                "maintainer" => pick(&self.maintainers, dice),
                _ => pick(&self.sections, dice),
            };
            let text = format!("{name}=={value}");
            query.index = Some(text.parse()?);
            also.push_str(&format!("&index={}", escape(&text)));
            Ok(vec![name.into(), value.as_str().into()])
        };
        let statement = match kind {
            "type" | "count type" => match kind {
                "type" => statement(
                    "FROM records r WHERE r.type = 1 AND r.visible ORDER BY r.created DESC, r.n DESC LIMIT 50",
                    vec![],
                ),
                _ => statement("FROM records r WHERE r.type = 1 AND r.visible", vec![]),
            },
            "author" | "author and section" => {
                let author = self.authors[dice.below(self.authors.len())];
                query.author = Some(author);
                also.push_str(&format!("&author={author}"));
                let cid = Param::Text(author.to_string());
                if kind == "author" {
                    statement(
                        "FROM records r WHERE r.author = (SELECT a.n FROM authors a WHERE a.id = ?1) AND r.type = 1 \
                         AND r.visible ORDER BY r.created DESC, r.n DESC LIMIT 50",
                        vec![cid],
                    )
                } else {
                    let section = pick(&self.sections, dice);
                    let text = format!("section=={section}");
                    query.index = Some(text.parse()?);
                    also.push_str(&format!("&index={}", escape(&text)));
                    statement(
                        "FROM entries e JOIN records r ON r.n = e.n WHERE e.name = 'section' AND e.value = ?1 \
                         AND r.author = (SELECT a.n FROM authors a WHERE a.id = ?2) \
                         ORDER BY e.created DESC, e.n DESC LIMIT 50",
                        vec![section.as_str().into(), cid],
                    )
                }
            }
            "link depends=" | "link, any relation" | "count depends=" => {
                let target = pick(&self.targets, dice);
                let relation = if kind == "link, any relation" { "" } else { "depends" };
                let text = format!("{relation}={target}");
                query.link = Some(text.parse()?);
                also.push_str(&format!("&link={}", escape(&text)));
                let from = match kind {
                    "link depends=" => {
                        "FROM links l JOIN records r ON r.n = l.n WHERE l.target = ?1 AND l.relation = 'depends' \
                         ORDER BY l.created DESC, l.n DESC LIMIT 50"
                    }
                    "count depends=" => "FROM links l WHERE l.target = ?1 AND l.relation = 'depends'",
                    _ => {
                        "FROM records r WHERE r.n IN (SELECT l.n FROM links l WHERE l.target = ?1) \
                         ORDER BY r.created DESC, r.n DESC LIMIT 50"
                    }
                };
                statement(from, vec![target.as_str().into()])
            }
            "index name=" | "index maintainer=" | "index section=" => {
                statement(ENTRY, by_index(&mut query, &mut also, dice)?)
            }
            "two fields of maintainer=" => {
                fields = Some("name,version".parse()?);
                also.push_str("&fields=name,version");
                Statement { shape: Shape::Fields, ..statement(ENTRY, by_index(&mut query, &mut also, dice)?) }
            }
            "count section=" => {
                statement("FROM entries e WHERE e.name = ?1 AND e.value = ?2", by_index(&mut query, &mut also, dice)?)
            }
            "group priority of maintainer=" => Statement {
                shape: Shape::Groups,
                ..statement(
                    "json_extract(r.body, '$.priority') v, count(*) FROM entries e JOIN records r ON r.n = e.n \
                     WHERE e.name = ?1 AND e.value = ?2 GROUP BY v ORDER BY v LIMIT 1000",
                    by_index(&mut query, &mut also, dice)?,
                )
            },
            "group section" | "group maintainer" => {
                let name = &kind["group ".len()..];
                Statement {
                    shape: Shape::Groups,
                    ..statement(
                        "e.value, count(*) FROM entries e WHERE e.name = ?1 GROUP BY e.value ORDER BY e.value LIMIT 1000",
                        vec![name.into()],
                    )
                }
            }
            "index size range" => {
                let size = self.sizes[dice.below(self.sizes.len())];
                query.index = Some(format!("size={size}..").parse()?);
                query.order = Some(Order::Oldest);
                also.push_str(&format!("&index=size%3D{size}..&order=oldest"));
                statement(
                    "FROM entries e JOIN records r ON r.n = e.n WHERE e.name = 'size' AND e.value >= ?1 \
                     ORDER BY e.value, e.created, e.n LIMIT 50",
                    vec![size.into()],
                )
            }
            "time range" => {
                let [a, b] = [0; 2].map(|_| self.times[dice.below(self.times.len())]);
                let (since, until) = (a.min(b), a.max(b) + 1);
                (query.since, query.until) = (Some(since), Some(until));
                also.push_str(&format!("&since={since}&until={until}"));
                statement(
                    "FROM records r WHERE r.type = 1 AND r.visible AND r.created >= ?1 AND r.created < ?2 \
                     ORDER BY r.created DESC, r.n DESC LIMIT 50",
                    vec![since.cast_signed().into(), until.cast_signed().into()],
                )
            }
            "state=" => {
                let state = ["open", "doing", "done"][dice.below(3)];
                query.state = Some(state.to_owned());
                also.push_str(&format!("&state={state}"));
                statement(
                    "FROM entries e JOIN records r ON r.n = e.n WHERE e.name = 'state' AND e.value = ?1 AND r.type = 2 \
                     AND NOT EXISTS (SELECT 1 FROM links f WHERE f.target = r.id AND f.relation = 'follows') \
                     ORDER BY e.created DESC, e.n DESC LIMIT 50",
                    vec![state.into()],
                )
            }
            "expand depends" | "expand ~depends" => {
                let name = pick(&self.names, dice);
                let text = format!("name=={name}");
                query.index = Some(text.parse()?);
                let path = &kind["expand ".len()..];
                expand = expand::paths(path)?;
                also.push_str(&format!("&index={}&expand={}", escape(&text), escape(path)));
                let along = match path {
                    "depends" => {
                        "FROM entries e JOIN links_of o ON o.n = e.n AND o.relation = 'depends' \
                         JOIN entries t ON t.name = 'name' AND t.value = substr(o.target, 6) \
                         JOIN records r ON r.n = t.n WHERE e.name = ?1 AND e.value = ?2 LIMIT 1000"
                    }
                    _ => {
                        "FROM links l JOIN records r ON r.n = l.n WHERE l.target = 'name:' || ?2 \
                         AND l.relation = 'depends' AND ?1 = 'name' ORDER BY l.created DESC, l.n DESC LIMIT 100"
                    }
                };
                Statement { along: Some(along), ..statement(ENTRY, vec!["name".into(), name.as_str().into()]) }
            }
            _ => {
                let (text, matching) = self.words(kind, dice)?;
                query.text = Some(text.parse()?);
                also.push_str(&format!("&text={}", escape(&text)));
                let newest = kind.ends_with("newest");
                if newest {
                    query.order = Some(Order::Newest);
                    also.push_str("&order=newest");
                }
                let from = match newest {
                    true => {
                        "FROM words JOIN records r ON r.n = words.rowid WHERE words MATCH ?1 AND r.type = 1 \
                         ORDER BY r.created DESC, r.n DESC LIMIT 50"
                    }
                    false => TEXT,
                };
                statement(from, vec![matching.as_str().into()])
            }
        };
        let type_name = query.type_name.clone().ok_or("every question has a type")?;
        let path = format!("/v1/query?limit={LIMIT}&budget=10000&space={}&type={type_name}{also}", self.space.id);
        let query = Box::new(query);
        Ok(match kind.split(' ').next() {
            Some("count") => Question {
                local: Local::Count(query),
                path: path + "&count=true",
                statement: Statement { shape: Shape::Count, ..statement },
            },
            Some("group") => {
                let field = match kind {
                    "group section" => "section",
                    "group maintainer" => "maintainer",
                    _ => "priority",
                };
                Question { local: Local::Group(query, field), path: format!("{path}&group={field}"), statement }
            }
            _ => Question { local: Local::Records { query, fields, expand }, path, statement },
        })
    }

    fn one(&self, kind: &str, dice: &mut Dice) -> Question {
        let address = self.addresses[dice.below(self.addresses.len())].clone();
        let text = escape(&address.to_string());
        let params = vec![Param::Text(address.author.to_string()), Param::Text(address.key.to_string())];
        match kind {
            "address" => Question {
                local: Local::Address(address),
                path: format!("/v1/records?ref={text}"),
                statement: statement(
                    "FROM records r WHERE r.author = (SELECT a.n FROM authors a WHERE a.id = ?1) AND r.type = 1 \
                     AND r.key = ?2 AND r.visible ORDER BY r.created DESC LIMIT 1",
                    params,
                ),
            },
            _ => Question {
                local: Local::History(address),
                path: format!("/v1/history?address={text}"),
                statement: statement(
                    "FROM records r WHERE r.author = (SELECT a.n FROM authors a WHERE a.id = ?1) AND r.type = 1 \
                     AND r.key = ?2 ORDER BY r.created DESC",
                    params,
                ),
            },
        }
    }

    /// Words as the node takes them, and as FTS5 does.
    fn words(&self, kind: &str, dice: &mut Dice) -> Result<(String, String), Failure> {
        let quoted = |words: &[String]| words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" ");
        let summary = &self.summaries[dice.below(self.summaries.len())];
        Ok(match kind {
            "text, rare word" => {
                let word = &self.rare[dice.below(self.rare.len())];
                (word.clone(), quoted(std::slice::from_ref(word)))
            }
            "text, common word" | "text, common word, newest" => {
                let word = &self.common[dice.below(self.common.len())];
                (word.clone(), quoted(std::slice::from_ref(word)))
            }
            "text, two words" => (summary[1..3].join(" "), quoted(&summary[1..3])),
            "text, four words" => (summary[..4].join(" "), quoted(&summary[..4])),
            "text, phrase" => {
                let phrase = format!("\"{}\"", summary[1..3].join(" "));
                (phrase.clone(), phrase)
            }
            "text, beginning" => {
                let word = &self.rare[dice.below(self.rare.len())];
                let beginning: String = word.chars().take(4).collect();
                (format!("{beginning}*"), format!("\"{beginning}\" *"))
            }
            other => return Err(format!("no such kind: {other}").into()),
        })
    }
}
