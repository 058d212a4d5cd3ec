//! Guests for tests: honest ones and hostile ones, made on the spot from WAT, so that no
//! test needs a WASM toolchain.
//!
//! One core module knows every trick by number. [`guest`] builds a component that always
//! does one of them; [`Behaviour::Puppet`] does what the first byte of each record's body
//! says, so that good and bad records can be mixed.

mod roles;

pub use self::roles::{Misdeed, culprit};

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::validator::{Candidate, Entry, Operation};

const TYPES_WIT: &str = include_str!("../../../wit/types-0.1/types.wit");
const VALIDATOR_WIT: &str = include_str!("../../../wit/validator-0.1/validator.wit");
const MODULE_WAT: &str = include_str!("testing/guest.wat");

/// What a guest does with each record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Behaviour {
    /// Calls every record valid, without index entries.
    Valid = 0,
    /// Calls every record invalid: `no-good`, "no good".
    Invalid = 1,
    /// Valid, found under `tag` = the record's type name and `size` = its time.
    Indexed = 2,
    /// Needs `bafyneeded`, unless something is supplied.
    Needs = 3,
    /// Loops for ever.
    Loops = 4,
    /// Grows its memory page by page, for ever.
    GrowsForever = 5,
    /// Asks for 200 pages at once, and tells by its verdict if it survives that.
    AsksForTooMuch = 6,
    /// Asks for more pages than a memory can have, which takes 16.4 million units of fuel,
    /// and tells if it survives that.
    AsksForTheImpossible = 7,
    /// Executes `unreachable`.
    Unreachable = 8,
    /// Divides by zero.
    DividesByZero = 9,
    /// Reads beyond its memory.
    OutOfBounds = 10,
    /// Calls itself for ever.
    Recurses = 11,
    /// Answers with a list that lies outside its memory.
    GarbageList = 12,
    /// Answers with a pointer that lies outside its memory.
    GarbagePointer = 13,
    /// Answers with a list of nearly 2^32 elements.
    GarbageLength = 14,
    /// Gives a reason that is not UTF-8.
    BadUtf8 = 15,
    /// Gives a verdict that does not exist.
    BadCase = 16,
    /// Leaves out the last verdict.
    WrongCount = 17,
    /// Names an index that `rules` does not declare.
    UndeclaredIndex = 18,
    /// Gives an integer for a text index.
    WrongKind = 19,
    /// Gives 65 index entries.
    TooManyEntries = 20,
    /// Gives a reason with a text of 2,000 bytes.
    LongReason = 21,
    /// Valid in the first call of an instance, invalid in every later one.
    KeepsState = 22,
    /// Valid in the first place of a batch, invalid in every other.
    ByPosition = 23,
    /// Goes round a loop as often as the record's time says, then calls it valid.
    Burns = 24,
    /// Calls a null table entry.
    BadCall = 25,
    /// Converts a NaN to an integer.
    BadConversion = 26,
    /// Burns a thousand rounds more in every call of an instance but the first; its
    /// verdict stays the same.
    DearWhenReused = 27,
    /// Names 17 ids in `needs`.
    NeedsTooMuch = 28,
    /// Needs `bafyneeded`, whatever is supplied.
    NeedsForEver = 29,
    /// Does what the first byte of the body says, by these numbers.
    Puppet = 100,
    /// `configure` refuses with "no such thing: the config".
    ConfigureRefuses = 101,
    /// `configure` traps.
    ConfigureTraps = 102,
    /// `configure` loops for ever.
    ConfigureLoops = 103,
    /// `rules` declares 17 indexes.
    TooManyIndexes = 104,
    /// `describe` gives a name that is none.
    BadName = 105,
    /// `configure` asks for the documents `b/c.json` and `d.json` beside `a.json`, unless it is
    /// given more than two bytes.
    ConfigureLacks = 110,
    /// `configure` asks for a document outside its folder.
    ConfigureEscapes = 111,
    /// `rules` declares a workflow with the states `open` and `done`; every record is found under
    /// `state` = the four letters in its body, which has to be `{"state": …}`.
    Flows = 106,
}

impl Behaviour {
    /// Every behaviour that a [`Behaviour::Puppet`] shows on command.
    pub const COMMANDS: &[Self] = &[
        Self::Valid,
        Self::Invalid,
        Self::Indexed,
        Self::Needs,
        Self::Loops,
        Self::GrowsForever,
        Self::AsksForTooMuch,
        Self::AsksForTheImpossible,
        Self::Unreachable,
        Self::DividesByZero,
        Self::OutOfBounds,
        Self::Recurses,
        Self::GarbageList,
        Self::GarbagePointer,
        Self::GarbageLength,
        Self::BadUtf8,
        Self::BadCase,
        Self::WrongCount,
        Self::UndeclaredIndex,
        Self::WrongKind,
        Self::TooManyEntries,
        Self::LongReason,
        Self::KeepsState,
        Self::ByPosition,
        Self::Burns,
        Self::BadCall,
        Self::BadConversion,
        Self::DearWhenReused,
        Self::NeedsTooMuch,
        Self::NeedsForEver,
    ];
}

