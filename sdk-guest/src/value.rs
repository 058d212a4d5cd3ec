//! Bodies written down as they read: `map! { "name": "curl", "tags": ["net"] }`.

use atlas_record::cbor::{Map, Value};

/// What [`map!`](crate::map!) and [`list!`](crate::list!) accept as a value.
pub trait IntoValue {
    /// The value.
    fn into_value(self) -> Value;
}

macro_rules! into_value {
    ($($from:ty, $value:ident => $make:expr;)*) => {
        $(impl IntoValue for $from {
            fn into_value(self) -> Value {
                let $value = self;
                $make
            }
        })*
    };
}

into_value! {
    Value, value => value;
    Map, map => Value::Map(map);
    Vec<Value>, list => Value::List(list);
    &str, text => Value::Text(text.to_owned());
    String, text => Value::Text(text);
    bool, value => Value::Bool(value);
    f64, float => Value::Float(float);
    i32, int => Value::Int(int.into());
    i64, int => Value::Int(int.into());
    u32, int => Value::Int(int.into());
    u64, int => Value::Int(int.into());
    usize, int => Value::Int(int as i128);
    &[u8], bytes => Value::Bytes(bytes.to_vec());
    Vec<u8>, bytes => Value::Bytes(bytes);
    Vec<String>, texts => Value::List(texts.into_iter().map(Value::Text).collect());
    Vec<&str>, texts => Value::List(texts.into_iter().map(IntoValue::into_value).collect());
}

impl<const N: usize> IntoValue for [u8; N] {
    fn into_value(self) -> Value {
        Value::Bytes(self.to_vec())
    }
}

/// A [`Value`]; see [`map!`](crate::map!).
#[macro_export]
#[doc(hidden)]
macro_rules! value {
    (null) => { $crate::Value::Null };
    ({ $($inside:tt)* }) => { $crate::Value::Map($crate::map! { $($inside)* }) };
    ([ $($inside:tt)* ]) => { $crate::Value::List($crate::list![ $($inside)* ]) };
    ($value:expr) => { $crate::IntoValue::into_value($value) };
}

/// A [`Map`], written as JSON is. Values that are more than one word or literal stand in
/// parentheses; bytes are `[u8; N]`, `&[u8]` or `Vec<u8>`.
///
/// ```
/// use atlas_sdk::{Value, map};
/// let sha1 = [0u8; 20];
/// let body = map! { "name": "curl", "size": (3 * 1024), "tags": ["net", "tool"], "hashes": { "sha1": sha1 } };
/// assert_eq!(body.get("size"), Some(&Value::Int(3072)));
/// ```
#[macro_export]
macro_rules! map {
    ($($key:tt : $value:tt),* $(,)?) => {{
        #[allow(unused_mut)]
        let mut map = $crate::Map::new();
        $(map.insert($key, $crate::value!($value));)*
        map
    }};
}

/// A list of [`Value`]s; see [`map!`](crate::map!).
#[macro_export]
macro_rules! list {
    ($($value:tt),* $(,)?) => { ::std::vec![$($crate::value!($value)),*] };
}

#[cfg(test)]
mod tests {
    use atlas_record::cbor::{decode, encode_map};

    #[test]
    fn a_written_body_reads_back_from_its_bytes() {
        let body = map! {
            "nothing": null, "yes": true, "n": (-3), "half": 0.5, "t": "x",
            "bytes": ([1u8, 2]), "list": [1, [2], { "k": "v" }], "map": {},
        };
        assert_eq!(decode(&encode_map(&body)).unwrap().as_map(), Some(&body));
    }
}
