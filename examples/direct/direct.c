// Trusts as the seeds state it themselves: the mean of what they say, weighed by the seeds.
//
// This is the whole module. `about` says what it is; `fold` keeps what matters of the edges, and
// `finish` makes scores of it and explains them. Change them into your own.

#include "trusting.h"

#include <stdlib.h>

const atlas_about about = {
    .name = "example:direct",
    .version = "0.1.0",
    .summary = "Trust as the seeds state it themselves: the mean of what they say, and nothing that follows.",
};

// What a seed says of an identity, in thousandths, and what that adds to the score, in millionths.
typedef struct {
    uint32_t trusted, seed, seed_weight;
    int32_t weight, amount;
} statement;

static atlas_kept kept;
static size_t count;

void begin(const atlas_question *question) {
    count = 0;
}

static const atlas_seed *seed_of(const atlas_question *question, uint32_t identity) {
    for (size_t i = 0; i < question->seeds.len; i++) {
        if (question->seeds.ptr[i].identity == identity) return &question->seeds.ptr[i];
    }
    return NULL;
}

void fold(const atlas_question *question, const atlas_edges *edges) {
    for (size_t i = 0; i < edges->truster.len; i++) {
        const atlas_seed *seed = seed_of(question, edges->truster.ptr[i]);
        if (seed == NULL) continue;
        statement *statements = atlas_keep(&kept, (count + 1) * sizeof *statements);
        statements[count++] = (statement){edges->trusted.ptr[i], seed->identity, seed->weight, edges->weight.ptr[i], 0};
    }
}

// By whom statements are about, then by seed: so no order of edges shows.
static bool before(const void *a, const void *b) {
    const statement *one = a, *other = b;
    return one->trusted != other->trusted ? one->trusted < other->trusted : one->seed < other->seed;
}

// What adds or takes more first; of those that do the same, the lower seed.
static bool weightier(const void *a, const void *b) {
    const statement *one = a, *other = b;
    int32_t much = one->amount < 0 ? -one->amount : one->amount;
    int32_t more = other->amount < 0 ? -other->amount : other->amount;
    return much != more ? much > more : one->seed < other->seed;
}

// The weightiest causes, and the rest in one.
static atlas_parts explained(statement *said, size_t length, int64_t all) {
    atlas_sort(said, length, sizeof *said, weightier);
    size_t shown = length > ATLAS_PARTS ? ATLAS_PARTS - 1 : length;
    atlas_parts parts = {malloc((shown + 1) * sizeof *parts.ptr), shown};
    for (size_t i = 0; i < shown; i++) {
        uint32_t path[] = {said[i].seed, said[i].trusted};
        atlas_string because = atlas_sentence("a seed says %d of 1000, and counts %d of %d",
            (int64_t)said[i].weight, (int64_t)said[i].seed_weight, all);
        parts.ptr[i] = atlas_cause(because, path, 2, said[i].amount);
    }
    if (shown < length) {
        int32_t rest = 0;
        for (size_t i = shown; i < length; i++) rest += said[i].amount;
        atlas_string because = atlas_sentence("%d seeds more say less", (int64_t)(length - shown));
        parts.ptr[parts.len++] = atlas_cause(because, NULL, 0, rest);
    }
    return parts;
}

void finish(const atlas_question *question, atlas_standing *standing) {
    statement *statements = kept.at;
    atlas_sort(statements, count, sizeof *statements, before);
    for (size_t from = 0, to; from < count; from = to) {
        uint32_t identity = statements[from].trusted;
        int64_t all = 0;
        for (to = from; to < count && statements[to].trusted == identity; to++) all += statements[to].seed_weight;
        for (size_t i = from; i < to; i++) {
            // Rounded towards 0 each, so that the parts add up to the score.
            int64_t whole = (int64_t)statements[i].seed_weight * statements[i].weight * (ATLAS_WHOLE / ATLAS_WHOLE_EDGE);
            statements[i].amount = (int32_t)(whole / all);
            standing->scores.ptr[identity] += statements[i].amount;
        }
        atlas_parts *causes = atlas_explanation(standing, identity);
        if (causes != NULL) *causes = explained(&statements[from], to - from, all);
    }
    // A seed trusts itself, whatever other seeds say of it.
    for (size_t i = 0; i < question->seeds.len; i++) {
        uint32_t seed = question->seeds.ptr[i].identity;
        standing->scores.ptr[seed] = ATLAS_WHOLE;
        atlas_parts *causes = atlas_explanation(standing, seed);
        if (causes == NULL) continue;
        causes->ptr = malloc(sizeof *causes->ptr);
        causes->ptr[0] = atlas_cause(atlas_sentence("is a seed"), &seed, 1, ATLAS_WHOLE);
        causes->len = 1;
    }
}
