// From the economy world, as its generated bindings have it, to `about` and `weigh`, and back.

#include "describe.h"
#include "weighing.h"

#include <stdlib.h>
#include <string.h>

ATLAS_DESCRIBE(economy)
ATLAS_CONFIGURE(economy, atlas_no_config)

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
