// Decides by majority: more yes than no, if enough of the roll took part.
//
// Who is on the roll votes with the weight that it gives; abstaining counts for the quorum and for
// nothing else. This is the whole module. `about` says what it is; `fold` keeps what each voter
// has and says, and `finish` counts it. Change them into your own.

#include "tallying.h"

#include <string.h>

const atlas_about about = {
    .name = "example:majority",
    .version = "0.1.0",
    .summary = "More yes than no decides, once a quorum of the roll took part.",
};

// What a ballot comes to: a vote, or why it is none.
enum { NO_BALLOT, YES, NO, ABSTAIN, EARLY, LATE, UNREADABLE, NO_VOTE, NOT_ON_ROLL, KINDS };

// What is kept of each voter, by number: a line of the roll and a ballot come in any order.
typedef struct {
    uint32_t weight;
    bool on_roll;
    uint8_t ballot;
} voter;

static atlas_kept kept;

void begin(const atlas_question *question) {
    size_t size = question->voters * sizeof(voter);
    memset(atlas_keep(&kept, size), 0, size);
}

static uint8_t vote(atlas_bytes ballot, atlas_answer *ignored) {
    atlas_fields map;
    if (!atlas_map(ballot, ignored, &map)) return UNREADABLE;
    atlas_string vote = atlas_get_text(map, "vote").text;
    return atlas_is(vote, "yes") ? YES : atlas_is(vote, "no") ? NO : atlas_is(vote, "abstain") ? ABSTAIN : NO_VOTE;
}

void fold(const atlas_question *question, const atlas_chunk *chunk) {
    voter *voters = kept.at;
    for (size_t i = 0; i < chunk->members.voter.len; i++) {
        voter *member = &voters[chunk->members.voter.ptr[i]];
        member->on_roll = true;
        member->weight = chunk->members.weight.ptr[i];
    }
    atlas_answer ignored = {0};
    for (size_t i = 0; i < chunk->ballots.voter.len; i++) {
        uint64_t cast = chunk->ballots.cast.ptr[i];
        voters[chunk->ballots.voter.ptr[i]].ballot = cast < question->opened ? EARLY
            : cast > question->closes                                        ? LATE
                                                                             : vote(chunk->ballots.body.ptr[i], &ignored);
    }
}

// What has to take part, in the roll's thousandths: the parameter `quorum` in percent of the roll,
// rounded up.
static int64_t quorum(const atlas_question *question, int64_t roll) {
    atlas_answer ignored = {0};
    atlas_fields parameters;
    if (!atlas_map(question->parameters, &ignored, &parameters)) return 0;
    int64_t percent = atlas_get_integer(parameters, "quorum").value;
    return (roll * (percent < 0 ? 0 : percent > 100 ? 100 : percent) + 99) / 100;
}

// How the proposal is answered; by a vote unless it says otherwise.
static atlas_string choice(const atlas_question *question) {
    atlas_answer answer = {0};
    atlas_fields body;
    atlas_string vote = {"vote", 4};
    if (!atlas_map(question->body, &answer, &body)) return vote;
    atlas_string choice = atlas_get_text(body, "choice").text;
    return atlas_refused(&answer) ? vote : choice;
}

// A proposal may hold anything.
static atlas_string cut(atlas_string text) {
    if (text.length > 64) {
        text.length = 64;
        while (((uint8_t)text.at[text.length] & 0xc0) == 0x80) text.length--;
    }
    return text;
}

static void decide(const atlas_question *question, atlas_outcome *outcome, int64_t yes, int64_t no, int64_t part, int64_t quorum) {
    atlas_string by = choice(question);
    if (!atlas_is(by, "vote")) {
        atlas_reject(outcome, atlas_sentence("the proposal is answered by %t: a majority decides yes or no only", cut(by)));
    } else if (question->now <= question->closes) {
        atlas_leave_open(outcome, atlas_sentence("voting is open until %t", atlas_digits(question->closes)));
    } else if (part < quorum || part == 0) {
        atlas_reject(outcome, atlas_sentence("%d took part, and the quorum is %d", part, quorum));
    } else if (yes > no) {
        atlas_accept(outcome, NULL, 0, atlas_sentence("%d said yes and %d no", yes, no));
    } else {
        atlas_reject(outcome, atlas_sentence("%d said yes and %d no: more have to say yes", yes, no));
    }
}

void finish(const atlas_question *question, atlas_outcome *outcome) {
    const struct {
        const char *code;
        atlas_string text;
    } why[KINDS] = {
        [EARLY] = {"early", atlas_sentence("cast before voting began at %t", atlas_digits(question->opened))},
        [LATE] = {"late", atlas_sentence("cast after voting ended at %t", atlas_digits(question->closes))},
        [UNREADABLE] = {"unreadable", atlas_sentence("the ballot is no canonical map")},
        [NO_VOTE] = {"no-vote", atlas_sentence("expected `vote`: yes, no or abstain")},
        [NOT_ON_ROLL] = {"not-on-roll", atlas_sentence("the voter is not on the roll")},
    };
    const voter *voters = kept.at;
    int64_t sums[KINDS] = {0}, roll = 0;
    for (uint32_t i = 0; i < question->voters; i++) {
        uint8_t ballot = voters[i].ballot;
        if (voters[i].on_roll) roll += voters[i].weight;
        if (ballot == NO_BALLOT) continue;
        if (!voters[i].on_roll) ballot = NOT_ON_ROLL;
        if (why[ballot].code != NULL) {
            atlas_set_aside(outcome, i, why[ballot].code, why[ballot].text);
        } else {
            sums[ballot] += voters[i].weight;
            outcome->counted++;
        }
    }
    int64_t needed = quorum(question, roll);
    decide(question, outcome, sums[YES], sums[NO], sums[YES] + sums[NO] + sums[ABSTAIN], needed);
    atlas_figure(outcome, "yes", sums[YES]);
    atlas_figure(outcome, "no", sums[NO]);
    atlas_figure(outcome, "abstain", sums[ABSTAIN]);
    atlas_figure(outcome, "roll", roll);
    atlas_figure(outcome, "quorum", needed);
}
