// What an economy module defines, and what it is given.
//
// The question and its columns are those of the WIT; so are the weights, which `weigh` fills in.
#pragma once

#include "atlas.h"
#include "economy.h"

typedef exports_atlas_economy_balancing_question_t atlas_question;
typedef exports_atlas_economy_balancing_peers_t atlas_peers;
typedef exports_atlas_economy_balancing_items_t atlas_items;
typedef exports_atlas_economy_balancing_weights_t atlas_weights;

// The largest share of a peer, and the most replicas to aim for.
#define ATLAS_SERVICE 1000000
#define ATLAS_REPLICAS 1000

// Sums of byte counts.
typedef unsigned __int128 atlas_wide;

// ---- What a module defines ----

// Its name, version and summary; the rest of `atlas_about` is for validators.
extern const atlas_about about;

// Weighs peers and items: every column of the weights has its place for each of them, all 0.
void weigh(const atlas_question *question, atlas_weights *weights);

// ---- What it is given ----

// `whole * part / all` in whole numbers, where `part` is at most `all`, and `all` more than 0 and
// below 2^126. WebAssembly multiplies and divides 64 bits only.
uint64_t atlas_share(uint64_t whole, atlas_wide part, atlas_wide all);
