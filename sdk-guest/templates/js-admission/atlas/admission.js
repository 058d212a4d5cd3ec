// What an admission module needs: the exports of the world made of one object that decides on one
// header.

import { Needs, Refusal, described } from './atlas.js';
import { decodeMap, decodeOr } from './reading.js';

/** A header that wants in: what the WIT's `applicant` has, in `header`. */
class Applicant {
  constructor(header) {
    this.header = header;
    this.author = header.author;
    this.founder = header.founder;
  }

  /** Targets of a relation, in the author's order. */
  links(relation) {
    return this.header.links.filter((link) => link.relation === relation).map((link) => link.target);
  }

  /** Something else that the header carries: null where it cannot be read, nothing where it is not there. */
  extension(name) {
    const found = this.header.extensions.find((extension) => extension.name === name);
    return found && decodeOr(found.value, null);
  }

  /** Another record by its id: given, its body a Map, or asked for. */
  need(id) {
    const found = this.header.supplied.find((supplied) => supplied.id === id);
    if (found === undefined) throw new Needs([id]);
    return { ...found.entry, body: decodeMap(found.entry.body) ?? new Map() };
  }
}

function admit(module, applicant) {
  try {
    const quota = module.admit(applicant);
    return { tag: 'admitted', val: quota && { records: Number(quota.records), bytes: BigInt(quota.bytes) } };
  } catch (error) {
    if (error instanceof Needs) return { tag: 'needs', val: error.ids };
    if (error instanceof Refusal) return { tag: 'refused', val: { code: error.code, text: error.message } };
    throw error;
  }
}

/**
 * The exports of the admission world, made of an object with `name`, `version`, `summary` and
 * `admit(applicant)`, and where it has it `configure(bytes)`. `admit` returns nothing, or a quota
 * of `records` and `bytes` in 24 hours, or refuses.
 */
export function admission(module) {
  return {
    module: described(module),
    admitting: {
      admit: (batch) => batch.map((header) => admit(module, new Applicant(header))),
    },
  };
}
