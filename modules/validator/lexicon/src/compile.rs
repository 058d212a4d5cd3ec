//! From documents to a [`Lexicon`]: starts at the record of the main document, and reads
//! exactly the definitions that it reaches, each once. So recursion in documents is no loop
//! here, and what nobody refers to needs no document.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use atlas_sdk::bundle::Bundle;
use atlas_sdk::{ConfigError, Value};

use crate::document::Document;
use crate::key::KeyKind;
use crate::parse::{Parser, Refer, Wrong, about};
use crate::place::{Place, ROOT};
use crate::types::{
    Definition, DefinitionId, Lexicon, Type, definition_name, document_path, is_type_name, split_reference,
};

/// Most definitions within reach of a record. The largest record of the AT Protocol reaches 23.
pub const DEFINITIONS: usize = 4096;
/// Most documents that are asked for at once: what a bundle holds.
const ASKED: usize = 512;

/// Reads a config: one document, or a bundle of documents.
pub fn compile(config: &[u8]) -> Result<Lexicon, ConfigError> {
    if config.is_empty() {
        let text = "this module wants a Lexicon document of a record type: give one with --config FILE";
        return Err(text.into());
    }
    let bundle = match Bundle::is_meant(config) {
        true => Some(Bundle::decode(config).map_err(|error| error.to_string())?),
        false => None,
    };
    let bundle = bundle.as_ref();
    let main = match bundle {
        Some(bundle) => {
            let bytes = bundle.get(bundle.main()).unwrap_or_default();
            let document = Document::read(bundle.main(), bytes)?;
            placed(document, bundle.main())?
        }
        None => Document::read("the config", config)?,
    };
    let mut reader = Reader {
        bundle,
        from: String::new(),
        documents: BTreeMap::new(),
        missing: BTreeSet::new(),
        numbers: BTreeMap::new(),
        wanted: Vec::new(),
    };
    let id = main.id.clone();
    let key = record_key(&main)?;
    let path = main.path();
    reader.documents.insert(id.clone(), Rc::new(main));
    let definitions = reader.definitions(&id)?;
    if !reader.missing.is_empty() {
        let documents = reader.missing.into_iter().take(ASKED).collect();
        return Err(ConfigError::Incomplete { main: path, documents });
    }
    Ok(Lexicon { id, key, definitions })
}

/// A document that stands where its name says.
fn placed<'a>(document: Document<'a>, path: &str) -> Result<Document<'a>, String> {
    match document.path() {
        place if place == path => Ok(document),
        place => Err(format!("the document at {path} calls itself {}: it belongs at {place}", document.id)),
    }
}

/// The key of the record that a document is about, which it has to be.
fn record_key(main: &Document<'_>) -> Result<KeyKind, String> {
    let id = &main.id;
    if !is_type_name(id) {
        return Err(format!("{id} is no name of a type that can be bound: everything but its end is in lower case"));
    }
    let Some(record) = main.definition("main").transpose()? else {
        return Err(format!(
            "{id} at /defs: has no `main`: a type is judged by a document whose main definition is a record"
        ));
    };
    match record.get("type").and_then(Value::as_text) {
        Some("record") => {}
        other => {
            let kind = other.unwrap_or("nothing");
            return Err(format!("{id} at /defs/main: is a {kind}: a type is judged by a record"));
        }
    }
    let key = record.get("key").and_then(Value::as_text);
    key.and_then(KeyKind::parse)
        .ok_or_else(|| format!("{id} at /defs/main/key: expected tid, nsid, any or literal:VALUE"))
}

/// A definition that something refers to.
struct Wanted {
    document: String,
    name: String,
    /// Who referred to it first, for messages.
    by: String,
    /// Who needs it to describe an object, if anyone does.
    object_for: Option<String>,
}

struct Reader<'a> {
    bundle: Option<&'a Bundle>,
    /// The document whose definition is being read.
    from: String,
    documents: BTreeMap<String, Rc<Document<'a>>>,
    missing: BTreeSet<String>,
    numbers: BTreeMap<String, DefinitionId>,
    wanted: Vec<Wanted>,
}

