//! What a package says of itself, beside what its code says.
//!
//! Authors write `module.toml`. Packed, the same fields are a canonical DAG-CBOR map in the
//! custom section [`SECTION`] at the top level of the component: one form, so that the same
//! manifest is the same bytes. Fields that this version does not know are refused: whoever
//! installs a package is shown all that it says.

use atlas_record::cbor::{self, Map, Value};
use serde::Deserialize;

use crate::error::RegistryError;
use crate::role::Role;
use crate::section;

/// The custom section's name.
pub const SECTION: &str = "atlas-module";
/// Most bytes of a packed manifest.
pub const MAX_MANIFEST_BYTES: usize = 16 << 10;

/// Most bytes of any one text.
const MAX_TEXT: usize = 1_000;
/// Most authors, and most capabilities.
const MAX_ITEMS: usize = 64;

/// A package's manifest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// `namespace:name`, as the module's own `describe` says.
    pub name: String,
    /// Semantic version, as the module's own `describe` says.
    pub version: String,
    /// What it decides: `validator`.
    pub role: String,
    /// The WIT package of its world and the version it was built against.
    pub wit: String,
    /// One sentence.
    pub summary: String,
    /// SPDX expression.
    #[serde(alias = "license")]
    pub licence: String,
    /// Who wrote it.
    pub authors: Vec<String>,
    /// Where the source is.
    #[serde(default)]
    pub source: Option<String>,
    /// What it asks of the host beyond its arguments. A pure role can have none.
    #[serde(default)]
    pub capabilities: Vec<String>,
}

impl Manifest {
    /// The manifest of a package; `None` where the component carries none.
    pub fn of(component: &[u8]) -> Result<Option<Self>, RegistryError> {
        match section::find(component, SECTION)[..] {
            [] => Ok(None),
            [one] => Self::decode(one).map(Some),
            ref many => {
                Err(RegistryError::Manifest(format!("the package has {} manifests: one is allowed", many.len())))
            }
        }
    }

    /// Checks every field.
    pub fn check(&self) -> Result<(), RegistryError> {
        let no = |why: String| Err(RegistryError::Manifest(why));
        if !is_module_name(&self.name) {
            let form = "NAMESPACE:NAME in lower-case letters, digits, `-` and `.`, 128 bytes at most";
            return no(format!("`name` is `{}`: expected {form}", cut(&self.name)));
        }
        if self.version.len() > 64 || semver::Version::parse(&self.version).is_err() {
            return no(format!("`version` is `{}`: expected a semantic version, as 1.2.3", cut(&self.version)));
        }
        let role = Role::named(&self.role)?;
        let family = |wit: &str| {
            let (package, version) = wit.split_once('@')?;
            let version = semver::Version::parse(version).ok()?;
            // Below 1.0 the minor number is the one that breaks.
            Some((package.to_owned(), version.major, if version.major == 0 { version.minor } else { 0 }))
        };
        if family(&self.wit).is_none() || family(&self.wit) != family(role.wit) {
            return no(format!(
                "`wit` is `{}`: a {} of this version is built against {}",
                cut(&self.wit),
                role.name,
                role.wit
            ));
        }
        let licence = |c: char| c.is_ascii_alphanumeric() || " -.+()/:".contains(c);
        if self.licence.is_empty() || self.licence.len() > 200 || !self.licence.chars().all(licence) {
            return no("`licence` is no SPDX expression, as `MIT OR Apache-2.0`".to_owned());
        }
        if self.authors.is_empty() {
            return no("`authors` is empty: expected at least one, as `Ada <ada@example.org>`".to_owned());
        }
        for (field, texts) in [("authors", &self.authors), ("capabilities", &self.capabilities)] {
            if texts.len() > MAX_ITEMS {
                return no(format!("`{field}` has {} entries: {MAX_ITEMS} at most", texts.len()));
            }
        }
        let texts = [("summary", &self.summary)].into_iter().chain(self.source.iter().map(|source| ("source", source)));
        let texts = texts.chain(self.authors.iter().map(|author| ("authors", author)));
        for (field, text) in texts.chain(self.capabilities.iter().map(|asked| ("capabilities", asked))) {
            if text.trim().is_empty() || text.len() > MAX_TEXT || text.chars().any(char::is_control) {
                return no(format!(
                    "`{field}` holds a text that is empty, longer than {MAX_TEXT} bytes, or not one line"
                ));
            }
        }
        if let [first, ..] = &self.capabilities[..] {
            // Every role of today is pure.
            return no(format!(
                "`capabilities` asks for `{}`: a {} is a pure function and can be granted nothing",
                cut(first),
                role.name
            ));
        }
        Ok(())
    }

