//! Configs that people write: JSON, or the same as canonical DAG-CBOR.

use atlas_record::cbor::{Map, Value, decode};
use atlas_record::json::parse_json;

/// The map that a config holds. JSON begins with `{`, or with white space before it; no
/// DAG-CBOR map does.
pub fn read(config: &[u8]) -> Result<Map, String> {
    let value = match std::str::from_utf8(config) {
        Ok(text) if text.trim_start().starts_with('{') => {
            parse_json(text).map_err(|error| format!("the config is no JSON that Atlas reads: {error}"))?
        }
        _ => decode(config).map_err(|error| {
            format!("the config is neither a JSON object nor canonical DAG-CBOR: as the latter, it is {error}")
        })?,
    };
    match value {
        Value::Map(map) => Ok(map),
        other => Err(format!("the config is {}: expected a map", other.kind())),
    }
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::cbor::encode_map;
    use crate::map;

    #[test]
    fn a_config_is_json_or_the_same_as_dag_cbor() {
        let config = map! { "states": ["a", "b"] };
        assert_eq!(read(br#" {"states": ["a", "b"]}"#).as_ref(), Ok(&config));
        assert_eq!(read(&encode_map(&config)).as_ref(), Ok(&config));
        for bad in [&b"{"[..], b"[]", b"states", b"\xff", b"\x80", b"{\"a\":1,\"a\":2}"] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
