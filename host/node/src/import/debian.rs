//! Reads a Debian package index, as `apt-cache dumpavail` prints it, into bodies of the
//! standard `package` type.
//!
//! The format is deb822 (`man 5 deb822`): paragraphs of `Field: value` lines, continued by
//! lines that begin with a space, parted by empty lines. Sizes in `Installed-Size` are KiB.

use std::io::BufRead;

use atlas_record::Value;
use atlas_record::cbor::Map;
use data_encoding::HEXLOWER_PERMISSIVE;

/// Bytes of one paragraph; a longer one is rejected and skipped.
const MOST_PARAGRAPH_BYTES: usize = 1024 * 1024;

/// One paragraph: its fields in order.
#[derive(Debug, Default)]
pub struct Paragraph {
    fields: Vec<(String, String)>,
    /// The line it starts on, from 1.
    pub line: u64,
    fault: Option<String>,
}

impl Paragraph {
    /// The value of a field; names are the same in any case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Paragraphs of an index, read one at a time.
pub struct Paragraphs<R> {
    input: R,
    line: u64,
}

impl<R: BufRead> Paragraphs<R> {
    /// Reads from `input`.
    pub fn new(input: R) -> Self {
        Self { input, line: 0 }
    }

    fn read(&mut self) -> std::io::Result<Option<Paragraph>> {
        let mut paragraph = Paragraph::default();
        let (mut started, mut bytes) = (false, 0usize);
        let mut buffer = Vec::new();
        loop {
            buffer.clear();
            // A line is cut off at the bound of its paragraph, so that no input can fill memory.
            let room = MOST_PARAGRAPH_BYTES as u64 + 1;
            let read = std::io::Read::take(&mut self.input, room).read_until(b'\n', &mut buffer)?;
            if read == 0 {
                return Ok(started.then_some(paragraph));
            }
            self.line += u64::from(buffer.ends_with(b"\n"));
            let text = buffer.trim_ascii_end();
            if text.is_empty() {
                if started {
                    return Ok(Some(paragraph));
                }
                continue;
            }
            if !started {
                (started, paragraph.line) = (true, self.line);
            }
            bytes += read;
            if bytes > MOST_PARAGRAPH_BYTES {
                paragraph.fault.get_or_insert_with(|| "the entry is larger than 1 MiB".to_owned());
                paragraph.fields.clear();
                continue;
            }
            match std::str::from_utf8(text) {
                Ok(text) => paragraph.take_line(text),
                Err(_) => paragraph.fail(format!("line {} is not UTF-8", self.line)),
            }
        }
    }
}

impl<R: BufRead> Iterator for Paragraphs<R> {
    type Item = std::io::Result<Paragraph>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

impl Paragraph {
    fn fail(&mut self, why: String) {
        self.fault.get_or_insert(why);
    }

    fn take_line(&mut self, line: &str) {
        if line.starts_with([' ', '\t']) {
            match self.fields.last_mut() {
                Some((_, value)) => {
                    value.push('\n');
                    value.push_str(match line.trim() {
                        "." => "", // deb822 writes an empty line of a value so
                        text => text,
                    });
                }
                None => self.fail("a continuation line without a field before it".to_owned()),
            }
        } else if let Some((name, value)) = line.split_once(':') {
            self.fields.push((name.to_owned(), value.trim().to_owned()));
        } else {
            self.fail(format!("`{}` is no `Field: value`", line.chars().take(60).collect::<String>()));
        }
    }