    /// The canonical bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let texts = |texts: &[String]| Value::List(texts.iter().cloned().map(Value::Text).collect());
        let mut map = Map::new();
        for (field, text) in [
            ("name", &self.name),
            ("version", &self.version),
            ("role", &self.role),
            ("wit", &self.wit),
            ("summary", &self.summary),
            ("licence", &self.licence),
        ] {
            map.insert(field, Value::Text(text.clone()));
        }
        map.insert("authors", texts(&self.authors));
        map.insert("capabilities", texts(&self.capabilities));
        if let Some(source) = &self.source {
            map.insert("source", Value::Text(source.clone()));
        }
        cbor::encode_map(&map)
    }

    /// From the canonical bytes, checked.
    pub fn decode(bytes: &[u8]) -> Result<Self, RegistryError> {
        let no = |why: String| RegistryError::Manifest(why);
        if bytes.len() > MAX_MANIFEST_BYTES {
            return Err(no(format!("it has {} bytes: {MAX_MANIFEST_BYTES} at most", bytes.len())));
        }
        let value = cbor::decode(bytes).map_err(|error| no(format!("it is {error}")))?;
        let mut map = value.as_map().ok_or_else(|| no("it is no map".to_owned()))?.clone();
        let mut take = |field: &'static str| map.remove(field);
        let text = |field: &'static str, value: Option<Value>| match value {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(no(format!("`{field}` is missing or no text"))),
        };
        let texts = |field: &'static str, value: Option<Value>| match value {
            Some(Value::List(items)) => items.into_iter().map(|item| text(field, Some(item))).collect(),
            _ => Err(no(format!("`{field}` is missing or no list"))),
        };
        let manifest = Self {
            name: text("name", take("name"))?,
            version: text("version", take("version"))?,
            role: text("role", take("role"))?,
            wit: text("wit", take("wit"))?,
            summary: text("summary", take("summary"))?,
            licence: text("licence", take("licence"))?,
            authors: texts("authors", take("authors"))?,
            capabilities: texts("capabilities", take("capabilities"))?,
            source: take("source").map(|source| text("source", Some(source))).transpose()?,
        };
        if let Some((field, _)) = map.iter().next() {
            return Err(no(format!("`{}` is no field that this version knows", cut(field))));
        }
        manifest.check()?;
        Ok(manifest)
    }
}

/// `namespace:name`, each of lower-case letters, digits, `-` and `.`.
fn is_module_name(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    let part = |part: &str| !part.is_empty() && part.bytes().all(legal);
    text.len() <= 128 && text.split_once(':').is_some_and(|(namespace, name)| part(namespace) && part(name))
}

fn cut(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn manifest() -> Manifest {
        Manifest {
            name: "example:recipe".to_owned(),
            version: "0.1.0".to_owned(),
            role: "validator".to_owned(),
            wit: "atlas:validator@0.1.0".to_owned(),
            summary: "Recipes.".to_owned(),
            licence: "MIT OR Apache-2.0".to_owned(),
            authors: vec!["Ada".to_owned()],
            source: None,
            capabilities: Vec::new(),
        }
    }

    fn refused(change: impl FnOnce(&mut Manifest)) -> String {
        let mut changed = manifest();
        change(&mut changed);
        let refused = changed.check().unwrap_err().to_string();
        assert_eq!(Manifest::decode(&changed.encode()).unwrap_err().to_string(), refused, "packed or not");
        refused
    }

    #[test]
    fn a_manifest_survives_being_packed() {
        for source in [None, Some("https://example.org/recipe".to_owned())] {
            let manifest = Manifest { source, ..manifest() };
            assert_eq!(Manifest::decode(&manifest.encode()).unwrap(), manifest);
        }
    }

    #[test]
    fn each_field_has_its_rule() {
        assert!(refused(|m| m.name = "recipe".into()).contains("NAMESPACE:NAME"));
        assert!(refused(|m| m.name = "Example:recipe".into()).contains("NAMESPACE:NAME"));
        assert!(refused(|m| m.version = "1.0".into()).contains("semantic version"));
        assert!(refused(|m| m.role = "judge".into()).contains("validator"));
        assert!(refused(|m| m.wit = "atlas:validator@0.2.0".into()).contains("atlas:validator@0.1.0"));
        assert!(refused(|m| m.wit = "atlas:validator".into()).contains("`wit`"));
        assert!(refused(|m| m.summary = "two\nlines".into()).contains("`summary`"));
        assert!(refused(|m| m.licence = String::new()).contains("SPDX"));
        assert!(refused(|m| m.authors.clear()).contains("`authors`"));
        assert!(refused(|m| m.authors = vec!["a".into(); 65]).contains("64 at most"));
        assert!(refused(|m| m.source = Some("x".repeat(1_001))).contains("`source`"));
    }

    #[test]
    fn a_pure_role_is_granted_nothing() {
        assert!(refused(|m| m.capabilities = vec!["network".into()]).contains("asks for `network`"));
    }

    #[test]
    fn a_later_patch_of_the_same_world_is_taken() {
        let manifest = Manifest { wit: "atlas:validator@0.1.9".to_owned(), ..manifest() };
        assert!(manifest.check().is_ok());
    }

    #[test]
    fn fields_of_later_versions_are_refused_by_name() {
        let mut map = cbor::decode(&manifest().encode()).unwrap().as_map().unwrap().clone();
        map.insert("grants", Value::Null);
        let refused = Manifest::decode(&cbor::encode_map(&map)).unwrap_err();
        assert!(refused.to_string().contains("`grants` is no field"), "{refused}");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Manifest::decode(&bytes);
        }

        #[test]
        fn a_changed_byte_is_refused_or_says_something_else(at in 0_usize..400, to in any::<u8>()) {
            let mut bytes = manifest().encode();
            let at = at % bytes.len();
            prop_assume!(bytes[at] != to);
            bytes[at] = to;
            prop_assert!(Manifest::decode(&bytes).map_or(true, |other| other != manifest()));
        }
    }
}
