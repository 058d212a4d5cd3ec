//! Spaces and their constitutions.
//!
//! A **space** is a community's shared set of records, named by the BLAKE3 of its signed
//! genesis. A **constitution** says which module decides what: it maps *slots* to *bindings*.
//! The genesis holds the first one; each later one is an [`Amendment`] that names its
//! predecessor. A constitution is named by the BLAKE3 of the signed document that holds it.
//!
//! Signed form of both documents: `[document, key, signature]`. Who may sign an amendment is
//! for the constitution in force to say; this module reads and verifies, it does not judge.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::Timestamp;
use crate::cbor::{DecodeError, Fault, Map, Reader, Value, Writer};
use crate::fields::distinct;
use crate::id::{BlobId, ConstitutionId, IdentityId, PublicKey, SpaceId};
use crate::limits;
use crate::name::{NameError, TypeName};

const GENESIS_DOMAIN: &[u8] = b"atlas/space/1\0";
const AMENDMENT_DOMAIN: &[u8] = b"atlas/amendment/1\0";
const VERSION: u64 = 1;

/// Slots of one constitution.
pub const MOST_SLOTS: usize = 1024;
/// Recorders of one constitution.
pub const MOST_RECORDERS: usize = 64;
/// Bytes of a meter's name.
const METER_BYTES: usize = 32;
/// Bytes of a space's name.
pub const NAME_BYTES: usize = 128;

/// Names whose data a module judges: a role, and what it is played for.
///
/// Text form `role` or `role:subject`, as `validator:atlas.post` or `governance`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Slot {
    /// Judges the records of a type.
    Validator(TypeName),
    /// Any other role: `governance`, `admission`, `trust:NAME`, `ranker:NAME`, `economy`.
    /// Lower-case letters, digits, `-` and `.`, at most one `:`, 128 bytes at most.
    Other(Box<str>),
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Slot::Validator(type_name) => write!(f, "validator:{type_name}"),
            Slot::Other(text) => f.write_str(text),
        }
    }
}

impl FromStr for Slot {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if let Some(type_name) = text.strip_prefix("validator:") {
            return type_name.parse().map(Slot::Validator);
        }
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.:".contains(&b);
        let (role, subject) = text.split_once(':').map_or((text, None), |(role, subject)| (role, Some(subject)));
        let known = ["admission", "economy", "governance", "ranker", "trust"].contains(&role);
        if known
            && text.len() <= 128
            && text.bytes().all(legal)
            && subject.is_none_or(|s| !s.is_empty() && !s.contains(':'))
        {
            Ok(Slot::Other(text.into()))
        } else {
            Err(NameError {
                text: text.chars().take(100).collect(),
                what: "a slot",
                why: "expected validator:TYPE, or admission, economy, governance, ranker or trust, with :NAME where there are several",
            })
        }
    }
}

/// What a slot is bound to. Equal bindings judge equally, on every node, for good.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Binding {
    /// The module: BLAKE3 of its component.
    pub code: BlobId,
    /// Its configuration, given once; none is the empty configuration.
    pub config: Option<BlobId>,
    /// The schedule that fuel is counted under, as `meter/1`.
    pub meter: Box<str>,
    /// Fuel for one record in a fresh instance.
    pub fuel: u64,
    /// Bytes that the linear memories of an instance may have together.
    pub memory: u64,
}

/// Which modules decide what in a space.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Constitution {
    /// Slots and what they are bound to.
    pub slots: BTreeMap<Slot, Binding>,
    /// Who signs cuts.
    pub recorders: Vec<IdentityId>,
    /// Parameters for the bound modules, by their names.
    pub params: Map,
}

/// The document that founds a space.
#[derive(Debug, Clone, PartialEq)]
pub struct Genesis {
    /// Who founds it, and decides until a governance module is bound.
    pub founder: IdentityId,
    /// What the founder calls it. Only a suggestion: each node keeps names of its own.
    pub name: String,
    /// When, by the founder's clock.
    pub created: Timestamp,
    /// Makes two spaces of one founder, name and time different.
    pub nonce: [u8; 16],
    /// The first constitution.
    pub constitution: Constitution,
}

/// The document that changes a constitution.
#[derive(Debug, Clone, PartialEq)]
pub struct Amendment {
    /// The space.
    pub space: SpaceId,
    /// The constitution that this one follows.
    pub follows: ConstitutionId,
    /// 1 for the first after the genesis, then one more each.
    pub number: u64,
    /// When, by the signer's clock.
    pub created: Timestamp,
    /// The whole new constitution.
    pub constitution: Constitution,
}

