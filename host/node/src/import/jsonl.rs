//! One record per line: `{"type": …, "key": …, "body": {…}, "links": [{"relation", "target"}]}`.
//! `key` and `links` may be left out; the type's module then fills in what it can.

use std::io::{BufRead, Read};

use atlas_record::json::JsonBody;
use atlas_record::{Body, Link, Value};
use serde::Deserialize;

use crate::author::NewRecord;

/// Bytes of one line; a longer one is rejected and skipped.
const MOST_LINE_BYTES: usize = 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    r#type: String,
    key: Option<String>,
    body: JsonBody,
    #[serde(default)]
    links: Vec<LinkLine>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkLine {
    relation: String,
    target: String,
}

/// Lines of an input, each with its number.
pub struct Lines<R> {
    input: R,
    line: u64,
}

impl<R: BufRead> Lines<R> {
    /// Reads from `input`.
    pub fn new(input: R) -> Self {
        Self { input, line: 0 }
    }

    /// The next line's bytes, or that it is too long. `None` at the end.
    fn read(&mut self) -> std::io::Result<Option<Result<Vec<u8>, String>>> {
        let mut bytes = Vec::new();
        (&mut self.input).take(MOST_LINE_BYTES as u64 + 1).read_until(b'\n', &mut bytes)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        self.line += 1;
        if bytes.ends_with(b"\n") || bytes.len() <= MOST_LINE_BYTES {
            return Ok(Some(Ok(bytes)));
        }
        while !bytes.ends_with(b"\n") && !bytes.is_empty() {
            bytes.clear();
            (&mut self.input).take(MOST_LINE_BYTES as u64).read_until(b'\n', &mut bytes)?;
        }
        Ok(Some(Err("the line is longer than 1 MiB".to_owned())))
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = std::io::Result<(u64, Result<NewRecord, String>)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            return match self.read() {
                Err(error) => Some(Err(error)),
                Ok(None) => None,
                Ok(Some(Err(why))) => Some(Ok((self.line, Err(why)))),
                Ok(Some(Ok(bytes))) if bytes.trim_ascii().is_empty() => continue,
                Ok(Some(Ok(bytes))) => Some(Ok((self.line, parse(&bytes)))),
            };
        }
    }
}

fn parse(bytes: &[u8]) -> Result<NewRecord, String> {
    let line: Line = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let body = match line.body.0 {
        Value::Map(map) => Body::from_map(&map).map_err(|error| error.to_string())?,
        other => return Err(format!("the body is {}; expected an object", other.kind())),
    };
    let link = |link: &LinkLine| {
        Ok::<_, String>(Link {
            relation: link.relation.parse().map_err(|error| format!("{error}"))?,
            target: link.target.parse().map_err(|error| format!("{error}"))?,
        })
    };
    Ok(NewRecord {
        type_name: line.r#type.parse().map_err(|error| format!("{error}"))?,
        key: line.key.map(|key| key.parse().map_err(|error| format!("{error}"))).transpose()?,
        links: line.links.iter().map(link).collect::<Result<_, _>>()?,
        blobs: Vec::new(),
        expires: None,
        body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_drafts_and_bad_ones_say_why() {
        let text = concat!(
            "{\"type\":\"a.b\",\"key\":\"k\",\"body\":{\"n\":1.0},\"links\":[{\"relation\":\"r\",\"target\":\"name:x\"}]}\n",
            "\n",
            "{\"type\":\"a.b\",\"body\":[]}\n",
            "{\"type\":\"a.b\",\"body\":{},\"extra\":1}\n",
            "nonsense"
        );
        let lines: Vec<_> = Lines::new(text.as_bytes()).map(Result::unwrap).collect();
        assert_eq!(lines.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [1, 3, 4, 5]);
        let first = lines[0].1.as_ref().unwrap();
        assert_eq!(first.body.to_map().get("n"), Some(&Value::Float(1.0)));
        assert_eq!(first.links[0].target.to_string(), "name:x");
        assert!(lines[1].1.as_ref().unwrap_err().contains("expected an object"));
        assert!(lines[2].1.as_ref().unwrap_err().contains("extra"));
        assert!(lines[3].1.is_err());
    }

    #[test]
    fn a_line_without_end_is_rejected_and_the_next_one_read() {
        let mut text = vec![b'x'; 3 * MOST_LINE_BYTES];
        text.extend_from_slice(b"\n{\"type\":\"a.b\",\"body\":{}}\n");
        let lines: Vec<_> = Lines::new(&text[..]).map(Result::unwrap).collect();
        assert!(lines[0].1.as_ref().unwrap_err().contains("1 MiB"));
        assert!(lines[1].1.is_ok());
    }
}
