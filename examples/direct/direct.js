// Trust as the seeds state it themselves, and nothing that follows from it.
//
// This is the whole module. `fold` says what is kept of the statements, `weigh` what they are
// worth, `explain` why. Change them into your own.

import { PARTS, WHOLE, WHOLE_EDGE, trust } from '../atlas/trust.js';

/** What each statement adds to the mean, rounded towards 0: what is added up is the score. */
function weigh(statements) {
  const all = statements.reduce((sum, { seedWeight }) => sum + seedWeight, 0);
  return statements.map(({ seed, seedWeight, weight }) => {
    const whole = BigInt(seedWeight) * BigInt(weight) * BigInt(WHOLE / WHOLE_EDGE);
    return { seed, seedWeight, weight, all, amount: Number(whole / BigInt(all)) };
  });
}

const sum = (weighed) => weighed.reduce((all, { amount }) => all + amount, 0);

/** The weightiest causes, and the rest in one. */
function explain(identity, statements) {
  const weighed = weigh(statements);
  weighed.sort((a, b) => Math.abs(b.amount) - Math.abs(a.amount) || a.seed - b.seed);
  const rest = weighed.length > PARTS ? weighed.splice(PARTS - 1) : [];
  const parts = weighed.map(({ seed, seedWeight, weight, all, amount }) => {
    const because = `a seed says ${weight} of 1000, and counts ${seedWeight} of ${all}`;
    return { because, path: [seed, identity], amount };
  });
  if (rest.length > 0) parts.push({ because: `${rest.length} seeds more say less`, path: [], amount: sum(rest) });
  return parts;
}

export const { module, trusting } = trust({
  name: 'example:direct',
  version: '0.1.0',
  summary: 'Trust as the seeds state it themselves: the mean of what they say, and nothing that follows.',

  begin: (question) => ({
    weights: new Map(question.seeds.map((seed) => [seed.identity, seed.weight])),
    // What the seeds state, by whom it is about.
    statements: new Map(),
  }),

  fold(question, { weights, statements }, { truster, trusted, weight }) {
    truster.forEach((seed, row) => {
      if (!weights.has(seed)) return;
      const about = trusted[row];
      if (!statements.has(about)) statements.set(about, []);
      statements.get(about).push({ seed, seedWeight: weights.get(seed), weight: weight[row] });
    });
  },

  finish(question, { weights, statements }) {
    const scores = new Int32Array(question.identities);
    for (const [identity, said] of statements) scores[identity] = sum(weigh(said));
    // A seed trusts itself, whatever other seeds say of it.
    for (const seed of weights.keys()) scores[seed] = WHOLE;
    const explanations = Array.from(question.explain, (identity) =>
      weights.has(identity)
        ? [{ because: 'is a seed', path: [identity], amount: WHOLE }]
        : explain(identity, statements.get(identity) ?? []),
    );
    return { scores, explanations };
  },
});
