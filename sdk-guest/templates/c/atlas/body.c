// Bodies: canonical DAG-CBOR, read where it lies.
//
// The host hands over canonical bytes only. They are read with every bound checked all the
// same, and what cannot be is a refusal, as everything else that is wrong.

#include "answer.h"

#include <stdlib.h>
#include <string.h>

// Values inside one another at most.
#define DEPTH 32

// The head of a value: its major type, its argument, and what comes after.
typedef struct {
    unsigned major, info;
    uint64_t argument;
    const uint8_t *after;
} head;

static bool read_head(const uint8_t *at, const uint8_t *end, head *found) {
    if (at >= end) return false;
    found->major = *at >> 5;
    found->info = *at++ & 31;
    found->argument = found->info;
    if (found->info >= 24) {
        if (found->info > 27) return false;
        size_t bytes = (size_t)1 << (found->info - 24);
        if ((size_t)(end - at) < bytes) return false;
        found->argument = 0;
        while (bytes-- > 0) found->argument = found->argument << 8 | *at++;
    }
    found->after = at;
    return true;
}

// What comes behind a value; null where it is broken.
static const uint8_t *skip(const uint8_t *at, const uint8_t *end, unsigned depth) {
    head of;
    if (depth > DEPTH || !read_head(at, end, &of)) return NULL;
    const uint8_t *after = of.after;
    switch (of.major) {
        case 2:
        case 3:
            return of.argument <= (uint64_t)(end - after) ? after + of.argument : NULL;
        case 4:
        case 5:
            if (of.argument > (uint64_t)(end - after)) return NULL;
            for (uint64_t left = of.argument << (of.major - 4); left > 0 && after != NULL; left--) {
                after = skip(after, end, depth + 1);
            }
            return after;
        case 6:
            return skip(after, end, depth + 1);
        default:
            return after;
    }
}

static const char *kind(const atlas_field *field) {
    static const char *const kinds[] = {"an integer", "an integer", "bytes", "text", "a list", "a map", "a link"};
    head of;
    if (!read_head(field->at, field->end, &of)) return "nothing";
    if (of.major < 7) return kinds[of.major];
    return of.info == 22 ? "null" : of.info == 27 ? "a float" : "a boolean";
}

static bool is(const atlas_field *field, unsigned major, const char *expected, head *found) {
    bool whole = field->at != NULL && read_head(field->at, field->end, found) && skip(field->at, field->end, 0) != NULL;
    if (whole && found->major == major) return true;
    if (field->at != NULL) atlas_refuse(field->answer, "wrong-kind", "`%s` is %s: expected %s", field->path, kind(field), expected);
    return false;
}

// The value that everything reads after a refusal.
static atlas_field nothing(atlas_answer *answer) {
    return (atlas_field){.answer = answer, .path = "", .at = NULL, .end = NULL};
}

static const char *path_of(const char *parent, const char *name) {
    if (*parent == 0) return name;
    size_t before = strlen(parent), after = strlen(name);
    char *path = malloc(before + after + 2);
    memcpy(path, parent, before);
    path[before] = '.';
    memcpy(path + before + 1, name, after + 1);
    return path;
}

static const char *path_at(const char *parent, size_t index) {
    char digits[20];
    size_t count = 0, before = strlen(parent);
    do digits[count++] = (char)('0' + index % 10);
    while ((index /= 10) > 0);
    char *path = malloc(before + count + 3);
    memcpy(path, parent, before);
    char *at = path + before;
    *at++ = '[';
    while (count > 0) *at++ = digits[--count];
    *at++ = ']';
    *at = 0;
    return path;
}

atlas_fields atlas_body_of(const uint8_t *bytes, size_t length, atlas_answer *answer) {
    atlas_field field = {.answer = answer, .path = "", .at = bytes, .end = bytes + length};
    head of;
    if (length > 0 && (skip(bytes, field.end, 0) != field.end || !read_head(bytes, field.end, &of) || of.major != 5)) {
        atlas_refuse(answer, "not-canonical", "the body is no canonical DAG-CBOR");
        field = nothing(answer);
    }
    return length == 0 ? (atlas_fields){nothing(answer), 0} : atlas_as_map(field);
}

bool atlas_has(atlas_fields map, const char *name, atlas_field *found) {
    const uint8_t *at = map.field.at, *end = map.field.end;
    size_t length = strlen(name);
    for (size_t i = 0; at != NULL && i < map.count; i++) {
        head key;
        if (!read_head(at, end, &key)) return false;
        const uint8_t *value = skip(at, end, 0);
        if (value == NULL) return false;
        if (key.major == 3 && key.argument == length && memcmp(key.after, name, length) == 0) {
            *found = (atlas_field){map.field.answer, path_of(map.field.path, name), value, end};
            return true;
        }
        at = skip(value, end, 0);
    }
    return false;
}

static atlas_field get(atlas_fields map, const char *name, const char *expected) {
    atlas_field found;
    if (atlas_has(map, name, &found)) return found;
    atlas_refuse(map.field.answer, "missing-field", "`%s` is missing: expected %s", path_of(map.field.path, name), expected);
    return nothing(map.field.answer);
}

atlas_text atlas_get_text(atlas_fields map, const char *name) {
    return atlas_as_text(get(map, name, "text"));
}

