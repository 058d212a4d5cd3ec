// Judges recipes: a title, how long it takes, and what goes in.
//
// This is the whole module. The first lines and `rules` say what it is and how its records
// live; `validate` decides. Change them into the rules of your own type.

import { validator, refuse } from '../atlas/atlas.js';

const schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Recipe',
  type: 'object',
  required: ['title', 'minutes', 'ingredients'],
  properties: {
    title: { type: 'string', minLength: 1, maxLength: 100 },
    minutes: { type: 'integer', minimum: 1, maximum: 10000 },
    ingredients: {
      type: 'array',
      minItems: 1,
      maxItems: 50,
      items: { type: 'string', minLength: 1, maxLength: 60 },
    },
  },
};

export const { module, validation } = validator({
  name: 'example:recipe',
  version: '0.1.0',
  summary: 'Recipes with their ingredients.',

  rules: {
    lifecycle: 'append',
    indexes: [
      { name: 'needs', kind: 'text', about: 'an ingredient' },
      { name: 'minutes', kind: 'integer', about: 'how long it takes' },
    ],
    text: [{ path: 'title', weight: 100 }],
    display: { title: 'title' },
    schema,
  },

  validate(recipe) {
    const body = recipe.body();
    body.text('title').chars(1, 100).oneLine();
    const minutes = body.integer('minutes').within(1, 10_000);
    const found = [['minutes', minutes.value]];
    for (const ingredient of body.list('ingredients').count(1, 50)) {
      found.push(['needs', ingredient.text().chars(1, 60).value]);
    }
    if (recipe.links('variant-of').length > 1) refuse('too-many', 'a recipe varies one other at most');
    return found;
  },
});
