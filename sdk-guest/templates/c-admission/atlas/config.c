// Configs: canonical DAG-CBOR, or JSON, which is made into it and then read as a body is.
//
// A config holds names, lists and whole numbers: the JSON has no fractions, no `$link` and no
// `$bytes`.

#include "config.h"

#include "answer.h"
#include "canonical.h"

#include <stdlib.h>
#include <string.h>

// Values inside one another at most.
#define DEPTH 32

typedef struct {
    // The text, and where the next byte of it stands: always between characters.
    const uint8_t *start, *at, *end;
    // Where the next byte of the DAG-CBOR goes.
    uint8_t *out;
    // What was expected where the reader stopped.
    const char *expected;
} reader;

static bool fail(reader *in, const char *expected) {
    in->expected = expected;
    return false;
}

// The next byte that is no white space; -1 at the end.
static int peek(reader *in) {
    while (in->at < in->end && (*in->at == ' ' || *in->at == '\t' || *in->at == '\n' || *in->at == '\r')) in->at++;
    return in->at < in->end ? *in->at : -1;
}

static bool takes(reader *in, char byte) {
    bool here = peek(in) == byte;
    in->at += here;
    return here;
}

static bool begins(const reader *in, const char *word) {
    size_t length = strlen(word);
    return (size_t)(in->end - in->at) >= length && memcmp(in->at, word, length) == 0;
}

// Writes the head of an item, 9 bytes at most, and gives what comes behind it.
static uint8_t *put_head(uint8_t *at, unsigned major, uint64_t argument) {
    if (argument < 24) {
        *at = (uint8_t)(major << 5 | argument);
        return at + 1;
    }
    unsigned size = argument < 1 << 8 ? 0 : argument < 1 << 16 ? 1 : argument >> 32 == 0 ? 2 : 3;
    *at++ = (uint8_t)(major << 5 | (24 + size));
    for (unsigned shift = 8u << size; shift > 0; shift -= 8) *at++ = (uint8_t)(argument >> (shift - 8));
    return at;
}

// Puts a head before what was written since `start`.
static void enclose(reader *in, uint8_t *start, unsigned major, uint64_t argument) {
    uint8_t head[9];
    size_t size = (size_t)(put_head(head, major, argument) - head);
    memmove(start + size, start, (size_t)(in->out - start));
    memcpy(start, head, size);
    in->out += size;
}

static bool word(reader *in, const char *word, uint8_t simple) {
    if (!begins(in, word)) return fail(in, "a value");
    in->at += strlen(word);
    *in->out++ = simple;
    return true;
}

static bool number(reader *in) {
    static const char expected[] = "a whole number of 64 bits";
    bool negative = *in->at == '-';
    const uint8_t *first = in->at + negative, *at = first;
    uint64_t most = (uint64_t)INT64_MAX + negative, value = 0;
    for (; at < in->end && *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = *at - '0';
        if (value > (most - digit) / 10) return fail(in, expected);
        value = value * 10 + digit;
    }
    bool more = at < in->end && (*at == '-' || *at == '+' || *at == '.' || *at == 'e' || *at == 'E');
    if (at == first || more || (*first == '0' && (negative || at - first > 1))) return fail(in, expected);
    in->at = at;
    in->out = negative ? put_head(in->out, 1, value - 1) : put_head(in->out, 0, value);
    return true;
}

// Four hexadecimal digits.
static bool unit(reader *in, uint32_t *value) {
    const uint8_t *at = in->at;
    if (in->end - at < 4 || (in->end - at > 4 && (at[4] & 0xc0) == 0x80)) return false;
    *value = 0;
    for (in->at += 4; at < in->at; at++) {
        uint8_t letter = *at | 0x20;
        if (!(*at >= '0' && *at <= '9') && !(letter >= 'a' && letter <= 'f')) return false;
        *value = *value << 4 | (uint32_t)(*at <= '9' ? *at - '0' : letter - 'a' + 10);
    }
    return true;
}

