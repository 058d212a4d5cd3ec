// What a module needs of a standard library: copying, and memory.
//
// Memory is a pile that is taken away whole. A call into the module puts its arguments and
// answers on it; when the next call begins, everything above the mark goes at once, so nothing
// is freed one by one and nothing can leak from one record into another. The mark stands where
// `configure` left the pile.

#include "pile.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 65536u

// Set by the linker: the first byte behind the stack and the statics.
extern unsigned char __heap_base;

static uintptr_t mark, top;
static int call_is_over;

static void begin(void) {
    if (mark == 0) mark = top = ((uintptr_t)&__heap_base + 15) & ~(uintptr_t)15;
    if (call_is_over) {
        top = mark;
        call_is_over = 0;
    }
}

void pile_keep(void) {
    mark = top;
}

void pile_call_begins(void) {
    begin();
}

void pile_call_ends(void) {
    call_is_over = 1;
}

void *aligned_alloc(size_t alignment, size_t size) {
    begin();
    uintptr_t start = (top + alignment - 1) & ~(uintptr_t)(alignment - 1);
    uintptr_t have = (uintptr_t)__builtin_wasm_memory_size(0) * PAGE;
    if (size > UINT32_MAX - start) abort();
    uintptr_t end = start + size;
    if (end > have && __builtin_wasm_memory_grow(0, (end - have + PAGE - 1) / PAGE) == (size_t)-1) abort();
    top = end;
    return (void *)start;
}

void *malloc(size_t size) {
    return aligned_alloc(16, size);
}

void *calloc(size_t count, size_t size) {
    if (size != 0 && count > UINT32_MAX / size) abort();
    return memset(malloc(count * size), 0, count * size);
}

// The host allocates arguments and answers through this.
__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *old, size_t old_size, size_t alignment, size_t size) {
    void *place = aligned_alloc(alignment, size);
    return old_size == 0 ? place : memcpy(place, old, old_size < size ? old_size : size);
}

// How much stands at `old` is not known, but nothing behind it is anybody else's: reading on
// copies too much and no harm.
void *realloc(void *old, size_t size) {
    void *place = malloc(size);
    uintptr_t behind = (uintptr_t)place - (uintptr_t)old;
    return old == NULL ? place : memcpy(place, old, size < behind ? size : behind);
}

void free(void *pointer) {
    (void)pointer;
}

_Noreturn void abort(void) {
    __builtin_trap();
}

void *memcpy(void *restrict to, const void *restrict from, size_t count) {
    unsigned char *t = to;
    const unsigned char *f = from;
    while (count-- > 0) *t++ = *f++;
    return to;
}

void *memmove(void *to, const void *from, size_t count) {
    unsigned char *t = to;
    const unsigned char *f = from;
    if (t <= f) return memcpy(to, from, count);
    while (count-- > 0) t[count] = f[count];
    return to;
}

void *memset(void *to, int byte, size_t count) {
    unsigned char *t = to;
    while (count-- > 0) *t++ = (unsigned char)byte;
    return to;
}

int memcmp(const void *a, const void *b, size_t count) {
    const unsigned char *x = a, *y = b;
    for (; count > 0; count--, x++, y++) {
        if (*x != *y) return *x < *y ? -1 : 1;
    }
    return 0;
}

size_t strlen(const char *text) {
    size_t length = 0;
    while (text[length] != 0) length++;
    return length;
}

int strcmp(const char *a, const char *b) {
    while (*a != 0 && *a == *b) a++, b++;
    return (unsigned char)*a - (unsigned char)*b;
}
