// Serves who serves, keeps what is rare, and lets strangers begin.
//
// This is the whole module. `about` says what it is; `weigh` gives each peer its share and each
// item its place. Whole numbers only, with every unit named. Change them into your own.

#include "weighing.h"

// What a peer without a history gets: 1 % of the largest share.
#define STRANGER 10000
// Bytes that make a difference: a peer that gave less is hardly told from a stranger.
#define GRAIN (16u << 20)
#define HOUR_MS (60 * 60 * 1000)
// After how long without a receipt what a peer gave counts half.
#define HALF_LIFE_MS (30ull * 24 * HOUR_MS)
// Replicas to aim for where the space did not vote.
#define ORDINARY 2

const atlas_about about = {
    .name = "example:balanced",
    .version = "0.1.0",
    .summary = "Serves who serves, keeps what is rare or pledged, and lets strangers begin.",
};

static uint64_t since(uint64_t now, uint64_t then) {
    return now > then ? now - then : 0;
}

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

// What a peer gave, of all that passed between both, with the failed audits and the distrust
// taken off.
static uint32_t service(uint64_t now, const atlas_peers *peers, size_t peer) {
    // A kept byte is worth a sixteenth of a served one, as long as it is kept.
    atlas_wide gave = (atlas_wide)peers->served_us.ptr[peer] + peers->keeps.ptr[peer] / 16;
    uint64_t halves = since(now, peers->active.ptr[peer]) / HALF_LIFE_MS;
    for (; halves > 0 && gave > 0; halves--) gave >>= 1;
    uint64_t earned = atlas_share(ATLAS_SERVICE - STRANGER, gave, gave + peers->served_them.ptr[peer] + GRAIN);
    uint64_t passed = peers->passed.ptr[peer], failed = peers->failed.ptr[peer];
    uint64_t audited = (STRANGER + earned) * (passed + 1) / (passed + 1 + 10 * failed);
    // Distrust takes off up to all; trust adds nothing that was not earned.
    int64_t trust = peers->trust.ptr[peer];
    uint64_t distrust = trust < 0 ? least((uint64_t)-trust, 1000000) : 0;
    uint64_t share = audited * (1000000 - distrust) / 1000000;
    return share < 1 ? 1 : (uint32_t)least(share, ATLAS_SERVICE);
}

static uint32_t target(const atlas_items *items, size_t item) {
    uint32_t voted = items->voted.ptr[item];
    return voted == 0 ? ORDINARY : (uint32_t)least(voted, ATLAS_REPLICAS);
}

// Pledged before everything; then by replicas that are missing; then by use.
static int64_t retention(uint64_t now, const atlas_items *items, size_t item, uint32_t target) {
    int64_t pledged = items->pledged.ptr[item] != 0 ? 1000000000000 : 0;
    int64_t missing = (int64_t)since(target, items->replicas.ptr[item]) * 100000000;
    int64_t used = (int64_t)least(items->requests.ptr[item], 1000) * 10000;
    uint64_t hours = since(now, items->active.ptr[item]) / HOUR_MS;
    int64_t fresh = 10000000 / (1 + (int64_t)least(hours, 10000000));
    return pledged + missing + used + fresh;
}

void weigh(const atlas_question *question, atlas_weights *weights) {
    for (size_t peer = 0; peer < weights->service.len; peer++) {
        weights->service.ptr[peer] = service(question->now, &question->peers, peer);
    }
    for (size_t item = 0; item < weights->replicas.len; item++) {
        uint32_t replicas = target(&question->items, item);
        weights->replicas.ptr[item] = replicas;
        weights->retention.ptr[item] = retention(question->now, &question->items, item, replicas);
    }
}
