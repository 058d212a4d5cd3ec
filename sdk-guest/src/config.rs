//! Configs that people write: JSON, or the same as canonical DAG-CBOR.
//!
//! The reader of JSON is small on purpose. A config holds names, lists and whole numbers; a
//! reader for everything would make a module that takes one more than twice as large. What
//! it reads, it reads as Atlas reads bodies; it knows no fractions, no `$link` and no
//! `$bytes`.

use atlas_record::cbor::{Map, Value, decode};
use atlas_record::limits::DEPTH;

/// The map that a config holds. JSON begins with `{`, or with white space before it; no
/// DAG-CBOR map does.
pub fn read(config: &[u8]) -> Result<Map, String> {
    let value = match std::str::from_utf8(config) {
        Ok(text) if text.trim_ascii_start().starts_with('{') => json(text)?,
        _ => match decode(config) {
            Ok(value) => value,
            Err(error) => {
                return Err(format!("neither a JSON object nor canonical DAG-CBOR: as the latter, it is {error}"));
            }
        },
    };
    match value {
        Value::Map(map) => Ok(map),
        other => Err(format!("the config is {}: expected a map", other.kind())),
    }
}

fn json(text: &str) -> Result<Value, String> {
    let mut reader = Reader { text, at: 0 };
    let read = reader.value(0).and_then(|value| match reader.peek() {
        None => Ok(value),
        Some(_) => Err(Fault("nothing more after the object")),
    });
    read.map_err(|Fault(expected)| {
        let before = &text.as_bytes()[..reader.at];
        let line = 1 + before.iter().filter(|b| **b == b'\n').count();
        let column = 1 + before.iter().rev().take_while(|b| **b != b'\n').count();
        format!("the config is no JSON that modules read: line {line}, column {column}: expected {expected}")
    })
}

/// What was expected where the reader stopped.
#[derive(Debug, PartialEq, Eq)]
struct Fault(&'static str);

struct Reader<'a> {
    text: &'a str,
    /// Where the next byte stands; always between characters.
    at: usize,
}

