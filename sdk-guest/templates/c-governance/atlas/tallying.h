// What a governance module defines, and what it is given.
//
// A question comes in parts: `begin`, then `fold` for each chunk of the roll, of ballots and of
// delegations, then `finish`. How they are ordered and cut into chunks must not show in the
// outcome. What stays from one part to the next lies in `atlas_kept` memory, and in statics that
// `begin` sets; everything else is taken away when the call is over.
#pragma once

#include "answer.h"
#include "keep.h"
#include "governance.h"

typedef exports_atlas_governance_tallying_question_t atlas_question;
typedef exports_atlas_governance_tallying_chunk_t atlas_chunk;
typedef exports_atlas_governance_tallying_outcome_t atlas_outcome;
typedef governance_list_u8_t atlas_bytes;

// ---- What a module defines ----

// Its name, version and summary; the rest of `atlas_about` is for validators.
extern const atlas_about about;

// Begins a tally, whatever was asked before.
void begin(const atlas_question *question);
// Takes a chunk in.
void fold(const atlas_question *question, const atlas_chunk *chunk);
// Answers: decides, and says of every ballot that it is counted or set aside.
void finish(const atlas_question *question, atlas_outcome *outcome);

// ---- What it is given ----

// The map that bytes hold, to be read as a body is; false where they hold none.
bool atlas_map(atlas_bytes bytes, atlas_answer *answer, atlas_fields *map);

// Whether a text is this one.
bool atlas_is(atlas_string text, const char *word);

// The digits of a number, for sentences.
atlas_string atlas_digits(uint64_t number);

// Decides, and says why.
void atlas_accept(atlas_outcome *outcome, const uint32_t *options, size_t count, atlas_string why);
void atlas_reject(atlas_outcome *outcome, atlas_string why);
void atlas_leave_open(atlas_outcome *outcome, atlas_string why);

// A number that the decision rests on: each name once.
void atlas_figure(atlas_outcome *outcome, const char *name, int64_t value);

// Sets a ballot aside. The first text of a code stands for all of them, so it is about the rule and
// not about the voter. Cheapest in the order of voters. 64 codes at most.
void atlas_set_aside(atlas_outcome *outcome, uint32_t voter, const char *code, atlas_string why);
