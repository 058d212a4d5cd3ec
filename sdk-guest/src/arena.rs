//! The allocator of modules: an arena that empties itself between calls.
//!
//! A call into a module decodes some records, judges them, and lets go of everything. So an
//! allocation moves a pointer, a release counts down, and when nothing of the call is left
//! the pointer returns to where it was after `configure`. What a validator keeps beyond that
//! stays valid; it only keeps the arena from emptying, until the host takes a fresh instance.
//! Measured on package records, this takes well under half of the fuel of a general allocator.

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32;
use core::cell::UnsafeCell;
use core::ptr;

/// Bytes of a WebAssembly page.
const PAGE: usize = 64 * 1024;

/// The module's memory beyond its statics.
pub(crate) struct Arena(UnsafeCell<State>);

struct State {
    /// What lies below stays.
    mark: usize,
    /// Where the next allocation begins.
    top: usize,
    /// The end of the memory there is.
    end: usize,
    /// Allocations above the mark.
    live: usize,
}

// SAFETY: modules of the `pure` profile have one thread.
unsafe impl Sync for Arena {}

unsafe extern "C" {
    /// Set by the linker: the first byte behind the statics and the stack.
    static __heap_base: u8;
}

#[global_allocator]
static ARENA: Arena = Arena(UnsafeCell::new(State { mark: 0, top: 0, end: 0, live: 0 }));

/// Keeps everything that is allocated now: called at the end of `configure`.
pub(crate) fn keep() {
    // SAFETY: one thread, and no reference to the state outlives a function of this file.
    let state = unsafe { &mut *ARENA.0.get() };
    (state.mark, state.live) = (state.top, 0);
}

impl State {
    #[inline(never)]
    fn alloc(&mut self, layout: Layout) -> *mut u8 {
        if self.end == 0 {
            self.top = (&raw const __heap_base).addr();
            self.mark = self.top;
            self.end = wasm32::memory_size::<0>() * PAGE;
        }
        let start = self.top.next_multiple_of(layout.align());
        let Some(top) = start.checked_add(layout.size()) else { return ptr::null_mut() };
        if top > self.end && !self.grow(top) {
            return ptr::null_mut();
        }
        self.top = top;
        self.live += 1;
        ptr::with_exposed_provenance_mut(start)
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, to: usize) -> bool {
        let pages = (to - self.end).div_ceil(PAGE);
        let grown = wasm32::memory_grow::<0>(pages) != usize::MAX;
        self.end += if grown { pages * PAGE } else { 0 };
        grown
    }

    #[inline(never)]
    fn dealloc(&mut self, start: usize, size: usize) {
        if start < self.mark {
            return;
        }
        if start + size == self.top {
            self.top = start;
        }
        self.live -= 1;
        if self.live == 0 {
            self.top = self.mark;
        }
    }
}

// SAFETY: allocations are disjoint, because `top` only moves back over what was released:
// over the last allocation, or over all of them once none is live.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `keep`.
        unsafe { &mut *self.0.get() }.alloc(layout)
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: as in `keep`.
        unsafe { &mut *self.0.get() }.dealloc(start.addr(), layout.size());
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as in `keep`.
        let state = unsafe { &mut *self.0.get() };
        let last = start.addr() + layout.size() == state.top;
        if last && start.addr() >= state.mark {
            let top = start.addr() + size;
            if top <= state.end || state.grow(top) {
                state.top = top;
                return start;
            }
            return ptr::null_mut();
        }
        if size <= layout.size() {
            return start;
        }
        // SAFETY: the caller's size is legal for the alignment, by the contract of `realloc`.
        let new = state.alloc(unsafe { Layout::from_size_align_unchecked(size, layout.align()) });
        if !new.is_null() {
            // SAFETY: both are live, disjoint, and at least as long as the old size.
            unsafe { ptr::copy_nonoverlapping(start, new, layout.size()) };
            state.dealloc(start.addr(), layout.size());
        }
        new
    }
}
