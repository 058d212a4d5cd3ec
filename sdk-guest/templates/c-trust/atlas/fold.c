// From the trust world, as its generated bindings have it, to `about`, `begin`, `fold` and
// `finish`, and back.

#include "describe.h"
#include "trusting.h"

#include <stdlib.h>
#include <string.h>

ATLAS_DESCRIBE(trust)
ATLAS_CONFIGURE(trust, atlas_no_config)

static void swap(uint8_t *a, uint8_t *b, size_t size) {
    for (; size > 0; size--, a++, b++) {
        uint8_t byte = *a;
        *a = *b;
        *b = byte;
    }
}

// A heap sort: no worse for any order of items.
static void sift(uint8_t *items, size_t root, size_t count, size_t size, bool (*before)(const void *, const void *)) {
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && before(items + child * size, items + (child + 1) * size)) child++;
        if (!before(items + root * size, items + child * size)) return;
        swap(items + root * size, items + child * size, size);
    }
}

void atlas_sort(void *items, size_t count, size_t size, bool (*before)(const void *, const void *)) {
    for (size_t root = count / 2; root-- > 0;) sift(items, root, count, size, before);
    for (size_t end = count; end-- > 1;) {
        swap(items, (uint8_t *)items + end * size, size);
        sift(items, 0, end, size, before);
    }
}

atlas_parts *atlas_explanation(const atlas_standing *standing, uint32_t identity) {
    for (size_t i = 0; i < standing->explanations.len; i++) {
        if (standing->explanations.ptr[i].identity == identity) return &standing->explanations.ptr[i].parts;
    }
    return NULL;
}

atlas_part atlas_cause(atlas_string because, const uint32_t *path, size_t length, int32_t amount) {
    atlas_part part = {.because = {(uint8_t *)because.at, because.length}, .amount = amount};
    part.path.ptr = memcpy(malloc(length * sizeof *path), path, length * sizeof *path);
    part.path.len = length;
    return part;
}

// The question under way, and where its lists are.
static atlas_question asked;
static atlas_kept seeds, explain;

static void *copy(atlas_kept *kept, const void *from, size_t size) {
    return memcpy(atlas_keep(kept, size), from, size);
}

void exports_atlas_trust_trusting_init(atlas_question *question) {
    pile_call_begins();
    asked = *question;
    asked.seeds.ptr = copy(&seeds, question->seeds.ptr, question->seeds.len * sizeof *question->seeds.ptr);
    asked.explain.ptr = copy(&explain, question->explain.ptr, question->explain.len * sizeof *question->explain.ptr);
    begin(&asked);
    pile_call_ends();
}

void exports_atlas_trust_trusting_fold(atlas_edges *chunk) {
    pile_call_begins();
    // What the host promises: scores are written by these numbers.
    for (size_t i = 0; i < chunk->truster.len; i++) {
        if (chunk->truster.ptr[i] >= asked.identities || chunk->trusted.ptr[i] >= asked.identities) abort();
    }
    fold(&asked, chunk);
    pile_call_ends();
}

void exports_atlas_trust_trusting_finish(atlas_standing *ret) {
    pile_call_begins();
    ret->scores.ptr = calloc(asked.identities, sizeof *ret->scores.ptr);
    ret->scores.len = asked.identities;
    ret->explanations.ptr = calloc(asked.explain.len, sizeof *ret->explanations.ptr);
    ret->explanations.len = asked.explain.len;
    for (size_t i = 0; i < asked.explain.len; i++) ret->explanations.ptr[i].identity = asked.explain.ptr[i];
    finish(&asked, ret);
    pile_call_ends();
}
