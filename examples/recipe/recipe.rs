//! Judges recipes: a title, how long it takes, and what goes in.
//!
//! This is the whole module. `describe` and `rules` say what it is and how its records live;
//! `validate` decides. Change them into the rules of your own type.

use atlas_sdk::{Candidate, Description, Judgement, Rules, Valid, Validator, ensure, export_validator};

const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "Recipe",
  "type": "object",
  "required": ["title", "minutes", "ingredients"],
  "properties": {
    "title": { "type": "string", "minLength": 1, "maxLength": 100 },
    "minutes": { "type": "integer", "minimum": 1, "maximum": 10000 },
    "ingredients": {
      "type": "array", "minItems": 1, "maxItems": 50,
      "items": { "type": "string", "minLength": 1, "maxLength": 60 }
    }
  }
}"#;

/// Judges recipes.
#[derive(Default)]
pub struct Recipe;

impl Validator for Recipe {
    fn describe() -> Description {
        Description::new("example:recipe", env!("CARGO_PKG_VERSION"), "Recipes with their ingredients.")
    }

    fn rules(&self) -> Rules {
        Rules::append()
            .index_text("needs", "an ingredient")
            .index_integer("minutes", "how long it takes")
            .text_field("title", 100)
            .title("title")
            .schema(SCHEMA)
    }

    fn validate(&self, recipe: &Candidate) -> Judgement {
        let body = recipe.body();
        body.text("title")?.chars_within(1..=100)?.one_line()?;
        let minutes = body.integer("minutes")?.within(1..=10_000)?;
        let mut valid = Valid::new().integer("minutes", *minutes);
        for ingredient in body.list("ingredients")?.count_within(1..=50)?.items() {
            valid = valid.text("needs", ingredient.text()?.chars_within(1..=60)?.as_str());
        }
        ensure!(recipe.links("variant-of").count() <= 1, "too-many", "a recipe varies one other at most");
        Ok(valid)
    }
}

export_validator!(Recipe);

#[cfg(test)]
mod tests {
    use atlas_sdk::testing::{check, check_rules};
    use atlas_sdk::{Map, Value, list, map};

    use super::*;

    fn soup() -> Map {
        map! { "title": "Soup", "minutes": 40, "ingredients": ["water", "leek"] }
    }

    fn code(field: &str, value: impl Into<Value>) -> Option<&'static str> {
        let mut body = soup();
        body.insert(field, value.into());
        check(&Recipe, body, &[]).code()
    }

    #[test]
    fn the_rules_keep_the_contract() {
        check_rules(&Recipe.rules());
    }

    #[test]
    fn a_recipe_has_a_title_a_time_and_something_in_it() {
        assert!(check(&Recipe, soup(), &[]).is_valid());
        assert_eq!(code("title", ""), Some("too-short"));
        assert_eq!(code("title", "two\nlines"), Some("not-one-line"));
        assert_eq!(code("minutes", 0i64), Some("out-of-range"));
        assert_eq!(code("ingredients", list![]), Some("too-few"));
        assert_eq!(code("ingredients", list![("x".repeat(61))]), Some("too-long"));
    }

    #[test]
    fn it_varies_one_other_at_most() {
        let other = ("variant-of", "bafyr4igdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi");
        assert!(check(&Recipe, soup(), &[other]).is_valid());
        assert_eq!(check(&Recipe, soup(), &[other, other]).code(), Some("too-many"));
    }
}
