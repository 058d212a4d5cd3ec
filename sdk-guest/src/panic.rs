//! How the message of a panic reaches the author of a module.
//!
//! A module imports nothing, so it cannot print, and a panic is a trap. Before it traps it
//! leaves a **panic note** in its linear memory, which a host that reads the memory of a
//! trapped instance (under wasmtime, through `Config::coredump_on_trap`) can look for:
//!
//! | offset | length | content |
//! |---|---|---|
//! | 0 | 12 | [`MARKER`]: `atlas-panic\0` |
//! | 12 | 4 | `n`, the length of the message: `u32`, little endian, 1 to [`MESSAGE_BYTES`] |
//! | 16 | `n` | the message, UTF-8: `src/lib.rs:12:34: the votes add up to 90` |
//!
//! The note stands at an address that is a multiple of 16, once per memory. The marker may
//! stand elsewhere too (the code that writes the note holds it): [`find`] skips what is no
//! note. The note is a guest's word: show it to people, cut and escaped; let no verdict
//! depend on it.

/// The first bytes of a panic note.
pub const MARKER: [u8; 12] = *b"atlas-panic\0";
/// Most bytes of a message; a longer one is cut.
pub const MESSAGE_BYTES: usize = 1024 - 16;

/// The message of the panic note in this linear memory, if there is one.
pub fn find(memory: &[u8]) -> Option<&str> {
    memory.chunks_exact(16).enumerate().filter(|(_, head)| head.starts_with(&MARKER)).find_map(|(at, head)| {
        let length = u32::from_le_bytes(head[12..].try_into().expect("16 - 12 = 4 bytes"));
        let length = usize::try_from(length).ok().filter(|length| (1..=MESSAGE_BYTES).contains(length))?;
        std::str::from_utf8(memory[(at + 1) * 16..].get(..length)?).ok()
    })
}

/// Writes the note. Called before every export; only the first call does something.
#[cfg(target_arch = "wasm32")]
pub(crate) fn install_hook() {
    use std::sync::atomic::{AtomicBool, Ordering};

    static INSTALLED: AtomicBool = AtomicBool::new(false);
    if !INSTALLED.swap(true, Ordering::Relaxed) {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(|place| (place.file(), place.line(), place.column()));
            note::write(place, panic.payload_as_str().unwrap_or("a panic whose payload is not text"));
        }));
    }
}

#[cfg(target_arch = "wasm32")]
mod note {
    use std::cell::UnsafeCell;
    use std::fmt::{self, Write as _};

    use super::{MARKER, MESSAGE_BYTES};

    #[repr(C, align(16))]
    struct Note {
        marker: [u8; 12],
        length: u32,
        message: [u8; MESSAGE_BYTES],
    }

    struct Place(UnsafeCell<Note>);

    // SAFETY: a module has one thread.
    unsafe impl Sync for Place {}

    // All zero, so that it takes no room in the module; the marker is written with the note.
    static NOTE: Place = Place(UnsafeCell::new(Note { marker: [0; 12], length: 0, message: [0; MESSAGE_BYTES] }));

    struct Cursor<'a>(&'a mut Note);

    impl fmt::Write for Cursor<'_> {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let at = self.0.length as usize;
            let fits = text.floor_char_boundary(MESSAGE_BYTES - at);
            self.0.message[at..at + fits].copy_from_slice(&text.as_bytes()[..fits]);
            self.0.length += fits as u32;
            Ok(())
        }
    }

    pub(super) fn write(place: Option<(&str, u32, u32)>, message: &str) {
        // SAFETY: one thread, and the hook does not panic: no second reference can exist.
        let note = unsafe { &mut *NOTE.0.get() };
        note.marker = MARKER;
        note.length = 0;
        let mut cursor = Cursor(note);
        if let Some((file, line, column)) = place {
            let _ = write!(cursor, "{file}:{line}:{column}: ");
        }
        let _ = cursor.write_str(message);
        // The trap follows at once, and nothing in here reads the note: keep the writes.
        std::hint::black_box(NOTE.0.get());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(at: usize, length: u32, message: &[u8]) -> Vec<u8> {
        let mut memory = vec![0; 4096];
        memory[at..at + 12].copy_from_slice(&MARKER);
        memory[at + 12..at + 16].copy_from_slice(&length.to_le_bytes());
        memory[at + 16..at + 16 + message.len()].copy_from_slice(message);
        memory
    }

    #[test]
    fn a_note_is_found_where_it_stands() {
        assert_eq!(find(&memory(1600, 4, b"oops")), Some("oops"));
        assert_eq!(find(&memory(4080, 0, b"")), None);
        assert_eq!(find(&[]), None);
    }

    #[test]
    fn what_only_looks_like_a_note_is_skipped() {
        assert_eq!(find(&memory(16, 0, b"")), None);
        assert_eq!(find(&memory(16, u32::MAX, b"oops")), None);
        assert_eq!(find(&memory(16, 2, b"\xff\xff")), None);
        assert_eq!(find(&memory(4080, 20, b"")), None, "cut off by the end of the memory");
        let mut two = memory(16, 0, b"");
        two[1600..].copy_from_slice(&memory(0, 4, b"oops")[..4096 - 1600]);
        assert_eq!(find(&two), Some("oops"));
    }
}
