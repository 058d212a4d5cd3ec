// What an admission module defines, and what it is given.
//
// What `configure` puts into statics stays, and so does all memory that it takes; what `admit`
// takes is taken away when the call is over.
#pragma once

#include "admission.h"
#include "answer.h"

typedef exports_atlas_admission_admitting_applicant_t atlas_applicant;

// What the module thinks of an applicant: refused by `atlas_refuse(&admittance->answer, …)`, and
// admitted where nothing is said.
typedef struct {
    atlas_answer answer;
    exports_atlas_admission_admitting_option_quota_t quota;
    exports_atlas_admission_admitting_list_id_t needs;
} atlas_admittance;

// ---- What a module defines ----

// Its name, version and summary; the rest of `atlas_about` is for validators.
extern const atlas_about about;

// Reads the config that the space binds; not called where it binds none. A refusal refuses the
// binding.
void configure(atlas_fields config, atlas_answer *answer);

// Decides on a header.
void admit(const atlas_applicant *applicant, atlas_admittance *admittance);

// ---- What it is given ----

// A text of an applicant, and whether two are the same.
atlas_string atlas_of(admission_string_t text);
bool atlas_same(atlas_string a, atlas_string b);

// Refuses fields other than these.
void atlas_only(atlas_fields map, const char *const *known, size_t count);

// Sets what the author may write in 24 hours.
void atlas_limit(atlas_admittance *admittance, uint32_t records, uint64_t bytes);

// The record that `id` names. Where it is not here yet, the host is asked for it, 16 of them at
// most, and this is null: the decision is made when it has come.
const exports_atlas_admission_admitting_entry_t *atlas_need(
    const atlas_applicant *applicant, atlas_admittance *admittance, atlas_string id);