    /// The body of a `package` record. The error says what is wrong with the entry.
    pub fn body(&self) -> Result<Map, String> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let required =
            |name: &str| self.get(name).filter(|v| !v.is_empty()).ok_or(format!("field `{name}` is missing"));
        let mut body = Map::new();
        body.insert("name", required("Package")?.into());
        body.insert("version", required("Version")?.into());
        for (field, to) in TEXT_FIELDS {
            if let Some(text) = self.get(field).filter(|text| !text.is_empty()) {
                body.insert(*to, text.into());
            }
        }
        if let Some(source) = self.get("Source") {
            // `name (version)` where the source's version differs.
            body.insert("source", source.split([' ', '(']).next().unwrap_or(source).into());
        }
        if let Some(text) = self.get("Description") {
            let (summary, description) = text.split_once('\n').unwrap_or((text, ""));
            body.insert("summary", summary.into());
            if !description.is_empty() {
                body.insert("description", description.into());
            }
        }
        if let Some(size) = self.get("Size") {
            body.insert("size", number("Size", size)?.into());
        }
        if let Some(size) = self.get("Installed-Size") {
            let kib = number("Installed-Size", size)?;
            let bytes = kib.checked_mul(1024).ok_or("field `Installed-Size` is too large")?;
            body.insert("installedSize", bytes.into());
        }
        if let Some(tags) = self.get("Tag") {
            let tags: Vec<Value> =
                tags.split([',', '\n']).map(str::trim).filter(|tag| !tag.is_empty()).map(Value::from).collect();
            body.insert("tags", tags.into());
        }
        let hashes = self.hashes()?;
        if !hashes.is_empty() {
            body.insert("hashes", hashes.into());
        }
        let mut relations = Map::new();
        for (field, relation) in RELATIONS {
            if let Some(text) = self.get(field).filter(|text| !text.is_empty()) {
                relations.insert(*relation, groups(text).map_err(|why| format!("field `{field}`: {why}"))?);
            }
        }
        if !relations.is_empty() {
            body.insert("relations", relations.into());
        }
        Ok(body)
    }

