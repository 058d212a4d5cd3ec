// From the validator world, as its generated bindings have it, to `about` and `validate`, and
// back.

#include "describe.h"
#include "validator.h"

#include <stdlib.h>
#include <string.h>

struct atlas_record {
    const atlas_types_types_entry_t *entry;
};

ATLAS_DESCRIBE(validator)
ATLAS_CONFIGURE(validator, atlas_no_config)

static validator_option_string_t maybe(const char *given) {
    return given == NULL ? (validator_option_string_t){0} : (validator_option_string_t){true, text(given)};
}

void exports_atlas_validator_validation_rules(exports_atlas_validator_validation_type_rules_t *ret) {
    pile_call_begins();
    *ret = (exports_atlas_validator_validation_type_rules_t){0};
    ret->lifecycle = (uint8_t)about.lifecycle;
    ret->key.tag = (uint8_t)about.key;
    if (about.key == ATLAS_KEY_LITERAL) ret->key.val.literal = text(about.literal_key);
    ret->indexes.ptr = malloc(about.index_count * sizeof *ret->indexes.ptr);
    ret->indexes.len = about.index_count;
    for (size_t i = 0; i < about.index_count; i++) {
        ret->indexes.ptr[i].name = text(about.indexes[i].name);
        ret->indexes.ptr[i].kind = about.indexes[i].integer ? EXPORTS_ATLAS_VALIDATOR_VALIDATION_INDEX_KIND_INTEGER
                                                            : EXPORTS_ATLAS_VALIDATOR_VALIDATION_INDEX_KIND_TEXT;
        ret->indexes.ptr[i].about = text(about.indexes[i].about);
    }
    ret->text.ptr = malloc(about.text_field_count * sizeof *ret->text.ptr);
    ret->text.len = about.text_field_count;
    for (size_t i = 0; i < about.text_field_count; i++) {
        ret->text.ptr[i].path = text(about.text_fields[i].path);
        ret->text.ptr[i].weight = about.text_fields[i].weight;
    }
    ret->display.title = maybe(about.title_path);
    ret->display.summary = maybe(about.summary_path);
    ret->schema = text(about.schema);
    pile_call_ends();
}

// Drafts are left as they are.
void exports_atlas_validator_validation_prepare(
    exports_atlas_validator_validation_list_draft_t *drafts,
    exports_atlas_validator_validation_list_result_draft_reason_t *ret) {
    ret->ptr = malloc(drafts->len * sizeof *ret->ptr);
    ret->len = drafts->len;
    for (size_t i = 0; i < drafts->len; i++) {
        ret->ptr[i].is_err = false;
        ret->ptr[i].val.ok = drafts->ptr[i];
    }
    pile_call_ends();
}

static exports_atlas_validator_validation_verdict_t verdict(const atlas_answer *answer) {
    exports_atlas_validator_validation_verdict_t verdict = {0};
    if (answer->code != NULL) {
        verdict.tag = EXPORTS_ATLAS_VALIDATOR_VALIDATION_VERDICT_INVALID;
        verdict.val.invalid.code = text(answer->code);
        verdict.val.invalid.text = sentence(answer->sentence);
        return verdict;
    }
    verdict.tag = EXPORTS_ATLAS_VALIDATOR_VALIDATION_VERDICT_VALID;
    exports_atlas_validator_validation_index_entry_t *entries = malloc(answer->count * sizeof *entries);
    for (size_t i = 0; i < answer->count; i++) {
        const atlas_entry *from = &answer->entries[i];
        entries[i].name = text(from->index);
        if (from->integer) {
            entries[i].value.tag = EXPORTS_ATLAS_VALIDATOR_VALIDATION_INDEX_VALUE_INTEGER;
            entries[i].value.val.integer = from->number;
        } else {
            entries[i].value.tag = EXPORTS_ATLAS_VALIDATOR_VALIDATION_INDEX_VALUE_TEXT;
            entries[i].value.val.text = (validator_string_t){(uint8_t *)from->text.at, from->text.length};
        }
    }
    verdict.val.valid.ptr = entries;
    verdict.val.valid.len = answer->count;
    return verdict;
}

void exports_atlas_validator_validation_validate(
    exports_atlas_validator_validation_list_candidate_t *batch,
    exports_atlas_validator_validation_list_verdict_t *ret) {
    ret->ptr = malloc(batch->len * sizeof *ret->ptr);
    ret->len = batch->len;
    for (size_t i = 0; i < batch->len; i++) {
        atlas_record record = {&batch->ptr[i].entry};
        atlas_answer answer = {0};
        // Authors may take back what they wrote.
        if (record.entry->operation == ATLAS_TYPES_TYPES_OPERATION_PUT) validate(&record, &answer);
        ret->ptr[i] = verdict(&answer);
    }
    pile_call_ends();
}

atlas_fields atlas_body(const atlas_record *record, atlas_answer *answer) {
    return atlas_body_of(record->entry->body.ptr, record->entry->body.len, answer);
}

static bool same(validator_string_t a, const char *b) {
    return a.len == strlen(b) && memcmp(a.ptr, b, a.len) == 0;
}

size_t atlas_count_links(const atlas_record *record, const char *relation) {
    size_t count = 0;
    for (size_t i = 0; i < record->entry->links.len; i++) count += same(record->entry->links.ptr[i].relation, relation);
    return count;
}

atlas_string atlas_link(const atlas_record *record, const char *relation, size_t n) {
    for (size_t i = 0; i < record->entry->links.len; i++) {
        const atlas_types_types_link_t *link = &record->entry->links.ptr[i];
        if (same(link->relation, relation) && n-- == 0) return (atlas_string){(const char *)link->target.ptr, link->target.len};
    }
    return (atlas_string){"", 0};
}
