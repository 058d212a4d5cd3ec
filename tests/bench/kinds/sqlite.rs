//! The same records in SQLite, as an application would keep them there: a row for each record,
//! tables of links and index entries, FTS5 for words.
//!
//! SQLite gets its best form of everything: ids, links, entries and bodies lie there as the
//! text that an answer shows, so that nothing has to be converted, and every statement is
//! prepared once. `README.md` says which settings.

use std::path::Path;

use atlas_node::Node;
use atlas_record::Value;
use atlas_record::json::BodyJson;
use atlas_store::{IndexValue, StoredRecord};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params, params_from_iter};
use serde::Serialize;

use super::question::{Param, Question, Shape};
use crate::Failure;

/// Bytes of pages that SQLite may hold: what the node's block cache has on the same machine, in KiB.
const CACHE_KIB: i64 = 32 * 1024;
/// Records that are read from the node at once.
const PAGE: u64 = 1024;

/// What is filled in any order, and sorted into the tables that are asked.
const STAGING: &str = "
CREATE TABLE records (
    n INTEGER PRIMARY KEY, id TEXT NOT NULL, type INTEGER NOT NULL, author INTEGER NOT NULL, key TEXT,
    created INTEGER NOT NULL, visible INTEGER NOT NULL, signer TEXT NOT NULL, seq INTEGER NOT NULL, prev TEXT,
    constitution TEXT NOT NULL, links TEXT NOT NULL, entries TEXT NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE TABLE authors (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE all_links (target TEXT, relation TEXT, created INTEGER, n INTEGER);
CREATE TABLE all_entries (name TEXT, value ANY, created INTEGER, n INTEGER) STRICT;
CREATE VIRTUAL TABLE words USING fts5(
    name, summary, description, content = '', tokenize = 'unicode61 remove_diacritics 2'
);
";

const TABLES: &str = "
CREATE TABLE links (
    target TEXT NOT NULL, relation TEXT NOT NULL, created INTEGER NOT NULL, n INTEGER NOT NULL,
    PRIMARY KEY (target, relation, created, n)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO links SELECT * FROM all_links ORDER BY 1, 2, 3, 4;
CREATE TABLE links_of (
    n INTEGER NOT NULL, relation TEXT NOT NULL, target TEXT NOT NULL, PRIMARY KEY (n, relation, target)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO links_of SELECT n, relation, target FROM all_links ORDER BY 1, 2, 3;
CREATE TABLE entries (
    name TEXT NOT NULL, value ANY NOT NULL, created INTEGER NOT NULL, n INTEGER NOT NULL,
    PRIMARY KEY (name, value, created, n)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO entries SELECT * FROM all_entries ORDER BY 1, 2, 3, 4;
DROP TABLE all_links;
DROP TABLE all_entries;
CREATE UNIQUE INDEX by_id ON records (id);
CREATE INDEX by_type ON records (type, created, n) WHERE visible;
CREATE INDEX by_author ON records (author, type, created, n) WHERE visible;
CREATE INDEX by_address ON records (author, type, key, created);
INSERT INTO words (words) VALUES ('optimize');
INSERT INTO words (words, rank) VALUES ('rank', 'bm25(3.0, 2.0, 1.0)');
ANALYZE;
";

const COLUMNS: &str = "r.id, r.type, r.author, r.key, r.created, r.visible, r.signer, r.seq, r.prev, r.constitution, \
                       r.links, r.entries, r.body ";

/// The records in SQLite.
pub struct Sqlite {
    connection: Connection,
    /// What every answer says: the space, and authors by number.
    space: String,
    authors: Vec<String>,
}

/// A row, with everything that an answer shows.
pub struct Row {
    id: String,
    type_number: i64,
    author: i64,
    key: Option<String>,
    created: i64,
    visible: bool,
    signer: String,
    seq: i64,
    prev: Option<String>,
    constitution: String,
    links: String,
    entries: String,
    body: String,
}

/// An answer.
#[derive(Default)]
pub struct Answer {
    /// Records, and those that came along.
    pub rows: Vec<Row>,
    /// Parts of bodies, as JSON.
    pub fields: Vec<(String, String)>,
    /// Values and how many records have them.
    pub groups: Vec<(Sql, i64)>,
}

fn type_number(name: &str) -> i64 {
    ["atlas.package", "atlas.task"].iter().position(|known| *known == name).map_or(0, |at| at as i64 + 1)
}

impl Sqlite {
    /// Opens the file, and fills it with the node's records where there is none.
    pub fn open(node: &Node, path: &Path) -> Result<Self, Failure> {
        // `world.done` is the world's own.
        let done = path.with_extension("filled");
        if !done.exists() {
            let _ = std::fs::remove_file(path);
            fill(node, path)?;
            std::fs::write(done, "")?;
        }
        let connection = Connection::open(path)?;
        connection.execute_batch(&format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -{CACHE_KIB}; \
             PRAGMA temp_store = MEMORY;"
        ))?;
        connection.set_prepared_statement_cache_capacity(256);
        let authors = {
            let mut statement = connection.prepare("SELECT id FROM authors ORDER BY n")?;
            statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?
        };
        Ok(Self { connection, space: node.spaces().resolve(None)?.id.to_string(), authors })
    }

    /// Bytes of the file.
    pub fn bytes(path: &Path) -> u64 {
        std::fs::metadata(path).map_or(0, |meta| meta.len())
    }

    /// Answers a question: rows in memory.
    pub fn ask(&self, question: &Question) -> Result<Answer, Failure> {
        let statement = &question.statement;
        let mut answer = Answer::default();
        self.select(statement.shape, statement.from, &statement.params, &mut answer)?;
        if let Some(along) = statement.along {
            self.select(Shape::Records, along, &statement.params, &mut answer)?;
        }
        Ok(answer)
    }

    fn select(&self, shape: Shape, from: &str, params: &[Param], answer: &mut Answer) -> Result<(), Failure> {
        let columns = match shape {
            Shape::Records => COLUMNS,
            Shape::Fields => {
                "r.id, json_object('name', json_extract(r.body, '$.name'), 'version', json_extract(r.body, '$.version')) "
            }
            Shape::Count => "'', count(*) ",
            Shape::Groups => "",
        };
        let mut statement = self.connection.prepare_cached(&["SELECT ", columns, from].concat())?;
        let params = params.iter().map(|param| match param {
            Param::Text(text) => Sql::Text(text.clone()),
            Param::Integer(integer) => Sql::Integer(*integer),
        });
        let mut rows = statement.query(params_from_iter(params))?;
        while let Some(row) = rows.next()? {
            match shape {
                Shape::Records => answer.rows.push(Row {
                    id: row.get(0)?,
                    type_number: row.get(1)?,
                    author: row.get(2)?,
                    key: row.get(3)?,
                    created: row.get(4)?,
                    visible: row.get(5)?,
                    signer: row.get(6)?,
                    seq: row.get(7)?,
                    prev: row.get(8)?,
                    constitution: row.get(9)?,
                    links: row.get(10)?,
                    entries: row.get(11)?,
                    body: row.get(12)?,
                }),
                Shape::Fields => answer.fields.push((row.get(0)?, row.get(1)?)),
                Shape::Count | Shape::Groups => answer.groups.push((row.get(0)?, row.get(1)?)),
            }
        }
        Ok(())
    }

    /// The answer as the API would give it.
    pub fn json(&self, answer: &Answer) -> Vec<u8> {
        let mut out = Vec::with_capacity(256 + answer.rows.len() * 3072);
        out.extend_from_slice(b"{\"records\":[");
        for (i, row) in answer.rows.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            self.write(row, &mut out);
        }
        for (id, fields) in &answer.fields {
            out.extend_from_slice(format!("{{\"id\":\"{id}\",\"body\":{fields}}},").as_bytes());
        }
        for (value, count) in &answer.groups {
            let value = match value {
                Sql::Text(text) => serde_json::to_string(text).unwrap_or_default(),
                Sql::Integer(integer) => integer.to_string(),
                _ => "null".to_owned(),
            };
            out.extend_from_slice(format!("{{\"value\":{value},\"count\":{count}}},").as_bytes());
        }
        out.extend_from_slice(b"]}");
        out
    }

    fn write(&self, row: &Row, out: &mut Vec<u8>) {
        use std::io::Write;
        let name = if row.type_number == 1 { "atlas.package" } else { "atlas.task" };
        let (space, author) = (&self.space, &self.authors[row.author as usize - 1]);
        let status = if row.visible { "visible" } else { "superseded" };
        let written = (|| {
            write!(out, "{{\"id\":\"{}\",", row.id)?;
            if let Some(key) = &row.key {
                write!(out, "\"address\":\"atlas://{space}/{author}/{name}/{key}\",\"key\":\"{key}\",")?;
            }
            write!(
                out,
                "\"space\":\"{space}\",\"type\":\"{name}\",\"author\":\"{author}\",\"created\":{},\"op\":\"put\",\
                 \"status\":\"{status}\",\"links\":{},\"signed\":{{\"key\":\"{}\",\"seq\":{},",
                row.created, row.links, row.signer, row.seq
            )?;
            if let Some(prev) = &row.prev {
                write!(out, "\"prev\":\"{prev}\",")?;
            }
            write!(out, "\"constitution\":\"{}\"}},\"index\":{},\"body\":{}}}", row.constitution, row.entries, row.body)
        })();
        written.expect("memory can be written to");
    }
}

fn fill(node: &Node, path: &Path) -> Result<(), Failure> {
    let mut connection = Connection::open(path)?;
    // Nothing of this is timed: a crash would only mean to begin again.
    connection.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -262144; PRAGMA page_size = 4096;",
    )?;
    connection.execute_batch(STAGING)?;
    let last = node.store().watermark();
    for first in (1..=last).step_by(PAGE as usize) {
        let page = connection.transaction()?;
        for stored in node.store().by_numbers(first..(first + PAGE).min(last + 1))? {
            insert(&page, &stored)?;
        }
        page.commit()?;
    }
    connection.execute_batch(TABLES)?;
    Ok(())
}

/// A reference as an answer shows it.
#[derive(Serialize)]
struct LinkJson<'a> {
    relation: &'a str,
    target: String,
}

/// An index value as an answer shows it.
#[derive(Serialize)]
struct EntryJson<'a> {
    name: &'a str,
    value: serde_json::Value,
}

