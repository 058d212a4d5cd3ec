// From the economy world, as its generated bindings have it, to `about` and `weigh`, and back.

#include "answer.h"
#include "pile.h"
#include "weighing.h"

#include <stdlib.h>
#include <string.h>

static economy_string_t text(const char *text) {
    return (economy_string_t){(uint8_t *)text, strlen(text)};
}

void exports_atlas_types_module_describe(exports_atlas_types_module_description_t *ret) {
    pile_call_begins();
    ret->name = text(about.name);
    ret->version = text(about.version);
    ret->summary = text(about.summary);
    pile_call_ends();
}

bool exports_atlas_types_module_configure(economy_list_u8_t *config, exports_atlas_types_module_config_error_t *err) {
    pile_call_begins();
    atlas_answer answer = {0};
    if (config->len > 0) {
        atlas_refuse(&answer, "config", "this module takes no config, but %d bytes were given: leave it out", (int64_t)config->len);
        err->tag = EXPORTS_ATLAS_TYPES_MODULE_CONFIG_ERROR_INVALID;
        err->val.invalid = (economy_string_t){(uint8_t *)answer.sentence.at, answer.sentence.length};
    }
    pile_keep();
    pile_call_ends();
    return !atlas_refused(&answer);
}

// A bit of `whole` at a time: what stands before it, times `part`, is always `share * all + rest`.
uint64_t atlas_share(uint64_t whole, atlas_wide part, atlas_wide all) {
    uint64_t share = 0;
    atlas_wide rest = 0;
    for (uint64_t bit = (uint64_t)1 << 63; bit > 0; bit >>= 1) {
        share <<= 1;
        rest <<= 1;
        if ((whole & bit) != 0) rest += part;
        for (; rest >= all; rest -= all) share++;
    }
    return share;
}

void exports_atlas_economy_balancing_weigh(atlas_question *question, atlas_weights *ret) {
    pile_call_begins();
    size_t peers = question->peers.met.len, items = question->items.size.len;
    ret->service = (economy_list_u32_t){calloc(peers, sizeof(uint32_t)), peers};
    ret->retention = (economy_list_s64_t){calloc(items, sizeof(int64_t)), items};
    ret->replicas = (economy_list_u32_t){calloc(items, sizeof(uint32_t)), items};
    weigh(question, ret);
    pile_call_ends();
}