impl<'a> Reader<'a> {
    /// Every definition that the main one of a document reaches, that one first.
    fn definitions(&mut self, main: &str) -> Result<Vec<Definition>, String> {
        self.want(main, "main", String::new(), false)?;
        let mut definitions = Vec::new();
        while let Some(wanted) = self.wanted.get(definitions.len()) {
            let (document, name) = (wanted.document.clone(), wanted.name.clone());
            definitions.push(self.definition(&document, &name, definitions.len())?);
        }
        // Promises can be checked when everything is here.
        let promises = if self.missing.is_empty() { &self.wanted[..] } else { &[] };
        for (wanted, definition) in promises.iter().zip(&definitions) {
            let object = matches!(definition.kind, Type::Object(_));
            if let Some(by) = wanted.object_for.as_ref().filter(|_| !object) {
                return Err(format!("{by}: `{}` is no object, and a union chooses between objects", definition.name));
            }
        }
        Ok(definitions)
    }

    /// Reads one definition; anything will do while its document is missing.
    fn definition(&mut self, nsid: &str, name: &str, number: usize) -> Result<Definition, String> {
        let full_name = definition_name(nsid, name).into_boxed_str();
        let by = |reader: &Self| reader.wanted[number].by.clone();
        let Some(document) = self.document(nsid).map_err(|error| format!("{}: {error}", by(self)))? else {
            return Ok(Definition { name: full_name, about: None, kind: Type::Unknown });
        };
        let Some(definition) = document.definition(name).transpose()? else {
            let names = document.names();
            return Err(format!("{}: refers to `{full_name}`, and {nsid} defines only {names}", by(self)));
        };
        self.from = nsid.to_owned();
        let defs = Place::key(ROOT, "defs");
        let kind = Parser { refer: self }.definition(&definition, &defs.field(name));
        let kind = kind.map_err(|why| format!("{nsid} {why}"))?;
        let about = about(&definition).map_err(|why| format!("{nsid} {why}"))?;
        Ok(Definition { name: full_name, about, kind })
    }

    /// The document of this NSID, if it is here.
    fn document(&mut self, nsid: &str) -> Result<Option<Rc<Document<'a>>>, String> {
        if let Some(known) = self.documents.get(nsid) {
            return Ok(Some(known.clone()));
        }
        let path = document_path(nsid);
        let Some(bytes) = self.bundle.and_then(|bundle| bundle.get(&path)) else {
            self.missing.insert(path);
            return Ok(None);
        };
        let document = Rc::new(placed(Document::read(&path, bytes)?, &path)?);
        self.documents.insert(nsid.to_owned(), document.clone());
        Ok(Some(document))
    }

    fn want(
        &mut self,
        document: &str,
        name: &str,
        by: String,
        object: bool,
    ) -> Result<(Box<str>, DefinitionId), Wrong> {
        let full_name = definition_name(document, name);
        let id = match self.numbers.get(&full_name) {
            Some(id) => *id,
            None => {
                if self.wanted.len() >= DEFINITIONS {
                    return Err(format!("more than {DEFINITIONS} definitions are within reach of the record"));
                }
                let id = DefinitionId(self.wanted.len());
                self.numbers.insert(full_name.clone(), id);
                let (document, name, by) = (document.to_owned(), name.to_owned(), by.clone());
                self.wanted.push(Wanted { document, name, by, object_for: None });
                id
            }
        };
        if object {
            self.wanted[id.0].object_for.get_or_insert(by);
        }
        Ok((full_name.into(), id))
    }
}

impl Refer for Reader<'_> {
    fn refer(&mut self, reference: &str, object: bool, at: &Place<'_>) -> Result<(Box<str>, DefinitionId), Wrong> {
        let from = std::mem::take(&mut self.from);
        let named = split_reference(&from, reference);
        let named = named.map(|(document, name)| self.want(document, name, format!("{from} at {at}"), object));
        self.from = from;
        named.unwrap_or_else(|| {
            Err(format!("at {at}: `{}` is no reference: expected #NAME, NSID or NSID#NAME", cut(reference)))
        })
    }
}

/// At most 100 bytes of a text, for a message.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(100)]
}
