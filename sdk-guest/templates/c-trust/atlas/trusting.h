// What a trust module defines, and what it is given.
//
// A question comes in parts: `begin`, then `fold` for each chunk of edges, then `finish`. How
// edges are ordered and cut into chunks must not show in the answer. What stays from one part to
// the next lies in `atlas_kept` memory, and in statics that `begin` sets; everything else is taken
// away when the call is over.
#pragma once

#include "answer.h"
#include "keep.h"
#include "trust.h"

typedef exports_atlas_trust_trusting_question_t atlas_question;
typedef exports_atlas_trust_trusting_seed_t atlas_seed;
typedef exports_atlas_trust_trusting_edges_t atlas_edges;
typedef exports_atlas_trust_trusting_standing_t atlas_standing;
typedef exports_atlas_trust_trusting_list_part_t atlas_parts;
typedef exports_atlas_trust_trusting_part_t atlas_part;

// Whole trust in a score, in millionths, and of an edge, in thousandths.
#define ATLAS_WHOLE 1000000
#define ATLAS_WHOLE_EDGE 1000
// Causes of one explanation.
#define ATLAS_PARTS 16

// ---- What a module defines ----

// Its name, version and summary; the rest of `atlas_about` is for validators.
extern const atlas_about about;

// Begins a question, whatever was asked before.
void begin(const atlas_question *question);
// Takes a chunk of edges in.
void fold(const atlas_question *question, const atlas_edges *edges);
// Answers: `standing` has a score for each identity, all 0, and for each identity that is to be
// explained an empty list of causes.
void finish(const atlas_question *question, atlas_standing *standing);

// ---- What it is given ----

// Sorts. Where `before` puts neither of two first, their order is left to chance.
void atlas_sort(void *items, size_t count, size_t size, bool (*before)(const void *, const void *));

// The causes of an identity's score, to fill in; null where nobody asks for them.
atlas_parts *atlas_explanation(const atlas_standing *standing, uint32_t identity);

// A cause: a sentence, over whom, and what it adds to the score.
atlas_part atlas_cause(atlas_string because, const uint32_t *path, size_t length, int32_t amount);
