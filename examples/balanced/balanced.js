// Who serves is served, what is rare is kept, and strangers can begin.
//
// This is the whole module, in whole numbers with every unit named. `service` says what share a peer
// gets, `retention` how long an item stays. Change them into your own.

import { REPLICAS, SERVICE, economy } from '../atlas/economy.js';

/** What a peer without a history gets: 1 % of the largest share. */
const STRANGER = 10_000n;
/** Bytes that make a difference: a peer that gave less is hardly told from a stranger. */
const GRAIN = 16n << 20n;
/** After how long without a receipt what a peer gave counts half: 30 days in milliseconds. */
const HALF_LIFE_MS = 30n * 24n * 60n * 60n * 1000n;
/** Replicas to aim for where the space did not vote. */
const ORDINARY = 2n;
const HOUR_MS = 60n * 60n * 1000n;

const least = (a, b) => (a < b ? a : b);
/** A difference that is not below 0. */
const less = (a, b) => (a > b ? a - b : 0n);

/** What a peer gave, of all that passed between both, with the failed audits and the distrust taken off. */
function service(now, peers, row) {
  const idle = less(now, peers.active[row]) / HALF_LIFE_MS;
  // A kept byte is worth a sixteenth of a served one, as long as it is kept.
  const gave = (peers.servedUs[row] + peers.keeps[row] / 16n) >> least(idle, 127n);
  const earned = ((SERVICE - STRANGER) * gave) / (gave + peers.servedThem[row] + GRAIN);
  const [passed, failed] = [BigInt(peers.passed[row]), BigInt(peers.failed[row])];
  const audited = ((STRANGER + earned) * (passed + 1n)) / (passed + 1n + 10n * failed);
  // Distrust takes off up to all; trust adds nothing that was not earned.
  const distrust = less(0n, BigInt(peers.trust[row]));
  const share = (audited * less(1_000_000n, distrust)) / 1_000_000n;
  return share < 1n ? 1n : least(share, SERVICE);
}

function target(items, row) {
  const voted = BigInt(items.voted[row]);
  return voted === 0n ? ORDINARY : least(voted, REPLICAS);
}

/** Pledged before everything; then by replicas that are missing; then by use. */
function retention(now, items, row) {
  const pledged = items.pledged[row] === 0 ? 0n : 1_000_000_000_000n;
  const missing = less(target(items, row), BigInt(items.replicas[row])) * 100_000_000n;
  const used = least(BigInt(items.requests[row]), 1000n) * 10_000n;
  const hours = less(now, items.active[row]) / HOUR_MS;
  const fresh = 10_000_000n / (1n + least(hours, 10_000_000n));
  return pledged + missing + used + fresh;
}

export const { module, balancing } = economy({
  name: 'example:balanced',
  version: '0.1.0',
  summary: 'Serves who serves, keeps what is rare or pledged, and lets strangers begin.',

  weigh: ({ now, peers, items }) => ({
    service: Array.from(peers.met, (_, row) => service(now, peers, row)),
    retention: Array.from(items.size, (_, row) => retention(now, items, row)),
    replicas: Array.from(items.size, (_, row) => target(items, row)),
  }),
});
