// What a ranker needs: the exports of the world made of one object, with sums, order and ties
// done here, so that the contributions add up and nothing vanishes.

import { Refusal, described, refuse } from './atlas.js';

/** Leaves the candidate out: a stable code for programs, a sentence for people. */
export const leaveOut = refuse;

const MOST = 2n ** 63n - 1n;
const LEAST = -(2n ** 63n);

/** What 64 bits can hold. */
function fit(value) {
  return value > MOST ? MOST : value < LEAST ? LEAST : value;
}

/** A candidate, as one row of the question. */
class Candidate {
  constructor(question, row) {
    this.id = question.ids[row];
    this.author = question.authors[row];
    this.created = question.created[row];
    this.#columns = question.columns;
    this.#row = row;
  }

  #columns;
  #row;

  /** Its value in a column; nothing where the host does not have the column. */
  column(name) {
    return this.#columns.find((column) => column.name === name)?.values[this.#row];
  }
}

/** Cuts contributions so that they add up to a score that 64 bits can hold: the largest lose first. */
function settle(values) {
  const kept = values.map(fit);
  const sum = () => kept.reduce((all, value) => all + value, 0n);
  for (let over = sum() - fit(sum()); over !== 0n; over = sum() - fit(sum())) {
    let at = 0;
    for (let i = 1; i < kept.length; i += 1) {
      if (over > 0n ? kept[i] > kept[at] : kept[i] < kept[at]) at = i;
    }
    const room = over > 0n ? kept[at] : -kept[at];
    const cut = over > 0n ? over : -over;
    kept[at] -= over > 0n ? (cut < room ? cut : room) : -(cut < room ? cut : room);
  }
  return [kept, sum()];
}

function byId(question) {
  return (a, b) => (question.ids[a.row] < question.ids[b.row] ? -1 : 1);
}

function rank(module, question) {
  const [shown, leftOut] = [[], []];
  for (let row = 0; row < question.ids.length; row += 1) {
    try {
      const [values, score] = settle(module.weigh(new Candidate(question, row), question.now));
      shown.push({ row, values, score });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      leftOut.push({ row, reason: { code: error.code, text: error.message } });
    }
  }
  const ids = byId(question);
  shown.sort((a, b) => (a.score === b.score ? ids(a, b) : a.score > b.score ? -1 : 1));
  leftOut.sort(ids);
  return {
    order: new Uint32Array(shown.map((one) => one.row)),
    scores: new BigInt64Array(shown.map((one) => one.score)),
    contributions: new BigInt64Array(shown.flatMap((one) => one.values)),
    leftOut: leftOut.map(({ row, reason }) => ({ candidate: row, reason })),
  };
}

/**
 * The exports of the ranker world, made of an object with `name`, `version`, `summary`, `features`,
 * `columns` and `weigh(candidate, now)`, and where it has it `configure(bytes)`. `weigh` returns one
 * whole number (a BigInt) for each feature, or leaves the candidate out.
 */
export function ranker(module) {
  return {
    module: described(module),
    ranking: {
      rules: () => ({ features: module.features, columns: module.columns ?? [] }),
      rank: (question) => rank(module, question),
    },
  };
}
