//! What a module filled in, held against the type's key rule.

use atlas_engine::validator::{Draft, KeyRule};
use atlas_record::{Body, Key, Link, Timestamp, TypeName};

use super::NewRecord;
use crate::error::Refusal;
use crate::identities::random;

/// Takes over what the module filled in, and holds the key against the type's rule.
pub(super) fn complete(mut new: NewRecord, draft: Draft, rule: &KeyRule) -> Result<NewRecord, Refusal> {
    let broken = |what: &dyn std::fmt::Display| {
        Refusal::new("module-illegal-answer", format!("the module completed the draft wrongly: {what}"))
    };
    new.key = match draft.key {
        Some(key) => Some(key.parse().map_err(|error| Refusal::new("bad-key", format!("{error}")))?),
        None => None,
    };
    new.links = draft
        .links
        .iter()
        .map(|link| {
            Ok(Link {
                relation: link.relation.parse().map_err(|error| broken(&error))?,
                target: link.target.parse().map_err(|error| broken(&error))?,
            })
        })
        .collect::<Result<_, Refusal>>()?;
    if draft.body != new.body.as_bytes() {
        new.body = Body::from_bytes(&draft.body).map_err(|error| broken(&error))?;
    }
    let no = |code, text: String| Err(Refusal::new(code, text));
    match (rule, &new.key) {
        (KeyRule::None, None) | (KeyRule::Any, Some(_)) => {}
        (KeyRule::None, Some(key)) => {
            return no("unwanted-key", format!("records of {} have no key, and `{key}` was given", new.type_name));
        }
        (KeyRule::Literal(literal), None) => new.key = literal.parse().ok(),
        (KeyRule::Literal(literal), Some(key)) if key.as_str() == literal => {}
        (KeyRule::Literal(literal), Some(key)) => {
            return no("bad-key", format!("the key of {} is always `{literal}`, and `{key}` was given", new.type_name));
        }
        // A module that takes any key and makes none of the body leaves it to the host, as a server of the
        // AT Protocol does.
        (KeyRule::Tid | KeyRule::Any, None) => new.key = Some(tid(crate::clock::now(), random())),
        (KeyRule::Tid, Some(key)) if is_tid(key.as_str()) => {}
        (KeyRule::Tid, Some(key)) => {
            return no("bad-key", format!("`{key}` is no timestamp identifier: leave the key out to have one made"));
        }
        (KeyRule::Nsid, Some(key)) if key.as_str().parse::<TypeName>().is_ok() => {}
        (KeyRule::Nsid, key) => {
            let given = key.as_ref().map_or("none was given".to_owned(), |key| format!("`{key}` was given"));
            return no(
                "bad-key",
                format!("the key of {} is a name such as `com.example.thing`, and {given}", new.type_name),
            );
        }
    }
    Ok(new)
}

const TID_DIGITS: &[u8; 32] = b"234567abcdefghijklmnopqrstuvwxyz";

/// A timestamp identifier: 53 bits of microseconds, 10 random bits, in 13 sortable digits.
/// Source: <https://atproto.com/specs/tid>.
fn tid(now: Timestamp, random: [u8; 4]) -> Key {
    let random = u32::from_le_bytes(random);
    let micros = now * 1000 + u64::from(random >> 10) % 1000;
    let number = ((micros & ((1 << 53) - 1)) << 10) | u64::from(random & 0x3ff);
    let digits = (0..13).rev().map(|i| char::from(TID_DIGITS[(number >> (5 * i) & 31) as usize]));
    digits.collect::<String>().parse().expect("sortable base32 digits are legal in keys")
}

fn is_tid(text: &str) -> bool {
    text.len() == 13 && text.bytes().all(|b| TID_DIGITS.contains(&b)) && text.as_bytes()[0] < b'k'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamp_identifiers_are_legal_and_sort_by_time() {
        let early = tid(1_700_000_000_000, [0xff; 4]);
        let late = tid(1_700_000_000_002, [0; 4]);
        assert!(is_tid(early.as_str()) && is_tid(late.as_str()));
        assert!(early < late, "{early} {late}");
        assert!(!is_tid("zzzzzzzzzzzzz") && !is_tid("2222") && !is_tid("0000000000000"));
    }
}
