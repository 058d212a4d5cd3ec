// What every world asks for, whatever the module decides: what it is, and its config. The types
// carry the world's name.
#pragma once

#include "answer.h"
#include "pile.h"

#include <string.h>

// `text` and `sentence` make strings of the world, and `describe` answers out of `about`.
#define ATLAS_DESCRIBE(world)                                                              \
    static inline world##_string_t text(const char *text) {                                \
        return (world##_string_t){(uint8_t *)text, strlen(text)};                          \
    }                                                                                      \
    static inline world##_string_t sentence(atlas_string text) {                           \
        return (world##_string_t){(uint8_t *)text.at, text.length};                        \
    }                                                                                      \
    void exports_atlas_types_module_describe(exports_atlas_types_module_description_t *ret) { \
        pile_call_begins();                                                                \
        ret->name = text(about.name);                                                      \
        ret->version = text(about.version);                                                \
        ret->summary = text(about.summary);                                                \
        pile_call_ends();                                                                  \
    }

// `configure`: `take` reads the config, and refuses through the answer what is wrong with it.
#define ATLAS_CONFIGURE(world, take)                                                       \
    bool exports_atlas_types_module_configure(                                             \
        world##_list_u8_t *config, exports_atlas_types_module_config_error_t *err) {       \
        pile_call_begins();                                                                \
        atlas_answer answer = {0};                                                         \
        if (config->len > 0) take(config->ptr, config->len, &answer);                      \
        if (atlas_refused(&answer)) {                                                      \
            err->tag = EXPORTS_ATLAS_TYPES_MODULE_CONFIG_ERROR_INVALID;                    \
            err->val.invalid = sentence(answer.sentence);                                  \
        }                                                                                  \
        pile_keep();                                                                       \
        pile_call_ends();                                                                  \
        return !atlas_refused(&answer);                                                    \
    }

// Takes none.
static inline void atlas_no_config(const uint8_t *bytes, size_t length, atlas_answer *answer) {
    atlas_refuse(answer, "no-config", "this module takes no config, but %d bytes were given: leave it out", (int64_t)length);
}
