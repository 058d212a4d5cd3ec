// Judges recipes: a title, how long it takes, and what goes in.
//
// This is the whole module. `about` says what it is and how its records live; `validate`
// decides. Change them into the rules of your own type.

#include "atlas.h"

static const char schema[] =
    "{ \"$schema\": \"https://json-schema.org/draft/2020-12/schema\", \"title\": \"Recipe\", \"type\": \"object\","
    "  \"required\": [\"title\", \"minutes\", \"ingredients\"],"
    "  \"properties\": {"
    "    \"title\": { \"type\": \"string\", \"minLength\": 1, \"maxLength\": 100 },"
    "    \"minutes\": { \"type\": \"integer\", \"minimum\": 1, \"maximum\": 10000 },"
    "    \"ingredients\": { \"type\": \"array\", \"minItems\": 1, \"maxItems\": 50,"
    "      \"items\": { \"type\": \"string\", \"minLength\": 1, \"maxLength\": 60 } } } }";

static const atlas_index indexes[] = {
    {.name = "needs", .about = "an ingredient"},
    {.name = "minutes", .integer = true, .about = "how long it takes"},
};

static const atlas_text_field text_fields[] = {{.path = "title", .weight = 100}};

const atlas_about about = {
    .name = "example:recipe",
    .version = "0.1.0",
    .summary = "Recipes with their ingredients.",
    .lifecycle = ATLAS_APPEND,
    .indexes = indexes,
    .index_count = sizeof indexes / sizeof *indexes,
    .text_fields = text_fields,
    .text_field_count = sizeof text_fields / sizeof *text_fields,
    .title_path = "title",
    .schema = schema,
};

void validate(const atlas_record *recipe, atlas_answer *answer) {
    atlas_fields body = atlas_body(recipe, answer);
    atlas_text title = atlas_get_text(body, "title");
    atlas_chars(title, 1, 100);
    atlas_one_line(title);
    atlas_integer minutes = atlas_get_integer(body, "minutes");
    atlas_within(minutes, 1, 10000);
    atlas_found_integer(answer, "minutes", minutes.value);
    atlas_list ingredients = atlas_get_list(body, "ingredients");
    atlas_count(ingredients, 1, 50);
    for (atlas_field item; atlas_next(&ingredients, &item);) {
        atlas_text ingredient = atlas_as_text(item);
        atlas_chars(ingredient, 1, 60);
        atlas_found_text(answer, "needs", ingredient.text);
    }
    if (atlas_count_links(recipe, "variant-of") > 1) {
        atlas_refuse(answer, "too-many", "a recipe varies one other at most");
    }
}