/// A validator component that behaves so.
#[must_use]
pub fn guest(behaviour: Behaviour) -> Vec<u8> {
    encode(&core_module(behaviour, ""), "", VALIDATOR_WIT)
}

/// The same, under another version of five characters.
#[must_use]
pub fn guest_of_version(behaviour: Behaviour, version: &str) -> Vec<u8> {
    assert_eq!(version.len(), 5, "the guest says its version in five bytes");
    let wat = module_wat(behaviour, "")
        .replace(r#"(data (i32.const 1040) "0.1.0")"#, &format!(r#"(data (i32.const 1040) "{version}")"#));
    encode(&wat::parse_str(wat).expect("the test guest is sound WAT"), "", VALIDATOR_WIT)
}

/// A validator component that also imports a clock of WASI.
#[must_use]
pub fn guest_with_clock() -> Vec<u8> {
    let clock = "package wasi:clocks@0.2.0; interface monotonic-clock { now: func() -> u64; }";
    let wit = VALIDATOR_WIT.replace("world validator {", "world validator { import wasi:clocks/monotonic-clock@0.2.0;");
    let import = r#"(import "wasi:clocks/monotonic-clock@0.2.0" "now" (func (result i64)))"#;
    encode(&core_module(Behaviour::Valid, import), clock, &wit)
}

/// A validator that was built against another version of the worlds, which has a function more.
#[must_use]
pub fn guest_of_worlds(version: &str) -> Vec<u8> {
    let of = |text: &str| text.replace("@0.1.0", &format!("@{version}"));
    let more = "interface validation {\n    since-then: func() -> u32;\n";
    let wit = of(VALIDATOR_WIT).replacen("interface validation {", more, 1);
    let function = r#"(func (export "atlas:validator/validation@0.1.0#since-then") (result i32) (i32.const 7))"#;
    let wat = module_wat(Behaviour::Indexed, "");
    let end = wat.rfind(')').expect("the module ends");
    let wat = of(&format!("{}{function})", &wat[..end]));
    let module = wat::parse_str(wat).expect("the test guest is sound WAT");
    encode_world(&module, &[&of(TYPES_WIT)], &wit, "validator")
}

/// A component that exports `describe` and `configure` and nothing else.
#[must_use]
pub fn guest_without_validation() -> Vec<u8> {
    let wit = VALIDATOR_WIT.replace("    export validation;\n", "");
    encode(&core_module(Behaviour::Valid, ""), "", &wit)
}

/// The core module inside the guests, which is no component.
#[must_use]
pub fn core_guest() -> Vec<u8> {
    core_module(Behaviour::Valid, "")
}

/// A record with this body, whose first byte a puppet obeys.
#[must_use]
pub fn candidate(body: &[u8]) -> Candidate {
    candidate_at(body, 1_700_000_000_000)
}

/// A record with this body and this time.
#[must_use]
pub fn candidate_at(body: &[u8], created: u64) -> Candidate {
    Candidate {
        entry: Entry {
            space: "bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy".into(),
            type_name: "atlas.post".into(),
            author: "bafyreibvcvfxrvhhvqmpvglgndzxkbtmwdtkc4qnyxkn3wmgvkezvaeh2q".into(),
            created,
            key: None,
            operation: Operation::Put,
            links: vec![],
            blobs: vec![],
            expires: None,
            body: body.to_vec(),
        },
        supplied: vec![],
    }
}

/// A record that commands a puppet.
#[must_use]
pub fn command(behaviour: Behaviour) -> Candidate {
    candidate_at(&[behaviour as u8], 10)
}

fn core_module(behaviour: Behaviour, imports: &str) -> Vec<u8> {
    wat::parse_str(module_wat(behaviour, imports)).expect("the test guest is sound WAT")
}

fn module_wat(behaviour: Behaviour, imports: &str) -> String {
    MODULE_WAT.replace(";; IMPORTS", imports).replace("$BEHAVIOUR", &(behaviour as u8).to_string())
}

/// Embeds the validator's world in a core module and encodes both as a component.
fn encode(module: &[u8], dependencies: &str, validator_wit: &str) -> Vec<u8> {
    encode_world(module, &[dependencies, TYPES_WIT], validator_wit, "validator")
}

/// Embeds a world in a core module and encodes both as a component.
fn encode_world(module: &[u8], dependencies: &[&str], wit: &str, world: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let mut push = |path: &str, text: &str| resolve.push_str(path, text).expect("the WIT is sound");
    for (at, dependency) in dependencies.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
        push(&format!("dependency-{at}.wit"), dependency);
    }
    let package = push("world.wit", wit);
    let world = resolve.select_world(&[package], Some(world)).expect("the package has the world");
    let mut module = module.to_vec();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("the world can be embedded");
    ComponentEncoder::default()
        .module(&module)
        .expect("the module fits the world")
        .validate(true)
        .encode()
        .expect("the module can be encoded")
}
