// What a module needs to read records and to answer.
//
// Reading never fails half-way: the first thing that is wrong makes the answer a refusal, and
// every reader after that gives an empty value and leaves the answer alone. So a validator is a
// straight list of what must hold.
//
// Everything lies in memory that is taken away when the call is over: nothing is to be freed,
// and nothing may be kept in a static variable.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Bytes in UTF-8, not ended by a zero.
typedef struct {
    const char *at;
    size_t length;
} atlas_string;

// What becomes of a record.
typedef struct atlas_answer atlas_answer;

// A value of a body, and the path it has there.
typedef struct {
    atlas_answer *answer;
    const char *path;
    const uint8_t *at, *end;
} atlas_field;

// A map: the body, or one inside it.
typedef struct {
    atlas_field field;
    size_t count;
} atlas_fields;

// A list, read from the front.
typedef struct {
    atlas_field field;
    size_t count, next;
} atlas_list;

// A text.
typedef struct {
    atlas_field field;
    atlas_string text;
} atlas_text;

// An integer.
typedef struct {
    atlas_field field;
    int64_t value;
} atlas_integer;

// A record to judge: see `entry` in the WIT.
typedef struct atlas_record atlas_record;

// ---- What a module defines ----

typedef struct {
    const char *name;
    bool integer;  // otherwise text
    const char *about;
} atlas_index;

typedef struct {
    const char *path;
    uint32_t weight;  // 100 is ordinary
} atlas_text_field;

typedef enum { ATLAS_APPEND, ATLAS_REPLACEABLE, ATLAS_EPHEMERAL } atlas_lifecycle;
typedef enum { ATLAS_KEY_NONE, ATLAS_KEY_ANY, ATLAS_KEY_LITERAL, ATLAS_KEY_TID, ATLAS_KEY_NSID } atlas_key;

// What the module says of itself and of its type.
typedef struct {
    const char *name, *version, *summary;
    atlas_lifecycle lifecycle;
    atlas_key key;
    const char *literal_key;
    const atlas_index *indexes;
    size_t index_count;
    const atlas_text_field *text_fields;
    size_t text_field_count;
    const char *title_path, *summary_path;  // may be null
    const char *schema;
} atlas_about;

extern const atlas_about about;
void validate(const atlas_record *record, atlas_answer *answer);

// ---- Answers ----

// Refuses the record: a stable code for programs, a sentence for people. In the sentence, %s is
// a C string, %t an atlas_string, %d an int64_t. The first refusal stands.
void atlas_refuse(atlas_answer *answer, const char *code, const char *sentence, ...);
bool atlas_refused(const atlas_answer *answer);
// The record is found under this value of a declared index.
void atlas_found_text(atlas_answer *answer, const char *index, atlas_string value);
void atlas_found_integer(atlas_answer *answer, const char *index, int64_t value);

// ---- Records ----

atlas_fields atlas_body(const atlas_record *record, atlas_answer *answer);
size_t atlas_count_links(const atlas_record *record, const char *relation);
// The target of the n-th link of a relation; empty where there is none.
atlas_string atlas_link(const atlas_record *record, const char *relation, size_t n);

// ---- Bodies ----

// Whether a map has a field, and the field.
bool atlas_has(atlas_fields map, const char *name, atlas_field *found);
// Fields that must be there.
atlas_text atlas_get_text(atlas_fields map, const char *name);
atlas_integer atlas_get_integer(atlas_fields map, const char *name);
atlas_list atlas_get_list(atlas_fields map, const char *name);
atlas_fields atlas_get_map(atlas_fields map, const char *name);
bool atlas_get_boolean(atlas_fields map, const char *name);
// The same of a value.
atlas_text atlas_as_text(atlas_field field);
atlas_integer atlas_as_integer(atlas_field field);
atlas_list atlas_as_list(atlas_field field);
atlas_fields atlas_as_map(atlas_field field);
bool atlas_as_boolean(atlas_field field);
// The next item of a list, if there is one.
bool atlas_next(atlas_list *list, atlas_field *item);

// Bounds the number of characters.
void atlas_chars(atlas_text text, size_t least, size_t most);
// Refuses line breaks and every other control character.
void atlas_one_line(atlas_text text);
void atlas_within(atlas_integer integer, int64_t least, int64_t most);
void atlas_count(atlas_list list, size_t least, size_t most);
