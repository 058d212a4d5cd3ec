// Orders what is fresh and talked about first: age, replies, and nobody whom the viewer distrusts.
//
// This is the whole module. `about` says what it weighs; `weigh` says what a candidate is worth
// by each feature, or why it is left out. Change them into your own.

#include "ranking.h"

#define FRESH 1000000
#define MINUTE 1000
#define REPLY 20000
#define MOST_REPLIES 100

static const atlas_feature features[] = {
    {"fresh", "a million when new, a thousand less with each minute"},
    {"replies", "20,000 for each reply, up to a hundred of them"},
};

static const char *const columns[] = {"replies", "trust"};

const atlas_ranker_about about = {
    .name = "example:fresh",
    .version = "0.1.0",
    .summary = "What is fresh and talked about first.",
    .features = features,
    .feature_count = sizeof features / sizeof *features,
    .columns = columns,
    .column_count = sizeof columns / sizeof *columns,
};

void weigh(const atlas_candidate *candidate, int64_t *values) {
    if (atlas_column(candidate, "trust", 0) < 0) {
        atlas_leave_out(candidate, "distrusted", "the viewer distrusts its author");
        return;
    }
    // Who dates a record into the future gains nothing by it.
    uint64_t minutes = candidate->now > candidate->created ? (candidate->now - candidate->created) / 60000 : 0;
    values[0] = FRESH - (int64_t)(minutes < FRESH / MINUTE ? minutes : FRESH / MINUTE) * MINUTE;
    int64_t replies = atlas_column(candidate, "replies", 0);
    values[1] = (replies < 0 ? 0 : replies > MOST_REPLIES ? MOST_REPLIES : replies) * REPLY;
}