impl Reader<'_> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.byte() {
            self.at += 1;
        }
        self.byte()
    }

    fn takes(&mut self, byte: u8) -> bool {
        let here = self.peek() == Some(byte);
        self.at += usize::from(here);
        here
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Fault> {
        if !self.text[self.at..].starts_with(word) {
            return Err(Fault("a value"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn value(&mut self, depth: usize) -> Result<Value, Fault> {
        match self.peek() {
            Some(b'{' | b'[') if depth == DEPTH => Err(Fault("32 levels at most")),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Value::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => Err(Fault("a value")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, Fault> {
        let mut entries = Vec::new();
        self.at += 1;
        if self.takes(b'}') {
            return Ok(Value::Map(Map::new()));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(Fault("a key in double quotes"));
            }
            let key = self.string()?;
            if !self.takes(b':') {
                return Err(Fault("`:` after a key"));
            }
            entries.push((key, self.value(depth + 1)?));
            if self.takes(b'}') {
                return Map::from_entries(entries).map(Value::Map).map_err(|_| Fault("each key once"));
            }
            if !self.takes(b',') {
                return Err(Fault("`,` or `}`"));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, Fault> {
        let mut items = Vec::new();
        self.at += 1;
        if self.takes(b']') {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.takes(b']') {
                return Ok(Value::List(items));
            }
            if !self.takes(b',') {
                return Err(Fault("`,` or `]`"));
            }
        }
    }

    fn number(&mut self) -> Result<Value, Fault> {
        let start = self.at;
        while let Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
        let text = &self.text[start..self.at];
        let digits = text.strip_prefix('-').unwrap_or(text);
        let plain = digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
        match text.parse::<i64>() {
            Ok(int) if plain && text != "-0" => Ok(Value::Int(int.into())),
            _ => {
                self.at = start;
                Err(Fault("a whole number of 64 bits"))
            }
        }
    }

    fn string(&mut self) -> Result<String, Fault> {
        let mut text = String::new();
        self.at += 1;
        loop {
            let Some(c) = self.text[self.at..].chars().next() else { return Err(Fault("`\"` at the end of a text")) };
            self.at += c.len_utf8();
            match c {
                '"' => return Ok(text),
                '\\' => text.push(self.escape()?),
                c if c < ' ' => return Err(Fault("control characters as escapes")),
                c => text.push(c),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Fault> {
        const NONE: Fault = Fault("an escape that JSON has");
        let byte = self.byte().ok_or(NONE)?;
        let plain = match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(NONE),
        };
        self.at += 1;
        Ok(plain)
    }

    /// A code point as one unit of UTF-16, or as two.
    fn unicode(&mut self) -> Result<char, Fault> {
        const NONE: Fault = Fault("a code point after `\\u`");
        let first = self.unit().ok_or(NONE)?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first).ok_or(NONE);
        }
        if !self.text[self.at..].starts_with("\\u") {
            return Err(NONE);
        }
        self.at += 2;
        match self.unit() {
            Some(second @ 0xdc00..=0xdfff) => {
                char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)).ok_or(NONE)
            }
            _ => Err(NONE),
        }
    }

    fn unit(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        // `from_str_radix` would take a sign.
        digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
    }
}

#[cfg(test)]
mod tests {
    use atlas_record::json::{parse_json, to_json};
    use proptest::prelude::*;

    use super::*;
    use crate::cbor::encode_map;
    use crate::map;

    #[test]
    fn a_config_is_json_or_the_same_as_dag_cbor() {
        let config = map! { "states": ["a", "b"] };
        assert_eq!(read(br#" {"states": ["a", "b"]}"#).as_ref(), Ok(&config));
        assert_eq!(read(&encode_map(&config)).as_ref(), Ok(&config));
        for bad in [&b"{"[..], b"[]", b"states", b"\xff", b"\x80", b"{\"a\":1,\"a\":2}", b"{} {}"] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let refused = read(b"{\n  \"a\": [1, 2.5]\n}").unwrap_err();
        let place = "line 2, column 12: expected a whole number of 64 bits";
        assert!(refused.ends_with(place), "{refused}");
    }

    #[test]
    fn escapes_are_those_of_json() {
        let text = |json: &str| super::json(json);
        assert_eq!(text(r#""\"\\\/\b\f\n\r\té\ud83d\ude00""#), Ok("\"\\/\u{8}\u{c}\n\r\té😀".into()));
        for bad in [r#""\x""#, r#""\u12""#, r#""\ud83d""#, r#""\ud83dA""#, r#""\udc00""#, "\"\n\"", r#""\u+123""#] {
            assert!(text(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = |levels: usize| json(&("[".repeat(levels) + &"]".repeat(levels)));
        assert!(deep(DEPTH).is_ok());
        assert!(deep(DEPTH + 1).is_err());
        assert!(deep(100_000).is_err());
    }

    /// Whether the value has what the small reader leaves out.
    fn beyond(value: &Value) -> bool {
        match value {
            Value::Float(_) | Value::Bytes(_) | Value::Link(_) => true,
            Value::Int(int) => i64::try_from(*int).is_err(),
            Value::List(list) => list.iter().any(beyond),
            Value::Map(map) => map.iter().any(|(_, value)| beyond(value)),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in crate::testing::hostile::values()) {
            let (expected, text) = (!beyond(&value), to_json(&value).to_string());
            if expected {
                prop_assert_eq!(json(&text), Ok(value));
            }
        }

        #[test]
        fn what_it_reads_it_reads_as_bodies_are_read(
            text in r#"[\[\]{}:,"\\/bfnrtu0-9aeE+. \n-]{0,24}|\{"[a-z]{0,2}":[\[\]{},"0-9a-f.-]{0,8}\}"#,
        ) {
            if let Ok(value) = json(&text) {
                prop_assert_eq!(parse_json(&text).ok(), Some(value));
            } else if let Ok(value) = parse_json(&text) {
                prop_assert!(beyond(&value), "{text} is refused");
            }
        }
    }
}
