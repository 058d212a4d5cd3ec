//! What a guest left in its memory when it panicked, for the author of the module.
//!
//! A pure guest imports nothing, so it cannot print; a guest built with the SDK leaves a *note*
//! before it traps: at an address divisible by 16 the marker `atlas-panic\0`, a length as
//! little-endian `u32` (1 to 1,008), and that many bytes of UTF-8. The runtime hands out the
//! memories of a trapped instance. The note is the guest's word: people read it, no verdict
//! depends on it.

use wasmtime::{AsContext, WasmCoreDump};

const MARKER: &[u8; 12] = b"atlas-panic\0";
const MOST_BYTES: usize = 1008;
/// Bytes of a memory that are searched: the SDK keeps the note among the statics, which come
/// first.
const SEARCHED: usize = 4 << 20;

/// The note of a call that failed, made fit for a terminal.
pub(crate) fn of(error: &wasmtime::Error, store: impl AsContext) -> Option<String> {
    let dump = error.downcast_ref::<WasmCoreDump>()?;
    let context = store.as_context();
    let found = dump.memories().iter().find_map(|memory| find(memory.data(&context)))?;
    Some(found.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect())
}

fn find(memory: &[u8]) -> Option<&str> {
    let memory = &memory[..memory.len().min(SEARCHED)];
    memory.chunks_exact(16).enumerate().filter(|(_, head)| head.starts_with(MARKER)).find_map(|(at, head)| {
        let length = u32::from_le_bytes(head[12..].try_into().expect("16 - 12 = 4 bytes"));
        let length = usize::try_from(length).ok().filter(|length| (1..=MOST_BYTES).contains(length))?;
        std::str::from_utf8(memory[(at + 1) * 16..].get(..length)?).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::find;

    fn memory(length: u32, text: &[u8]) -> Vec<u8> {
        let mut memory = vec![0; 64];
        memory[16..28].copy_from_slice(b"atlas-panic\0");
        memory[28..32].copy_from_slice(&length.to_le_bytes());
        memory.truncate(32);
        memory.extend_from_slice(text);
        memory
    }

    #[test]
    fn only_a_whole_note_is_read() {
        assert_eq!(find(&memory(4, b"here, and more")), Some("here"));
        for (length, text) in [(0, &b"x"[..]), (5, b"four"), (u32::MAX, b"x"), (2, b"\xff\xff")] {
            assert_eq!(find(&memory(length, text)), None);
        }
    }
}
