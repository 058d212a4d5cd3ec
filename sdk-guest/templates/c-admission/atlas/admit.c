// From the admission world, as its generated bindings have it, to `about`, `configure` and
// `admit`, and back.

#include "admitting.h"
#include "config.h"
#include "describe.h"

#include <stdlib.h>
#include <string.h>

// Records that an applicant needs at most, as the world has it.
#define NEEDS 16

static void take(const uint8_t *bytes, size_t length, atlas_answer *answer) {
    atlas_fields map = atlas_config(bytes, length, answer);
    if (!atlas_refused(answer)) configure(map, answer);
}

ATLAS_DESCRIBE(admission)
ATLAS_CONFIGURE(admission, take)

void exports_atlas_admission_admitting_admit(
    exports_atlas_admission_admitting_list_applicant_t *batch,
    exports_atlas_admission_admitting_list_admittance_t *ret) {
    pile_call_begins();
    ret->ptr = calloc(batch->len, sizeof *ret->ptr);
    ret->len = batch->len;
    for (size_t i = 0; i < batch->len; i++) {
        atlas_admittance admittance = {0};
        admit(&batch->ptr[i], &admittance);
        exports_atlas_admission_admitting_admittance_t *found = &ret->ptr[i];
        if (admittance.needs.len > 0) {
            found->tag = EXPORTS_ATLAS_ADMISSION_ADMITTING_ADMITTANCE_NEEDS;
            found->val.needs = admittance.needs;
        } else if (atlas_refused(&admittance.answer)) {
            found->tag = EXPORTS_ATLAS_ADMISSION_ADMITTING_ADMITTANCE_REFUSED;
            found->val.refused.code = text(admittance.answer.code);
            found->val.refused.text = sentence(admittance.answer.sentence);
        } else {
            found->tag = EXPORTS_ATLAS_ADMISSION_ADMITTING_ADMITTANCE_ADMITTED;
            found->val.admitted = admittance.quota;
        }
    }
    pile_call_ends();
}

atlas_string atlas_of(admission_string_t text) {
    return (atlas_string){(const char *)text.ptr, text.len};
}

bool atlas_same(atlas_string a, atlas_string b) {
    return a.length == b.length && memcmp(a.at, b.at, a.length) == 0;
}

void atlas_only(atlas_fields map, const char *const *known, size_t count) {
    // Keys and values, one after the other.
    atlas_list items = {map.field, 2 * map.count, 0};
    for (atlas_field key, value; atlas_next(&items, &key) && atlas_next(&items, &value);) {
        atlas_string name = atlas_as_text(key).text;
        size_t i = 0;
        while (i < count && !atlas_same(name, (atlas_string){known[i], strlen(known[i])})) i++;
        if (i < count) continue;
        size_t length = 0;
        for (i = 0; i < count; i++) length += strlen(known[i]) + 2;
        char *words = malloc(length + 1), *at = words;
        for (i = 0; i < count; i++) {
            if (i > 0) at = (char *)memcpy(at, ", ", 2) + 2;
            at = (char *)memcpy(at, known[i], strlen(known[i])) + strlen(known[i]);
        }
        *at = 0;
        const char *path = map.field.path;
        atlas_refuse(map.field.answer, "unknown-field", "`%s%s%t` is not defined: expected only %s",
            path, *path == 0 ? "" : ".", name, words);
        return;
    }
}

void atlas_limit(atlas_admittance *admittance, uint32_t records, uint64_t bytes) {
    admittance->quota = (exports_atlas_admission_admitting_option_quota_t){true, {records, bytes}};
}

const exports_atlas_admission_admitting_entry_t *atlas_need(
    const atlas_applicant *applicant, atlas_admittance *admittance, atlas_string id) {
    for (size_t i = 0; i < applicant->supplied.len; i++) {
        if (atlas_same(atlas_of(applicant->supplied.ptr[i].id), id)) return &applicant->supplied.ptr[i].entry;
    }
    if (admittance->needs.ptr == NULL) admittance->needs.ptr = malloc(NEEDS * sizeof *admittance->needs.ptr);
    if (admittance->needs.len < NEEDS) admittance->needs.ptr[admittance->needs.len++] = sentence(id);
    return NULL;
}
