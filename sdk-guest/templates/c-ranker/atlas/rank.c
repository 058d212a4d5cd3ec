// From the ranker world, as its generated bindings have it, to `about` and `weigh`, and back: sums,
// order and ties.

#include "pile.h"
#include "ranker.h"
#include "ranking.h"

#include <stdlib.h>
#include <string.h>

typedef exports_atlas_ranker_ranking_question_t question_t;

// What becomes of a candidate.
struct atlas_verdict {
    size_t row;
    // Where it is left out.
    const char *code, *text;
    int64_t score;
    int64_t *values;
};

static ranker_string_t text(const char *text) {
    return (ranker_string_t){(uint8_t *)text, strlen(text)};
}

void exports_atlas_types_module_describe(exports_atlas_types_module_description_t *ret) {
    pile_call_begins();
    ret->name = text(about.name);
    ret->version = text(about.version);
    ret->summary = text(about.summary);
    pile_call_ends();
}

bool exports_atlas_types_module_configure(ranker_list_u8_t *config, exports_atlas_types_module_config_error_t *err) {
    bool good = config->len == 0;
    if (!good) {
        err->tag = EXPORTS_ATLAS_TYPES_MODULE_CONFIG_ERROR_INVALID;
        err->val.invalid = text("this module takes no config");
    }
    pile_keep();
    pile_call_ends();
    return good;
}

void exports_atlas_ranker_ranking_rules(exports_atlas_ranker_ranking_ranker_rules_t *ret) {
    pile_call_begins();
    ret->features.ptr = malloc(about.feature_count * sizeof *ret->features.ptr);
    ret->features.len = about.feature_count;
    for (size_t i = 0; i < about.feature_count; i++) {
        ret->features.ptr[i].name = text(about.features[i].name);
        ret->features.ptr[i].about = text(about.features[i].about);
    }
    ret->columns.ptr = malloc(about.column_count * sizeof *ret->columns.ptr);
    ret->columns.len = about.column_count;
    for (size_t i = 0; i < about.column_count; i++) ret->columns.ptr[i] = text(about.columns[i]);
    pile_call_ends();
}

int64_t atlas_column(const atlas_candidate *candidate, const char *name, int64_t otherwise) {
    const question_t *question = candidate->question;
    size_t length = strlen(name);
    for (size_t i = 0; i < question->columns.len; i++) {
        const exports_atlas_ranker_ranking_column_t *column = &question->columns.ptr[i];
        if (column->name.len == length && memcmp(column->name.ptr, name, length) == 0) {
            return column->values.ptr[candidate->row];
        }
    }
    return otherwise;
}

void atlas_leave_out(const atlas_candidate *candidate, const char *code, const char *text) {
    candidate->verdict->code = code;
    candidate->verdict->text = text;
}

// What a sum lacks or has too much for 64 bits.
static __int128 over(const int64_t *values, int64_t *sum) {
    __int128 all = 0;
    for (size_t i = 0; i < about.feature_count; i++) all += values[i];
    __int128 kept = all > INT64_MAX ? INT64_MAX : all < INT64_MIN ? INT64_MIN : all;
    *sum = (int64_t)kept;
    return all - kept;
}

// Cuts contributions so that they add up to what 64 bits can hold: the largest lose first.
static int64_t settle(int64_t *values) {
    int64_t sum;
    for (__int128 much = over(values, &sum); much != 0; much = over(values, &sum)) {
        size_t at = 0;
        for (size_t i = 1; i < about.feature_count; i++) {
            if (much > 0 ? values[i] > values[at] : values[i] < values[at]) at = i;
        }
        if (much > 0) {
            values[at] -= (int64_t)(much < values[at] ? much : values[at]);
        } else {
            values[at] -= (int64_t)(much > values[at] ? much : values[at]);
        }
    }
    return sum;
}

static int by_id(const question_t *question, size_t a, size_t b) {
    const exports_atlas_ranker_ranking_id_t *one = &question->ids.ptr[a], *other = &question->ids.ptr[b];
    size_t least = one->len < other->len ? one->len : other->len;
    int differs = memcmp(one->ptr, other->ptr, least);
    return differs != 0 ? differs : one->len < other->len ? -1 : one->len > other->len;
}

// Whether `a` comes before `b`: what is shown before what is left out, then the higher score, then the id.
static bool before(const question_t *question, const struct atlas_verdict *a, const struct atlas_verdict *b) {
    if ((a->code == NULL) != (b->code == NULL)) return a->code == NULL;
    if (a->code == NULL && a->score != b->score) return a->score > b->score;
    return by_id(question, a->row, b->row) < 0;
}

// A heap sort: no worse for any order of candidates.
static void sift(const question_t *question, struct atlas_verdict *all, size_t root, size_t count) {
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && before(question, &all[child], &all[child + 1])) child++;
        if (!before(question, &all[root], &all[child])) return;
        struct atlas_verdict swap = all[root];
        all[root] = all[child];
        all[child] = swap;
    }
}

static void sort(const question_t *question, struct atlas_verdict *all, size_t count) {
    for (size_t root = count / 2; root-- > 0;) sift(question, all, root, count);
    for (size_t end = count; end-- > 1;) {
        struct atlas_verdict swap = all[0];
        all[0] = all[end];
        all[end] = swap;
        sift(question, all, 0, end);
    }
}

void exports_atlas_ranker_ranking_rank(question_t *question, exports_atlas_ranker_ranking_ordered_t *ret) {
    size_t count = question->ids.len, features = about.feature_count, shown = 0;
    struct atlas_verdict *all = calloc(count, sizeof *all);
    for (size_t row = 0; row < count; row++) {
        struct atlas_verdict *verdict = &all[row];
        verdict->row = row;
        verdict->values = calloc(features, sizeof *verdict->values);
        atlas_candidate candidate = {
            .now = question->now,
            .created = question->created.ptr[row],
            .author = question->authors.ptr[row],
            .row = row,
            .question = question,
            .verdict = verdict,
        };
        weigh(&candidate, verdict->values);
        if (verdict->code != NULL) continue;
        verdict->score = settle(verdict->values);
        shown++;
    }
    sort(question, all, count);
    ret->order.ptr = malloc(shown * sizeof *ret->order.ptr);
    ret->scores.ptr = malloc(shown * sizeof *ret->scores.ptr);
    ret->contributions.ptr = malloc(shown * features * sizeof *ret->contributions.ptr);
    ret->left_out.ptr = malloc((count - shown) * sizeof *ret->left_out.ptr);
    ret->order.len = ret->scores.len = shown;
    ret->contributions.len = shown * features;
    ret->left_out.len = count - shown;
    for (size_t i = 0; i < shown; i++) {
        ret->order.ptr[i] = (uint32_t)all[i].row;
        ret->scores.ptr[i] = all[i].score;
        memcpy(&ret->contributions.ptr[i * features], all[i].values, features * sizeof *all[i].values);
    }
    for (size_t i = shown; i < count; i++) {
        exports_atlas_ranker_ranking_left_out_t *left = &ret->left_out.ptr[i - shown];
        left->candidate = (uint32_t)all[i].row;
        left->reason.code = text(all[i].code);
        left->reason.text = text(all[i].text);
    }
    pile_call_ends();
}
