//! What a bundle holds, as bytes.

use atlas_record::cbor::{self, Map, Value};
use atlas_record::{identity, limits};
use zeroize::Zeroizing;

use super::{Bundle, BundleError, MOST_BYTES, MOST_ITEMS, Purpose, VERSION};
use crate::document::{self, FieldError, Fields};
use crate::{MOST_KEYS, PublicEntry, check_name, seeds};

/// Bytes of the document's length in front of it.
const LENGTH: usize = 4;

impl From<FieldError> for BundleError {
    fn from(error: FieldError) -> Self {
        match error {
            FieldError::Newer(version) => Self::NewerFormat(version),
            FieldError::Content(why) => Self::Content(why),
        }
    }
}

pub(super) fn encode(bundle: &Bundle) -> Result<Zeroizing<Vec<u8>>, BundleError> {
    let keys = seeds::public(&bundle.secrets);
    check(bundle, &keys)?;
    let (kind, roots) = match &bundle.purpose {
        Purpose::Identity => ("identity", None),
        Purpose::App => ("app", None),
        Purpose::Recovery { roots } => ("recovery", Some(roots)),
    };
    let mut map: Map = [
        ("v", Value::from(VERSION)),
        ("kind", kind.into()),
        ("name", bundle.name.as_str().into()),
        ("identity", document::identity(bundle.identity)),
        ("keys", document::public_list(&keys)),
        ("log", document::bytes_list(&bundle.log)),
        ("statements", document::bytes_list(&bundle.statements)),
    ]
    .into_iter()
    .collect();
    if let Some(roots) = roots {
        map.insert("roots", Value::List(roots.iter().map(|key| Value::Bytes(key.0.to_vec())).collect()));
    }
    let document = cbor::encode_map(&map);
    if document.len() > MOST_BYTES {
        return Err(BundleError::TooLarge(document.len()));
    }
    let length = u32::try_from(document.len()).expect("the limit is below 4 GiB");
    Ok(seeds::join(&[&length.to_be_bytes(), &document[..]].concat(), &bundle.secrets))
}

pub(super) fn decode(content: &[u8]) -> Result<Bundle, BundleError> {
    const SHORT: BundleError = BundleError::Content("it is cut off");
    let (length, rest) = content.split_first_chunk::<LENGTH>().ok_or(SHORT)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| SHORT)?;
    let (document, rows) = rest.split_at_checked(length).ok_or(SHORT)?;
    let mut fields = Fields::read(document, VERSION)?;
    let purpose = match fields.text("kind")?.as_str() {
        "identity" => Purpose::Identity,
        "app" => Purpose::App,
        "recovery" => Purpose::Recovery { roots: fields.list("roots", identity::MOST_KEYS, document::public_key)? },
        _ => return Err(BundleError::Content("its kind is none of identity, app and recovery")),
    };
    let keys = fields.list("keys", MOST_KEYS, document::public_entry)?;
    let bundle = Bundle {
        purpose,
        name: fields.text("name")?,
        identity: fields.identity()?,
        log: fields.list("log", MOST_ITEMS, document::bytes)?,
        statements: fields.list("statements", MOST_ITEMS, document::bytes)?,
        secrets: seeds::read(rows, &keys)
            .ok_or(BundleError::Content("its seeds are not those of the public keys it lists"))?,
    };
    fields.end()?;
    check(&bundle, &keys)?;
    Ok(bundle)
}

/// What holds of every bundle, whoever made it.
fn check(bundle: &Bundle, keys: &[PublicEntry]) -> Result<(), BundleError> {
    let refuse = |why| Err(BundleError::Content(why));
    let long = |items: &[Vec<u8>]| items.len() > MOST_ITEMS || items.iter().any(|i| i.len() > limits::DOCUMENT_BYTES);
    if check_name(&bundle.name).is_err() {
        return refuse("its name cannot name keys");
    }
    if keys.len() > MOST_KEYS || !document::distinct(keys) {
        return refuse("it holds a key twice, or more than 64 keys");
    }
    if long(&bundle.log) || long(&bundle.statements) {
        return refuse("its log or statements are over the limits");
    }
    match &bundle.purpose {
        Purpose::Recovery { roots } if roots.len() > identity::MOST_KEYS => refuse("it lists more than 16 root keys"),
        _ => Ok(()),
    }
}