/// Why bytes are no signed space document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpaceError {
    /// Bytes that break a rule of the format.
    #[error("the space document is {0}")]
    Format(#[from] DecodeError),
    /// Over the limit for documents.
    #[error("the space document has {0} bytes; the limit is {limit}", limit = limits::DOCUMENT_BYTES)]
    TooLarge(usize),
    /// The signature does not verify.
    #[error("the signature of {0} does not verify")]
    Signature(PublicKey),
}

/// A document that is signed by one key.
pub trait Document: Sized {
    /// Sets these signatures apart from all others.
    const DOMAIN: &'static [u8];

    /// Appends the canonical bytes.
    #[doc(hidden)]
    fn write(&self, w: &mut DocumentWriter);

    /// Reads the canonical bytes.
    #[doc(hidden)]
    fn read(r: &mut DocumentReader<'_>) -> Result<Self, DecodeError>;

    /// What the key signs.
    fn signing_bytes(&self) -> Vec<u8> {
        [Self::DOMAIN, &self.encode()].concat()
    }

    /// The canonical bytes.
    fn encode(&self) -> Vec<u8> {
        let mut w = DocumentWriter(Writer::default());
        self.write(&mut w);
        w.0.into_bytes()
    }
}

/// Writes documents; its parts are the crate's own.
pub struct DocumentWriter(Writer);

/// Reads documents; its parts are the crate's own.
pub struct DocumentReader<'a>(Reader<'a>);

impl Constitution {
    fn write(&self, w: &mut Writer) {
        w.array(3);
        w.array(self.slots.len());
        for (slot, binding) in &self.slots {
            w.array(6);
            w.text(&slot.to_string());
            w.bytes(&binding.code.0);
            w.optional_bytes(binding.config.as_ref().map(|config| &config.0[..]));
            w.text(&binding.meter);
            w.uint(binding.fuel);
            w.uint(binding.memory);
        }
        w.array(self.recorders.len());
        self.recorders.iter().for_each(|id| w.bytes(&id.0));
        w.map(&self.params);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(3, "a constitution: slots, recorders, parameters")?;
        let at = r.at();
        let slots = r.list(MOST_SLOTS, "1,024 slots at most", |r| {
            r.tuple(6, "a slot: name, code, config, meter, fuel, memory")?;
            Ok((
                r.parsed::<Slot>("a slot")?,
                Binding {
                    code: BlobId(r.array_of("a code hash of 32 bytes")?),
                    config: r.optional(|r| r.array_of("a config hash of 32 bytes"))?.map(BlobId),
                    meter: meter(r)?,
                    fuel: r.uint()?,
                    memory: r.uint()?,
                },
            ))
        })?;
        if !slots.windows(2).all(|pair| pair[0].0 < pair[1].0) {
            return r.fail(at, Fault::Expected("slots in order, validators first, each once"));
        }
        let at = r.at();
        let recorders = r.list(MOST_RECORDERS, "64 recorders at most", |r| r.array_of("an identity id of 32 bytes"))?;
        if !distinct(&recorders) {
            return r.fail(at, Fault::Expected("each recorder once"));
        }
        let at = r.at();
        let params = match r.value()? {
            Value::Map(params) if params.check().is_ok() => params,
            _ => return r.fail(at, Fault::Expected("a map of parameters that has a JSON form")),
        };
        Ok(Self {
            slots: slots.into_iter().collect(),
            recorders: recorders.into_iter().map(IdentityId).collect(),
            params,
        })
    }
}

fn number(r: &mut Reader<'_>) -> Result<u64, DecodeError> {
    let at = r.at();
    match r.uint()? {
        number if (1..1 << 53).contains(&number) => Ok(number),
        _ => r.fail(at, Fault::Expected("an amendment's number from 1, below 2^53")),
    }
}

fn meter(r: &mut Reader<'_>) -> Result<Box<str>, DecodeError> {
    let at = r.at();
    match r.text()? {
        name if (1..=METER_BYTES).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic()) => {
            Ok(name.into())
        }
        _ => r.fail(at, Fault::Expected("a meter's name of 1 to 32 visible ASCII characters")),
    }
}

