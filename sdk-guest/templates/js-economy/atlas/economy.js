// What an economy module needs: the exports of the world made of one object that weighs.

import { described } from './atlas.js';

/** The largest share of a peer. */
export const SERVICE = 1_000_000n;
/** Most replicas to aim for. */
export const REPLICAS = 1_000n;

/**
 * The exports of the economy world, made of an object with `name`, `version`, `summary` and
 * `weigh({ now, peers, items })`, and where it has it `configure(bytes)`. Peers and items are columns.
 * `weigh` returns columns of BigInts: `service`, one for each peer, and `retention` and `replicas`,
 * one for each item.
 */
export function economy(module) {
  return {
    module: described(module),
    balancing: {
      weigh(question) {
        const { service, retention, replicas } = module.weigh(question);
        return {
          service: Uint32Array.from(service, Number),
          retention: BigInt64Array.from(retention),
          replicas: Uint32Array.from(replicas, Number),
        };
      },
    },
  };
}