    fn hashes(&self) -> Result<Map, String> {
        let mut hashes = Map::new();
        for (field, algorithm) in [("MD5sum", "md5"), ("SHA1", "sha1"), ("SHA256", "sha256"), ("SHA512", "sha512")] {
            if let Some(hex) = self.get(field) {
                let bytes = HEXLOWER_PERMISSIVE.decode(hex.as_bytes());
                hashes
                    .insert(algorithm, Value::Bytes(bytes.map_err(|_| format!("field `{field}` is not hexadecimal"))?));
            }
        }
        Ok(hashes)
    }
}

const TEXT_FIELDS: &[(&str, &str)] = &[
    ("Architecture", "architecture"),
    ("Maintainer", "maintainer"),
    ("Section", "section"),
    ("Priority", "priority"),
    ("Homepage", "homepage"),
    ("Filename", "filename"),
];

const RELATIONS: &[(&str, &str)] = &[
    ("Depends", "depends"),
    ("Pre-Depends", "pre-depends"),
    ("Recommends", "recommends"),
    ("Suggests", "suggests"),
    ("Enhances", "enhances"),
    ("Breaks", "breaks"),
    ("Conflicts", "conflicts"),
    ("Replaces", "replaces"),
    ("Provides", "provides"),
    ("Built-Using", "built-using"),
];

fn number(field: &str, text: &str) -> Result<u64, String> {
    text.parse::<u64>()
        .ok()
        .filter(|number| *number <= i64::MAX as u64)
        .ok_or_else(|| format!("field `{field}` holds `{text}`, expected a whole number"))
}

/// Alternatives in groups: `a (>= 1) | b, c:any [amd64]`. Debian Policy, chapter 7.
fn groups(text: &str) -> Result<Value, String> {
    let groups = text.split(',').map(str::trim).filter(|group| !group.is_empty());
    groups
        .map(|group| group.split('|').map(alternative).collect::<Result<Vec<_>, _>>().map(Value::List))
        .collect::<Result<Vec<_>, _>>()
        .map(Value::List)
}

fn alternative(text: &str) -> Result<Value, String> {
    let text = text.trim();
    let wrong = || format!("`{text}` is no package relation");
    let end = text.find([' ', '(', '[']).unwrap_or(text.len());
    let (qualified, mut rest) = text.split_at(end);
    let (name, mut arch) = match qualified.split_once(':') {
        Some((name, arch)) => (name, Some(arch.to_owned())),
        None => (qualified, None),
    };
    if name.is_empty() {
        return Err(wrong());
    }
    let mut alternative = Map::new();
    alternative.insert("name", name.into());
    rest = rest.trim();
    if let Some(inner) = rest.strip_prefix('(') {
        let (constraint, after) = inner.split_once(')').ok_or_else(wrong)?;
        let constraint = constraint.trim();
        let split = constraint.find(|c: char| !"<>=".contains(c)).ok_or_else(wrong)?;
        let (op, version) = constraint.split_at(split);
        let op = match op {
            "<<" | "<" => "<", // Policy 7.1: `<` alone is obsolete
            "<=" => "<=",
            "=" => "=",
            ">=" => ">=",
            ">>" | ">" => ">",
            _ => return Err(wrong()),
        };
        let constraint = Map::from_iter([("op", Value::from(op)), ("version", Value::from(version.trim()))]);
        alternative.insert("constraint", constraint.into());
        rest = after.trim();
    }
    if let Some(inner) = rest.strip_prefix('[') {
        let (list, after) = inner.split_once(']').ok_or_else(wrong)?;
        arch = Some(list.trim().to_owned());
        rest = after.trim();
    }
    if !rest.is_empty() {
        return Err(wrong());
    }
    if let Some(arch) = arch {
        alternative.insert("arch", arch.into());
    }
    Ok(alternative.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use atlas_record::json::to_json;

    fn bodies(text: &str) -> Vec<Result<serde_json::Value, String>> {
        Paragraphs::new(text.as_bytes()).map(|p| p.unwrap().body().map(|body| to_json(&body.into()))).collect()
    }

    #[test]
    fn an_entry_becomes_a_body_with_relations_and_bytes() {
        let text = "Package: a\nVersion: 1:2\nInstalled-Size: 3\nSize: 10\nSource: src (1.0)\n\
            Depends: b (>= 1.0) | c:any, d [amd64]\nDescription: short\n long one\n .\n end\nMD5sum: 00112233445566778899aabbccddeeff\n";
        let body = bodies(text).remove(0).unwrap();
        assert_eq!(body["installedSize"], serde_json::json!(3072));
        assert_eq!(body["source"], "src");
        assert_eq!((&body["summary"], &body["description"]), (&"short".into(), &"long one\n\nend".into()));
        assert_eq!(
            body["relations"]["depends"],
            serde_json::json!([[{"name": "b", "constraint": {"op": ">=", "version": "1.0"}}, {"name": "c", "arch": "any"}], [{"name": "d", "arch": "amd64"}]])
        );
        assert_eq!(body["hashes"]["md5"]["$bytes"], "ABEiM0RVZneImaq7zN3u/w");
    }

    #[test]
    fn a_bad_entry_is_rejected_with_a_reason_and_the_next_one_is_read() {
        let text = "Package: a\n\n\nPackage: b\nVersion: 1\nDepends: (>= 1)\n\n lonely\n\nPackage: c\nVersion: 1\n";
        let bodies = bodies(text);
        assert_eq!(bodies.len(), 4);
        assert!(bodies[0].as_ref().unwrap_err().contains("`Version` is missing"));
        assert!(bodies[1].as_ref().unwrap_err().contains("`Depends`"));
        assert!(bodies[2].as_ref().unwrap_err().contains("continuation"));
        assert_eq!(bodies[3].as_ref().unwrap()["name"], "c");
    }

    #[test]
    fn a_line_without_end_does_not_fill_memory() {
        let endless = std::io::BufReader::new(std::io::Read::take(std::io::repeat(b'x'), 5 << 20));
        let paragraphs: Vec<_> = Paragraphs::new(endless).collect();
        assert_eq!(paragraphs.len(), 1);
        assert!(paragraphs[0].as_ref().unwrap().body().unwrap_err().contains("1 MiB"));
    }
}
