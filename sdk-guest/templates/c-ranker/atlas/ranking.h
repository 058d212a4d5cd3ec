// What a ranker defines, and what it reads.
//
// `weigh` gives one whole number for each feature; sums, order and ties are done in rank.c, so that
// the contributions add up and nothing vanishes.
#pragma once

#include <stddef.h>
#include <stdint.h>

// ---- What a module defines ----

// Something that is weighed.
typedef struct {
    const char *name, *about;
} atlas_feature;

typedef struct {
    const char *name, *version, *summary;
    const atlas_feature *features;
    size_t feature_count;
    // The columns that are wanted, by name.
    const char *const *columns;
    size_t column_count;
} atlas_ranker_about;

extern const atlas_ranker_about about;

// A candidate, as one row of the question.
typedef struct {
    // The time that the ranking is for, and the author's own time. Milliseconds.
    uint64_t now, created;
    // The author, by a number that means nothing beyond this question.
    uint32_t author;
    size_t row;
    const void *question;
    struct atlas_verdict *verdict;
} atlas_candidate;

// What the candidate is worth: `values` has one place for each feature, all 0.
void weigh(const atlas_candidate *candidate, int64_t *values);

// ---- What it is given ----

// Its value in a column, or `otherwise` where the host does not have the column.
int64_t atlas_column(const atlas_candidate *candidate, const char *name, int64_t otherwise);

// Leaves it out: a stable code for programs, a sentence for people. Both have to stay where they are.
void atlas_leave_out(const atlas_candidate *candidate, const char *code, const char *text);
