// What a trust module needs: the exports of the world made of one object that keeps what it wants
// of the edges, however they are ordered and cut, and answers at the end.

import { described } from './atlas.js';

/** Whole trust, in millionths: as oneself. */
export const WHOLE = 1_000_000;
/** What an edge's weight of whole trust is, in thousandths. */
export const WHOLE_EDGE = 1_000;
/** Causes of one explanation. */
export const PARTS = 16;

/**
 * The exports of the trust world, made of an object with `name`, `version`, `summary`,
 * `begin(question)`, `fold(question, kept, edges)` and `finish(question, kept)`, and where it has
 * it `configure(bytes)`. `begin` returns what is kept of the edges; `fold` puts a chunk of them, as
 * columns, into it. `finish` returns `scores`, one for each identity, and `explanations`: for each identity
 * that the question's `explain` names, in that order, the parts of its score.
 */
export function trust(module) {
  let [question, kept] = [];
  return {
    module: described(module),
    trusting: {
      init(asked) {
        [question, kept] = [asked, module.begin(asked)];
      },
      fold(edges) {
        module.fold(question, kept, edges);
      },
      finish() {
        const { scores, explanations } = module.finish(question, kept);
        const explained = Array.from(question.explain, (identity, at) => ({ identity, parts: explanations[at] }));
        [question, kept] = [];
        return { scores: Int32Array.from(scores), explanations: explained };
      },
    },
  };
}
