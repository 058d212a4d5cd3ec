// Canonical DAG-CBOR: shortest forms, definite lengths, keys that are text, in order and once each,
// floats of 64 bits, no tag but 42 with a CID in it, 32 levels at most.

#include "canonical.h"

#include "answer.h"

#include <string.h>

// Values inside one another at most.
#define DEPTH 32

static const char truncated[] = "the input ends inside an item";

typedef struct {
    const uint8_t *start, *at, *end;
    atlas_fault *fault;
    // A refusal already, so that none is written for a text that is no UTF-8.
    atlas_answer refused;
} reader;

// The head of an item: where it stands, its major type and its argument.
typedef struct {
    const uint8_t *at;
    unsigned major;
    uint64_t argument;
} head;

static bool fail(reader *in, const uint8_t *at, const char *what) {
    *in->fault = (atlas_fault){(size_t)(at - in->start), what};
    return false;
}

static uint64_t number(const uint8_t *at, size_t bytes) {
    uint64_t number = 0;
    while (bytes-- > 0) number = number << 8 | *at++;
    return number;
}

static bool read_head(reader *in, head *found) {
    if (in->at == in->end) return fail(in, in->at, truncated);
    *found = (head){in->at, *in->at >> 5, *in->at & 31};
    in->at++;
    if (found->argument < 24) return true;
    if (found->argument == 31) return fail(in, found->at, "an indefinite length");
    if (found->argument > 27) return fail(in, found->at, "a simple value other than false, true and null");
    size_t bytes = (size_t)1 << (found->argument - 24);
    if ((size_t)(in->end - in->at) < bytes) return fail(in, in->at, truncated);
    found->argument = number(in->at, bytes);
    in->at += bytes;
    if (found->argument < (bytes == 1 ? 24 : (uint64_t)1 << (4 * bytes))) {
        return fail(in, found->at, "an integer or length is not in its shortest form");
    }
    return true;
}

// Whether the rest can hold so many elements of `least` bytes.
static bool has_room(reader *in, const head *of, size_t least) {
    return of->argument <= (size_t)(in->end - in->at) / least || fail(in, of->at, truncated);
}

static bool text(reader *in, const head *of) {
    if (!has_room(in, of, 1)) return false;
    in->at += of->argument;
    atlas_text read = atlas_as_text((atlas_field){&in->refused, "", of->at, in->end});
    return read.field.at != NULL || fail(in, of->at, "text that is not UTF-8");
}

// Unsigned LEB128 in its shortest form, 9 bytes at most.
static bool varint(const uint8_t **at, const uint8_t *end, uint64_t *value) {
    *value = 0;
    for (unsigned i = 0; i < 9 && *at < end; i++) {
        uint8_t byte = *(*at)++;
        *value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) return byte != 0 || i == 0;
    }
    return false;
}

// The binary form of a CID of version 0 or 1, with a digest of 64 bytes at most.
static bool is_cid(const uint8_t *at, const uint8_t *end) {
    if (end - at == 34 && at[0] == 0x12 && at[1] == 0x20) return true;
    uint64_t version, codec, hash, length;
    return varint(&at, end, &version) && version == 1 && varint(&at, end, &codec) && varint(&at, end, &hash) &&
        varint(&at, end, &length) && length == (uint64_t)(end - at) && length <= 64;
}

static bool tag(reader *in, const head *of) {
    if (of->argument != 42) return fail(in, of->at, "a tag other than 42");
    head bytes;
    if (read_head(in, &bytes) && bytes.major == 2 && has_room(in, &bytes, 1)) {
        const uint8_t *cid = in->at;
        in->at += bytes.argument;
        if (cid < in->at && *cid == 0 && is_cid(cid + 1, in->at)) return true;
    }
    return fail(in, of->at, "tag 42 that does not hold a CID");
}

static bool simple(reader *in) {
    const uint8_t *at = in->at++;
    switch (*at) {
        case 0xf4:
        case 0xf5:
        case 0xf6:
            return true;
        case 0xf9:
        case 0xfa:
            return fail(in, at, "a float that is not 64 bits wide");
        case 0xfb: {
            if (in->end - in->at < 8) return fail(in, in->at, truncated);
            uint64_t bits = number(in->at, 8);
            in->at += 8;
            if ((bits >> 52 & 0x7ff) == 0x7ff) return fail(in, at, "a float that is not finite");
            return bits != (uint64_t)1 << 63 || fail(in, at, "the float -0.0, which has no place beside 0.0");
        }
        case 0xff:
            return fail(in, at, "an indefinite length");
        default:
            return fail(in, at, "a simple value other than false, true and null");
    }
}

static bool value(reader *in, unsigned depth);

static bool map(reader *in, uint64_t count, unsigned depth) {
    const uint8_t *last = NULL;
    for (size_t length = 0; count > 0; count--) {
        const uint8_t *at = in->at;
        if (at < in->end && *at >> 5 != 3) return fail(in, at, "a map key that is not text");
        head key;
        if (!read_head(in, &key) || !text(in, &key)) return false;
        // Encoded keys stand in the order of their bytes: the shorter ones begin with less.
        size_t size = (size_t)(in->at - at);
        int order = last == NULL ? -1 : memcmp(last, at, size < length ? size : length);
        if (order == 0) return fail(in, at, "a map key appears twice");
        if (order > 0) return fail(in, at, "map keys are out of order");
        last = at;
        length = size;
        if (!value(in, depth + 1)) return false;
    }
    return true;
}

static bool value(reader *in, unsigned depth) {
    if (in->at == in->end) return fail(in, in->at, truncated);
    if (*in->at >> 5 == 7) return simple(in);
    head of;
    if (!read_head(in, &of)) return false;
    switch (of.major) {
        case 0:
        case 1:
            return true;
        case 2:
            if (!has_room(in, &of, 1)) return false;
            in->at += of.argument;
            return true;
        case 3:
            return text(in, &of);
        case 4:
        case 5:
            if (depth >= DEPTH) return fail(in, of.at, "more than 32 levels");
            if (!has_room(in, &of, of.major - 3)) return false;
            if (of.major == 5) return map(in, of.argument, depth);
            for (uint64_t left = of.argument; left > 0; left--) {
                if (!value(in, depth + 1)) return false;
            }
            return true;
        default:
            return tag(in, &of);
    }
}

bool atlas_canonical(const uint8_t *bytes, size_t length, atlas_fault *fault) {
    reader in = {.start = bytes, .at = bytes, .end = bytes + length, .fault = fault, .refused = {.code = "not-canonical"}};
    if (!value(&in, 0)) return false;
    return in.at == in.end || fail(&in, in.at, "bytes follow the value");
}
