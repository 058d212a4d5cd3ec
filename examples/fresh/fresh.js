// Orders what is fresh and talked about first: age, replies, and nobody whom the viewer distrusts.
//
// This is the whole module. The first lines say what it weighs; `weigh` says what a candidate is
// worth by each feature, or why it is left out. Change them into your own.

import { ranker, leaveOut } from '../atlas/ranker.js';

const FRESH = 1_000_000n;
const MINUTE = 1_000n;
const REPLY = 20_000n;
const MOST_REPLIES = 100n;

const least = (a, b) => (a < b ? a : b);

export const { module, ranking } = ranker({
  name: 'example:fresh',
  version: '0.1.0',
  summary: 'What is fresh and talked about first.',

  features: [
    { name: 'fresh', about: 'a million when new, a thousand less with each minute' },
    { name: 'replies', about: '20,000 for each reply, up to a hundred of them' },
  ],
  columns: ['replies', 'trust'],

  weigh(candidate, now) {
    if ((candidate.column('trust') ?? 0n) < 0n) leaveOut('distrusted', 'the viewer distrusts its author');
    // Who dates a record into the future gains nothing by it.
    const age = now > candidate.created ? now - candidate.created : 0n;
    const fresh = FRESH - least(age / 60_000n, FRESH / MINUTE) * MINUTE;
    const replies = candidate.column('replies') ?? 0n;
    return [fresh, replies > 0n ? least(replies, MOST_REPLIES) * REPLY : 0n];
  },
});