atlas_integer atlas_get_integer(atlas_fields map, const char *name) {
    return atlas_as_integer(get(map, name, "an integer"));
}

atlas_list atlas_get_list(atlas_fields map, const char *name) {
    return atlas_as_list(get(map, name, "a list"));
}

atlas_fields atlas_get_map(atlas_fields map, const char *name) {
    return atlas_as_map(get(map, name, "a map"));
}

bool atlas_get_boolean(atlas_fields map, const char *name) {
    return atlas_as_boolean(get(map, name, "a boolean"));
}

// Whether bytes are UTF-8 (Unicode 17, table 3-7).
static bool is_utf8(const uint8_t *at, size_t length) {
    for (const uint8_t *end = at + length; at < end;) {
        uint8_t first = *at++;
        if (first < 0x80) continue;
        int more = first < 0xc2 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : -1;
        if (more < 0 || end - at < more) return false;
        uint8_t least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
        uint8_t most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
        if (*at < least || *at > most) return false;
        for (at++; more > 1; more--) {
            if ((*at++ & 0xc0) != 0x80) return false;
        }
    }
    return true;
}

atlas_text atlas_as_text(atlas_field field) {
    head of;
    if (!is(&field, 3, "text", &of)) return (atlas_text){nothing(field.answer), {"", 0}};
    if (!is_utf8(of.after, (size_t)of.argument)) {
        atlas_refuse(field.answer, "not-canonical", "`%s` is no UTF-8", field.path);
        return (atlas_text){nothing(field.answer), {"", 0}};
    }
    return (atlas_text){field, {(const char *)of.after, (size_t)of.argument}};
}

atlas_integer atlas_as_integer(atlas_field field) {
    head of = {0};
    bool negative = field.at != NULL && field.at < field.end && *field.at >> 5 == 1;
    if (!is(&field, negative, "an integer", &of)) return (atlas_integer){nothing(field.answer), 0};
    if (of.argument > INT64_MAX) {
        atlas_refuse(field.answer, "out-of-range", "`%s` is beyond 64 bits", field.path);
        return (atlas_integer){nothing(field.answer), 0};
    }
    return (atlas_integer){field, negative ? -1 - (int64_t)of.argument : (int64_t)of.argument};
}

atlas_list atlas_as_list(atlas_field field) {
    head of;
    if (!is(&field, 4, "a list", &of)) return (atlas_list){nothing(field.answer), 0, 0};
    field.at = of.after;
    return (atlas_list){field, (size_t)of.argument, 0};
}

atlas_fields atlas_as_map(atlas_field field) {
    head of;
    if (!is(&field, 5, "a map", &of)) return (atlas_fields){nothing(field.answer), 0};
    field.at = of.after;
    return (atlas_fields){field, (size_t)of.argument};
}

bool atlas_as_boolean(atlas_field field) {
    if (field.at != NULL && field.at < field.end && (*field.at == 0xf4 || *field.at == 0xf5)) return *field.at == 0xf5;
    if (field.at != NULL) atlas_refuse(field.answer, "wrong-kind", "`%s` is %s: expected a boolean", field.path, kind(&field));
    return false;
}

bool atlas_next(atlas_list *list, atlas_field *item) {
    if (list->field.at == NULL || list->next >= list->count) return false;
    *item = (atlas_field){list->field.answer, path_at(list->field.path, list->next), list->field.at, list->field.end};
    list->field.at = skip(list->field.at, list->field.end, 0);
    list->next++;
    return item->at != NULL;
}

static void bound(atlas_field field, int64_t count, int64_t least, int64_t most, const char *few, const char *many, const char *what) {
    if (field.at == NULL || (least <= count && count <= most)) return;
    atlas_refuse(field.answer, count < least ? few : many, "`%s` is %d%s: expected %d to %d", field.path, count, what, least, most);
}

void atlas_chars(atlas_text text, size_t least, size_t most) {
    size_t chars = 0;
    // Every byte of UTF-8 that does not go on with a character begins one.
    for (size_t i = 0; i < text.text.length; i++) chars += ((uint8_t)text.text.at[i] & 0xc0) != 0x80;
    bound(text.field, (int64_t)chars, (int64_t)least, (int64_t)most, "too-short", "too-long", " characters long");
}

void atlas_one_line(atlas_text text) {
    for (size_t i = 0; i < text.text.length; i++) {
        uint8_t byte = (uint8_t)text.text.at[i];
        uint8_t next = i + 1 < text.text.length ? (uint8_t)text.text.at[i + 1] : 0;
        // U+0080 to U+009F are two bytes, the first 0xc2.
        if (byte < 0x20 || byte == 0x7f || (byte == 0xc2 && next < 0xa0)) {
            atlas_refuse(text.field.answer, "not-one-line", "`%s` is not one line without control characters", text.field.path);
            return;
        }
    }
}

void atlas_within(atlas_integer integer, int64_t least, int64_t most) {
    bound(integer.field, integer.value, least, most, "out-of-range", "out-of-range", "");
}

void atlas_count(atlas_list list, size_t least, size_t most) {
    bound(list.field, (int64_t)list.count, (int64_t)least, (int64_t)most, "too-few", "too-many", " items long");
}
