//! What is left of WASI is answered for within the component, and nothing else is let pass.

use atlas_engine::testing::{candidate, guest, guest_with_clock};
use atlas_engine::{Binding, CodeHash, Outcome};
use atlas_registry::RegistryError;
use atlas_registry::pure::purify;

use crate::support::{ENGINE, component};

/// What runtimes ask of WASI, as far as the guest does. The names and shapes are WASI's.
const WASI: [&str; 5] = [
    "package wasi:io@0.2.3;
     interface error { resource error { to-debug-string: func() -> string; } }
     interface poll {
       resource pollable { ready: func() -> bool; block: func(); }
       poll: func(in: list<borrow<pollable>>) -> list<u32>;
     }
     interface streams {
       use error.{error};
       variant stream-error { last-operation-failed(error), closed }
       resource input-stream { read: func(len: u64) -> result<list<u8>, stream-error>; }
       resource output-stream {
         check-write: func() -> result<u64, stream-error>;
         write: func(contents: list<u8>) -> result<_, stream-error>;
       }
     }",
    "package wasi:clocks@0.2.3;
     interface wall-clock { record datetime { seconds: u64, nanoseconds: u32 } now: func() -> datetime; }
     interface monotonic-clock {
       use wasi:io/poll@0.2.3.{pollable};
       now: func() -> u64; resolution: func() -> u64; subscribe-duration: func(when: u64) -> pollable;
     }",
    "package wasi:random@0.2.3;
     interface random { get-random-bytes: func(len: u64) -> list<u8>; get-random-u64: func() -> u64; }
     interface insecure-seed { insecure-seed: func() -> tuple<u64, u64>; }",
    "package wasi:cli@0.2.3;
     interface environment {
       get-environment: func() -> list<tuple<string, string>>; initial-cwd: func() -> option<string>;
     }
     interface stdin { use wasi:io/streams@0.2.3.{input-stream}; get-stdin: func() -> input-stream; }
     interface stdout { use wasi:io/streams@0.2.3.{output-stream}; get-stdout: func() -> output-stream; }",
    "package wasi:filesystem@0.2.3;
     interface types { enum error-code { access, unsupported } resource descriptor { sync: func() -> result<_, error-code>; } }
     interface preopens { use types.{descriptor}; get-directories: func() -> list<tuple<descriptor, string>>; }",
];

const IMPORTS: [&str; 9] = [
    "wasi:clocks/wall-clock@0.2.3",
    "wasi:clocks/monotonic-clock@0.2.3",
    "wasi:io/poll@0.2.3",
    "wasi:random/random@0.2.3",
    "wasi:random/insecure-seed@0.2.3",
    "wasi:cli/environment@0.2.3",
    "wasi:cli/stdin@0.2.3",
    "wasi:cli/stdout@0.2.3",
    "wasi:filesystem/preopens@0.2.3",
];

const ASKING: &str = include_str!("asking.wat");

#[test]
fn every_answer_of_the_stub_is_the_one_that_never_differs() {
    let foreign = component(ASKING, &WASI, &IMPORTS);
    assert!(atlas_engine::inspect(&foreign).is_err(), "the node takes none with imports");
    let pure = purify(&foreign).unwrap();
    assert!(pure.stubbed.iter().any(|name| name == "wasi:filesystem/preopens@0.2.3"), "{:?}", pure.stubbed);
    assert!(atlas_engine::inspect(&pure.component).unwrap().type_imports.iter().all(|name| name.starts_with("atlas:")));
    // The guest asks in `describe`, and traps at the first answer that is another.
    assert_eq!(ENGINE.describe(&pure.component).unwrap().name, "test:guest");
    let validator = ENGINE.validator(&pure.component, Binding::new(CodeHash::of(&pure.component))).unwrap();
    let judged = validator.validate(&[candidate(b"a"), candidate(b"b")]);
    assert!(judged.iter().all(|it| it.outcome == Outcome::Valid(Vec::new())), "{judged:?}");
}

#[test]
fn the_same_component_makes_the_same_bytes() {
    let foreign = component(ASKING, &WASI, &IMPORTS);
    assert_eq!(purify(&foreign).unwrap(), purify(&foreign).unwrap());
}

#[test]
fn what_is_pure_already_is_left_alone() {
    let pure = guest(atlas_engine::testing::Behaviour::Valid);
    let again = purify(&pure).unwrap();
    assert_eq!((again.component, again.stubbed), (pure, Vec::new()));
}

#[test]
fn one_clock_is_as_good_as_all_of_wasi() {
    let pure = purify(&guest_with_clock()).unwrap();
    assert_eq!(pure.stubbed, ["wasi:clocks/monotonic-clock@0.2.0"]);
    assert_eq!(ENGINE.describe(&pure.component).unwrap().name, "test:guest");
}

/// The guest without its questions, and with another import that it calls.
fn quiet(interface: &str, function: &str) -> String {
    let kept = ASKING.lines().filter(|line| !line.contains("(import \""));
    let text: String = kept.map(|line| format!("{line}\n")).collect();
    let (before, after) = text.split_once("  (func $clocks").unwrap();
    let (_, after) = after.split_once("  (func (export \"atlas:types/module@0.1.0#configure\")").unwrap();
    let before =
        before.replace("(call $clocks) (call $chance) (call $streams) (call $nothing-else)", "(call $foreign)");
    let import = format!("(module\n  (import {interface:?} {function:?} (func $foreign))\n");
    let text = format!("{before}  (func (export \"atlas:types/module@0.1.0#configure\"){after}");
    text.replacen("(module\n", &import, 1)
}

#[test]
fn any_other_import_is_refused_with_the_list() {
    for (package, interface) in [
        ("package acme:net@1.0.0; interface socket { resource peer; open: func(); }", "acme:net/socket@1.0.0"),
        ("package wasi:nn@0.1.0; interface graph { resource peer; open: func(); }", "wasi:nn/graph@0.1.0"),
        ("package wasi:cli@0.3.0; interface run { resource peer; open: func(); }", "wasi:cli/run@0.3.0"),
    ] {
        let foreign = component(&quiet(interface, "open"), &[package], &[interface]);
        let Err(RegistryError::Foreign(names)) = purify(&foreign) else { panic!("{interface} is refused") };
        assert!(names.contains(&format!("{interface}#open")), "{names:?}");
    }
}

#[test]
fn what_is_no_component_of_a_role_is_refused_and_the_error_says_why() {
    let why = |bytes: &[u8]| purify(bytes).unwrap_err().to_string();
    assert!(why(b"just text").contains("no component"));
    assert!(why(&atlas_engine::testing::core_guest()).contains("core WebAssembly module"));
    assert!(why(&atlas_engine::testing::guest_without_validation()).contains("atlas:validator/validation"));
}
