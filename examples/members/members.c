// Admits the founder, and those whom the config names: {"members": ["bafyr4ig…", …]}.
//
// A change of the members is a change of the config, and so an amendment. This is the whole
// module. `about` says what it is; `configure` reads the config, and `admit` decides. Change them
// into your own.

#include "admitting.h"

#include <stdlib.h>
#include <string.h>

// Most members that a config names.
#define MEMBERS 16384

const atlas_about about = {
    .name = "example:members",
    .version = "0.1.0",
    .summary = "The founder and the members that the config names may write.",
};

// The members, each at the first free place from its hash on; half of the places are free at least.
static atlas_string nobody;
static atlas_string *places = &nobody;
static size_t place_count = 1;

// Where an identity stands, or would.
static atlas_string *place(atlas_string id) {
    // FNV-1a.
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < id.length; i++) hash = (hash ^ (uint8_t)id.at[i]) * 16777619u;
    size_t at = hash % place_count;
    while (places[at].length > 0 && !atlas_same(places[at], id)) at = (at + 1) % place_count;
    return &places[at];
}

static bool is_id(atlas_string id) {
    bool legal = id.length == 59 && memcmp(id.at, "bafy", 4) == 0;
    for (size_t i = 0; i < id.length; i++) {
        legal = legal && ((id.at[i] >= 'a' && id.at[i] <= 'z') || (id.at[i] >= '2' && id.at[i] <= '7'));
    }
    return legal;
}

void configure(atlas_fields config, atlas_answer *answer) {
    static const char *const known[] = {"members"};
    atlas_only(config, known, 1);
    atlas_list members = atlas_get_list(config, "members");
    atlas_count(members, 0, MEMBERS);
    if (atlas_refused(answer)) return;
    while (place_count < 2 * members.count) place_count *= 2;
    places = calloc(place_count, sizeof *places);
    for (atlas_field item; atlas_next(&members, &item);) {
        atlas_string id = atlas_as_text(item).text;
        if (!is_id(id)) atlas_refuse(answer, "not-an-id", "`%s` is no identity: expected its id, as bafyr4ig…", item.path);
        atlas_string *free = place(id);
        if (free->length > 0) atlas_refuse(answer, "twice", "`%s` is named twice", item.path);
        if (atlas_refused(answer)) return;
        *free = id;
    }
}

void admit(const atlas_applicant *applicant, atlas_admittance *admittance) {
    atlas_string author = atlas_of(applicant->author);
    bool founder = atlas_same(author, atlas_of(applicant->founder));
    // An empty text is no member: it only finds a free place.
    bool member = place(author)->length > 0;
    if (!founder && !member) {
        atlas_refuse(&admittance->answer, "no-member",
            "the author is no member of this space: ask its founder, or propose an amendment that names the author");
    }
}