// A code point as one unit of UTF-16, or as two; written as UTF-8.
static bool unicode(reader *in) {
    uint32_t code, second;
    bool good = unit(in, &code) && (code < 0xdc00 || code > 0xdfff);
    if (good && code >= 0xd800 && code < 0xdc00) {
        good = begins(in, "\\u");
        if (good) {
            in->at += 2;
            good = unit(in, &second) && second >= 0xdc00 && second <= 0xdfff;
        }
        if (good) code = 0x10000 + ((code - 0xd800) << 10) + (second - 0xdc00);
    }
    if (!good) return fail(in, "a code point after `\\u`");
    unsigned more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const uint8_t firsts[] = {0, 0xc0, 0xe0, 0xf0};
    *in->out++ = (uint8_t)(firsts[more] | code >> (6 * more));
    while (more-- > 0) *in->out++ = (uint8_t)(0x80 | (code >> (6 * more) & 0x3f));
    return true;
}

static bool escape(reader *in) {
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    if (begins(in, "u")) {
        in->at++;
        return unicode(in);
    }
    for (size_t i = 0; in->at < in->end && letters[i] != 0; i++) {
        if (*in->at != (uint8_t)letters[i]) continue;
        in->at++;
        *in->out++ = (uint8_t)meant[i];
        return true;
    }
    return fail(in, "an escape that JSON has");
}

static bool string(reader *in) {
    uint8_t *start = in->out;
    in->at++;
    while (in->at < in->end) {
        uint8_t byte = *in->at++;
        if (byte == '"') {
            enclose(in, start, 3, (uint64_t)(in->out - start));
            return true;
        }
        if (byte < ' ') return fail(in, "control characters as escapes");
        if (byte != '\\') {
            *in->out++ = byte;
        } else if (!escape(in)) {
            return false;
        }
    }
    return fail(in, "`\"` at the end of a text");
}

static bool value(reader *in, unsigned depth);

// A key and its value, as they were written: one after the other.
typedef struct {
    const uint8_t *at;
    size_t key, size;
} entry;

// Encoded keys stand in the order of their bytes.
static int by_key(const entry *a, const entry *b) {
    return memcmp(a->at, b->at, a->key < b->key ? a->key : b->key);
}

// Writes the entries anew, in order: Shell's sort, with gaps that grow by about 2.2.
static bool put_sorted(reader *in, uint8_t *start, entry *entries, size_t count) {
    for (size_t gap = count; gap > 1;) {
        gap = gap < 5 ? 1 : gap * 5 / 11;
        for (size_t i = gap; i < count; i++) {
            entry moved = entries[i];
            size_t at = i;
            for (; at >= gap && by_key(&entries[at - gap], &moved) > 0; at -= gap) entries[at] = entries[at - gap];
            entries[at] = moved;
        }
    }
    size_t size = (size_t)(in->out - start);
    uint8_t *sorted = malloc(size), *to = sorted;
    for (size_t i = 0; i < count; to += entries[i++].size) {
        if (i > 0 && by_key(&entries[i - 1], &entries[i]) == 0) return fail(in, "each key once");
        memcpy(to, entries[i].at, entries[i].size);
    }
    memcpy(start, sorted, size);
    enclose(in, start, 5, count);
    return true;
}

static bool object(reader *in, unsigned depth) {
    uint8_t *start = in->out;
    entry *entries = NULL;
    size_t count = 0, room = 0;
    in->at++;
    if (takes(in, '}')) return put_sorted(in, start, entries, 0);
    do {
        if (peek(in) != '"') return fail(in, "a key in double quotes");
        if (count == room) {
            room = room == 0 ? 8 : 2 * room;
            entries = memcpy(malloc(room * sizeof *entries), entries, count * sizeof *entries);
        }
        entry *next = &entries[count++];
        next->at = in->out;
        if (!string(in)) return false;
        next->key = (size_t)(in->out - next->at);
        if (!takes(in, ':')) return fail(in, "`:` after a key");
        if (!value(in, depth + 1)) return false;
        next->size = (size_t)(in->out - next->at);
    } while (takes(in, ','));
    if (!takes(in, '}')) return fail(in, "`,` or `}`");
    return put_sorted(in, start, entries, count);
}