fn version(r: &mut Reader<'_>) -> Result<(), DecodeError> {
    let at = r.at();
    if r.uint()? == VERSION { Ok(()) } else { r.fail(at, Fault::Expected("document version 1")) }
}

impl Document for Genesis {
    const DOMAIN: &'static [u8] = GENESIS_DOMAIN;

    fn write(&self, DocumentWriter(w): &mut DocumentWriter) {
        w.array(6);
        w.uint(VERSION);
        w.bytes(&self.founder.0);
        w.text(&self.name);
        w.uint(self.created);
        w.bytes(&self.nonce);
        self.constitution.write(w);
    }

    fn read(DocumentReader(r): &mut DocumentReader<'_>) -> Result<Self, DecodeError> {
        r.tuple(6, "a space genesis of 6 items")?;
        version(r)?;
        let founder = IdentityId(r.array_of("an identity id of 32 bytes")?);
        let at = r.at();
        let name = r.text()?;
        if name.is_empty() || name.len() > NAME_BYTES || name.chars().any(char::is_control) {
            return r.fail(at, Fault::Expected("a name of 1 to 128 bytes without control characters"));
        }
        Ok(Self {
            founder,
            name: name.to_owned(),
            created: r.timestamp()?,
            nonce: r.array_of("a nonce of 16 bytes")?,
            constitution: Constitution::read(r)?,
        })
    }
}

impl Document for Amendment {
    const DOMAIN: &'static [u8] = AMENDMENT_DOMAIN;

    fn write(&self, DocumentWriter(w): &mut DocumentWriter) {
        w.array(6);
        w.uint(VERSION);
        w.bytes(&self.space.0);
        w.bytes(&self.follows.0);
        w.uint(self.number);
        w.uint(self.created);
        self.constitution.write(w);
    }

    fn read(DocumentReader(r): &mut DocumentReader<'_>) -> Result<Self, DecodeError> {
        r.tuple(6, "an amendment of 6 items")?;
        version(r)?;
        Ok(Self {
            space: SpaceId(r.array_of("a space id of 32 bytes")?),
            follows: ConstitutionId(r.array_of("a constitution id of 32 bytes")?),
            number: number(r)?,
            created: r.timestamp()?,
            constitution: Constitution::read(r)?,
        })
    }
}

/// A document with the key that signed it, as received and verified.
#[derive(Debug, Clone, PartialEq)]
pub struct Signed<D> {
    document: D,
    key: PublicKey,
    bytes: Box<[u8]>,
    digest: [u8; 32],
}

impl<D: Document> Signed<D> {
    /// Puts a signature to a document.
    #[cfg(feature = "crypto")]
    pub fn new(document: D, key: &crate::sign::SecretKey) -> Result<Self, SpaceError> {
        let signature = key.sign(&document.signing_bytes());
        let mut w = Writer::default();
        w.array(3);
        w.raw(&document.encode());
        w.bytes(&key.public().0);
        w.bytes(&signature);
        Self::decode(&w.into_bytes())
    }

    /// Reads canonical bytes and verifies the signature.
    #[cfg(feature = "crypto")]
    pub fn decode(bytes: &[u8]) -> Result<Self, SpaceError> {
        if bytes.len() > limits::DOCUMENT_BYTES {
            return Err(SpaceError::TooLarge(bytes.len()));
        }
        let mut r = DocumentReader(Reader::new(bytes));
        r.0.tuple(3, "a signed document: document, key, signature")?;
        let document = D::read(&mut r)?;
        let key = PublicKey(r.0.array_of("a public key of 32 bytes")?);
        let signature: [u8; 64] = r.0.array_of("a signature of 64 bytes")?;
        r.0.end()?;
        if !crate::sign::verify(&key, &document.signing_bytes(), &signature) {
            return Err(SpaceError::Signature(key));
        }
        Ok(Self { document, key, digest: *blake3::hash(bytes).as_bytes(), bytes: bytes.into() })
    }

    /// The document.
    pub fn document(&self) -> &D {
        &self.document
    }

    /// Who signed it.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The bytes as received.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The name of the constitution that the document holds.
    pub fn constitution_id(&self) -> ConstitutionId {
        ConstitutionId(self.digest)
    }
}

impl Signed<Genesis> {
    /// The space that this founds.
    pub fn space_id(&self) -> SpaceId {
        SpaceId(self.digest)
    }
}
