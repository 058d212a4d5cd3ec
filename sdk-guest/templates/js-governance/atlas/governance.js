// What a governance module needs: the exports of the world made of one object that keeps what it
// wants of roll and ballots, however they are ordered and cut, and decides at the end.

import { described } from './atlas.js';
import { decodeMap } from './reading.js';

/** One vote, in the thousandths that a roll gives weights in. */
export const ONE_VOTE = 1_000;

/** Accepted; or these options are chosen, the first choice first. */
export const accepted = (...options) => ({ tag: 'accepted', val: Uint32Array.from(options) });
export const rejected = { tag: 'rejected' };
/** Not yet: the host asks again. */
export const open = { tag: 'open' };

/** By code, and by number within. The text of the lowest number stands for all of its code. */
function grouped(setAside) {
  const groups = new Map();
  for (const { voter, code, text } of setAside.sort((a, b) => a.voter - b.voter)) {
    if (!groups.has(code)) groups.set(code, { reason: { code, text }, voters: [] });
    groups.get(code).voters.push(voter);
  }
  const byCode = [...groups.values()].sort((a, b) => (a.reason.code < b.reason.code ? -1 : 1));
  return byCode.map(({ reason, voters }) => ({ reason, voters: Uint32Array.from(voters) }));
}

/**
 * The exports of the governance world, made of an object with `name`, `version`, `summary`,
 * `begin(question)`, `fold(question, kept, chunk)` and `finish(question, kept)`, and where it has
 * it `configure(bytes)`. The question's `body` and `parameters` are Maps, empty where they cannot
 * be read. `begin` returns what is kept; `fold` puts a chunk into it, whose `members`, `ballots` and
 * `delegations` are columns, and a ballot's `body` bytes for `decodeMap`. `finish` returns `decision`,
 * `text`, `figures` by name, how many ballots were `counted`, and the others `setAside`: a list of
 * `{ voter, code, text }` in any order.
 */
export function governance(module) {
  let [question, kept] = [];
  return {
    module: described(module),
    tallying: {
      init(asked) {
        const [body, parameters] = [asked.body, asked.parameters].map((bytes) => decodeMap(bytes) ?? new Map());
        question = { ...asked, body, parameters };
        kept = module.begin(question);
      },
      fold(chunk) {
        module.fold(question, kept, chunk);
      },
      finish() {
        const { decision, text, figures, counted, setAside } = module.finish(question, kept);
        [question, kept] = [];
        return {
          decision,
          text,
          figures: Object.entries(figures).map(([name, value]) => ({ name, value: BigInt(value) })),
          counted: BigInt(counted),
          setAside: grouped(setAside),
        };
      },
    },
  };
}
