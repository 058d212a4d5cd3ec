"""Judges recipes: a title, how long it takes, and what goes in.

This is the whole module. `describe` and `rules` say what it is and how its records live;
`validate` decides. Change them into the rules of your own type.
"""

from atlas import Candidate, Validator, export, refuse

SCHEMA = """{
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
}"""


class Recipe(Validator):
    name = "example:recipe"
    version = "0.1.0"
    summary = "Recipes with their ingredients."

    lifecycle = "append"
    text_indexes = {"needs": "an ingredient"}
    integer_indexes = {"minutes": "how long it takes"}
    text_fields = {"title": 100}
    title = "title"
    schema = SCHEMA

    def validate(self, recipe: Candidate):
        body = recipe.body()
        body.text("title").chars(1, 100).one_line()
        minutes = body.integer("minutes").within(1, 10_000)
        found = [("minutes", minutes.value)]
        for ingredient in body.list("ingredients").count(1, 50):
            found.append(("needs", ingredient.text().chars(1, 60).value))
        if len(recipe.links("variant-of")) > 1:
            refuse("too-many", "a recipe varies one other at most")
        return found


Module, Validation = export(Recipe())
