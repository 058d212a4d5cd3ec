// What stands behind an answer.
#pragma once

#include "atlas.h"

// An index entry.
typedef struct {
    const char *index;
    bool integer;
    atlas_string text;
    int64_t number;
} atlas_entry;

struct atlas_answer {
    // The refusal, where there is one.
    const char *code;
    atlas_string sentence;
    // Otherwise what the record is found under.
    atlas_entry *entries;
    size_t count, room;
};

// A body by its bytes.
atlas_fields atlas_body_of(const uint8_t *bytes, size_t length, atlas_answer *answer);

// A sentence, written as for `atlas_refuse`: %s is a C string, %t an atlas_string, %d an int64_t.
#define atlas_sentence(...)                              \
    ({                                                   \
        atlas_answer atlas_said = {0};                   \
        atlas_refuse(&atlas_said, "said", __VA_ARGS__);  \
        atlas_said.sentence;                             \
    })