fn insert(connection: &Connection, stored: &StoredRecord) -> Result<(), Failure> {
    let header = stored.record.header();
    let Some(payload) = stored.record.payload() else { return Ok(()) };
    let links: Vec<_> = header
        .links
        .iter()
        .map(|link| LinkJson { relation: link.relation.as_str(), target: link.target.to_string() })
        .collect();
    let entries: Vec<_> = stored
        .entries()
        .iter()
        .map(|entry| EntryJson {
            name: &entry.name,
            value: match &entry.value {
                IndexValue::Text(text) => (&**text).into(),
                IndexValue::Integer(integer) => (*integer).into(),
            },
        })
        .collect();
    let n = stored.n.cast_signed();
    let created = header.created.cast_signed();
    let author = header.author.to_string();
    connection.prepare_cached("INSERT OR IGNORE INTO authors (id) VALUES (?1)")?.execute([&author])?;
    let mut record = connection.prepare_cached(
        "INSERT INTO records VALUES (?1, ?2, ?3, (SELECT a.n FROM authors a WHERE a.id = ?4), ?5, ?6, ?7, ?8, ?9, ?10, \
         ?11, ?12, ?13, ?14)",
    )?;
    record.execute(params![
        n,
        stored.record.id().to_string(),
        type_number(header.type_name.as_str()),
        author,
        header.record_key.as_ref().map(|key| key.as_str()),
        created,
        stored.status.is_visible(),
        header.key.to_string(),
        header.seq.cast_signed(),
        header.prev.map(|prev| prev.to_string()),
        header.constitution.to_string(),
        serde_json::to_string(&links)?,
        serde_json::to_string(&entries)?,
        serde_json::to_string(&BodyJson { body: &payload.body, fields: None })?,
    ])?;
    if !stored.status.is_visible() {
        return Ok(());
    }
    for link in &header.links {
        let mut all = connection.prepare_cached("INSERT INTO all_links VALUES (?1, ?2, ?3, ?4)")?;
        all.execute(params![link.target.to_string(), link.relation.as_str(), created, n])?;
    }
    for entry in stored.entries() {
        let value = match &entry.value {
            IndexValue::Text(text) => Sql::Text(text.to_string()),
            IndexValue::Integer(integer) => Sql::Integer(*integer),
        };
        let mut all = connection.prepare_cached("INSERT INTO all_entries VALUES (?1, ?2, ?3, ?4)")?;
        all.execute(params![&*entry.name, value, created, n])?;
    }
    let body = payload.body.to_map();
    let text = |field: &str| body.get(field).and_then(Value::as_text).map(str::to_owned);
    let mut words =
        connection.prepare_cached("INSERT INTO words (rowid, name, summary, description) VALUES (?1, ?2, ?3, ?4)")?;
    words.execute(params![n, text("name").or_else(|| text("title")), text("summary"), text("description")])?;
    Ok(())
}
