// From the governance world, as its generated bindings have it, to `about`, `begin`, `fold` and
// `finish`, and back.

#include "canonical.h"
#include "describe.h"
#include "tallying.h"

#include <stdlib.h>
#include <string.h>

// Figures and reasons of an outcome at most, as the world has it.
#define FIGURES 256
#define REASONS 64

typedef exports_atlas_governance_tallying_set_aside_t aside_t;
typedef exports_atlas_governance_tallying_list_voter_t voters_t;

ATLAS_DESCRIBE(governance)
ATLAS_CONFIGURE(governance, atlas_no_config)

bool atlas_map(atlas_bytes bytes, atlas_answer *answer, atlas_fields *map) {
    atlas_fault fault;
    if (!atlas_canonical(bytes.ptr, bytes.len, &fault) || bytes.ptr[0] >> 5 != 5) return false;
    *map = atlas_body_of(bytes.ptr, bytes.len, answer);
    return true;
}

bool atlas_is(atlas_string text, const char *word) {
    return text.length == strlen(word) && memcmp(text.at, word, text.length) == 0;
}

atlas_string atlas_digits(uint64_t number) {
    char *digits = malloc(20);
    size_t first = 20;
    do digits[--first] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    return (atlas_string){digits + first, 20 - first};
}

static void decide(atlas_outcome *outcome, uint8_t decision, atlas_string why) {
    outcome->decision.tag = decision;
    outcome->text = sentence(why);
}

void atlas_accept(atlas_outcome *outcome, const uint32_t *options, size_t count, atlas_string why) {
    decide(outcome, EXPORTS_ATLAS_GOVERNANCE_TALLYING_DECISION_ACCEPTED, why);
    outcome->decision.val.accepted.ptr = memcpy(malloc(count * sizeof *options), options, count * sizeof *options);
    outcome->decision.val.accepted.len = count;
}

void atlas_reject(atlas_outcome *outcome, atlas_string why) {
    decide(outcome, EXPORTS_ATLAS_GOVERNANCE_TALLYING_DECISION_REJECTED, why);
}

void atlas_leave_open(atlas_outcome *outcome, atlas_string why) {
    decide(outcome, EXPORTS_ATLAS_GOVERNANCE_TALLYING_DECISION_OPEN, why);
}

void atlas_figure(atlas_outcome *outcome, const char *name, int64_t value) {
    if (outcome->figures.len == FIGURES) abort();
    outcome->figures.ptr[outcome->figures.len++] = (exports_atlas_governance_tallying_figure_t){text(name), value};
}

// The ballots of a code, in their place by code.
static aside_t *group(atlas_outcome *outcome, const char *code, atlas_string why) {
    aside_t *groups = outcome->set_aside.ptr;
    governance_string_t wanted = text(code);
    size_t at = 0;
    for (; at < outcome->set_aside.len; at++) {
        governance_string_t known = groups[at].reason.code;
        int order = memcmp(known.ptr, wanted.ptr, known.len < wanted.len ? known.len : wanted.len);
        if (order == 0 && known.len == wanted.len) return &groups[at];
        if (order > 0 || (order == 0 && known.len > wanted.len)) break;
    }
    if (outcome->set_aside.len == REASONS) abort();
    memmove(&groups[at + 1], &groups[at], (outcome->set_aside.len++ - at) * sizeof *groups);
    groups[at] = (aside_t){.reason = {wanted, sentence(why)}};
    return &groups[at];
}

void atlas_set_aside(atlas_outcome *outcome, uint32_t voter, const char *code, atlas_string why) {
    voters_t *voters = &group(outcome, code, why)->voters;
    // There is room for a power of two.
    if ((voters->len & (voters->len - 1)) == 0) {
        uint32_t *wider = malloc((voters->len == 0 ? 1 : 2 * voters->len) * sizeof *wider);
        voters->ptr = memcpy(wider, voters->ptr, voters->len * sizeof *wider);
    }
    size_t at = voters->len++;
    for (; at > 0 && voters->ptr[at - 1] > voter; at--) voters->ptr[at] = voters->ptr[at - 1];
    voters->ptr[at] = voter;
}

// The question under way, and where its texts and bytes are.
static atlas_question asked;
static atlas_kept proposal, body, parameters, lot;

static uint8_t *copy(atlas_kept *kept, const uint8_t *from, size_t size) {
    return memcpy(atlas_keep(kept, size), from, size);
}

void exports_atlas_governance_tallying_init(atlas_question *question) {
    pile_call_begins();
    asked = *question;
    asked.proposal.ptr = copy(&proposal, question->proposal.ptr, question->proposal.len);
    asked.body.ptr = copy(&body, question->body.ptr, question->body.len);
    asked.parameters.ptr = copy(&parameters, question->parameters.ptr, question->parameters.len);
    asked.lot.ptr = copy(&lot, question->lot.ptr, question->lot.len);
    begin(&asked);
    pile_call_ends();
}

// What the host promises: modules write by these numbers.
static void check(voters_t voters) {
    for (size_t i = 0; i < voters.len; i++) {
        if (voters.ptr[i] >= asked.voters) abort();
    }
}

void exports_atlas_governance_tallying_fold(atlas_chunk *chunk) {
    pile_call_begins();
    check(chunk->members.voter);
    check(chunk->ballots.voter);
    check(chunk->delegations.voter);
    check(chunk->delegations.delegate);
    fold(&asked, chunk);
    pile_call_ends();
}

void exports_atlas_governance_tallying_finish(atlas_outcome *ret) {
    pile_call_begins();
    *ret = (atlas_outcome){0};
    ret->figures.ptr = malloc(FIGURES * sizeof *ret->figures.ptr);
    ret->set_aside.ptr = malloc(REASONS * sizeof *ret->set_aside.ptr);
    finish(&asked, ret);
    pile_call_ends();
}