static bool array(reader *in, unsigned depth) {
    uint8_t *start = in->out;
    uint64_t count = 0;
    in->at++;
    if (!takes(in, ']')) {
        do {
            if (!value(in, depth + 1)) return false;
            count++;
        } while (takes(in, ','));
        if (!takes(in, ']')) return fail(in, "`,` or `]`");
    }
    enclose(in, start, 4, count);
    return true;
}

static bool value(reader *in, unsigned depth) {
    int byte = peek(in);
    if ((byte == '{' || byte == '[') && depth == DEPTH) return fail(in, "32 levels at most");
    switch (byte) {
        case '{':
            return object(in, depth);
        case '[':
            return array(in, depth);
        case '"':
            return string(in);
        case 't':
            return word(in, "true", 0xf5);
        case 'f':
            return word(in, "false", 0xf4);
        case 'n':
            return word(in, "null", 0xf6);
        default:
            return byte == '-' || (byte >= '0' && byte <= '9') ? number(in) : fail(in, "a value");
    }
}

static atlas_fields json(const uint8_t *text, size_t length, atlas_answer *answer) {
    // No value is longer than its JSON, but for texts of more than 255 bytes: by 1, or by 3 of more
    // than 65,535.
    uint8_t *out = malloc(length + length / 64 + 16);
    reader in = {.start = text, .at = text, .end = text + length, .out = out};
    if (value(&in, 0) && (peek(&in) < 0 || fail(&in, "nothing more after the object"))) {
        return atlas_body_of(out, (size_t)(in.out - out), answer);
    }
    int64_t line = 1, column = 1;
    for (const uint8_t *at = text; at < in.at; at++) {
        column = *at == '\n' ? 1 : column + 1;
        line += *at == '\n';
    }
    atlas_refuse(answer, "config", "the config is no JSON that modules read: line %d, column %d: expected %s", line, column, in.expected);
    return (atlas_fields){{.answer = answer, .path = ""}, 0};
}

static atlas_fields dag_cbor(const uint8_t *bytes, size_t length, atlas_answer *answer) {
    static const char *const kinds[] = {"an integer", "an integer", "bytes", "text", "a list", "a map", "a link"};
    atlas_fault fault;
    if (!atlas_canonical(bytes, length, &fault)) {
        atlas_refuse(answer, "config",
            "neither a JSON object nor canonical DAG-CBOR: as the latter, it is not canonical DAG-CBOR at byte %d: %s",
            (int64_t)fault.at, fault.what);
    } else if (*bytes >> 5 != 5) {
        const char *kind = *bytes >> 5 < 7 ? kinds[*bytes >> 5] : *bytes == 0xf6 ? "null" : *bytes == 0xfb ? "a float" : "a boolean";
        atlas_refuse(answer, "config", "the config is %s: expected a map", kind);
    }
    return atlas_body_of(bytes, length, answer);
}

atlas_fields atlas_config(const uint8_t *bytes, size_t length, atlas_answer *answer) {
    // As a text of DAG-CBOR, whose reader knows what is UTF-8. Refused already, so that it writes no
    // refusal of its own.
    uint8_t *item = malloc(length + 9), *text = put_head(item, 3, length);
    memcpy(text, bytes, length);
    atlas_answer refused = {.code = "config"};
    bool is_text = atlas_as_text((atlas_field){&refused, "", item, text + length}).field.at != NULL;
    size_t first = 0;
    while (first < length && (bytes[first] == ' ' || (bytes[first] >= '\t' && bytes[first] <= '\r' && bytes[first] != '\v'))) first++;
    return is_text && first < length && bytes[first] == '{' ? json(text, length, answer) : dag_cbor(text, length, answer);
}
