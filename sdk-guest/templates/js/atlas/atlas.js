// What a module needs to read records and to answer: bodies as `Fields`, refusals with a code
// and a sentence, and the exports of the world made of one object.

/** A refusal: the record is invalid, for this reason. */
export class Refusal extends Error {
  constructor(code, text) {
    super(text);
    this.code = code;
  }
}

/** Asks for records by id; the host calls again when they are here. */
export class Needs extends Error {
  constructor(ids) {
    super('needs other records');
    this.ids = ids;
  }
}

/** Refuses the record: a stable code for programs, a sentence for people. */
export function refuse(code, text) {
  throw new Refusal(code, text);
}

function within(field, count, least, most, few, many, what) {
  if (count >= least && count <= most) return;
  refuse(count < least ? few : many, `\`${field.path}\` is ${count} ${what}: expected ${least} to ${most}`);
}

/** A value of a body and the path it has there. */
class Field {
  constructor(value, path) {
    this.value = value;
    this.path = path;
  }

  wrong(expected) {
    refuse('wrong-kind', `\`${this.path}\` is ${kind(this.value)}: expected ${expected}`);
  }

  text() {
    if (typeof this.value !== 'string') this.wrong('text');
    return new Text(this.value, this.path);
  }

  integer() {
    if (typeof this.value !== 'bigint') this.wrong('an integer');
    return new Integer(this.value, this.path);
  }

  boolean() {
    if (typeof this.value !== 'boolean') this.wrong('a boolean');
    return this.value;
  }

  list() {
    if (!Array.isArray(this.value)) this.wrong('a list');
    return new List(this.value, this.path);
  }

  map() {
    if (!(this.value instanceof Map)) this.wrong('a map');
    return new Fields(this.value, this.path);
  }
}

/** A text. */
class Text extends Field {
  /** Bounds the number of characters, which are Unicode scalar values. */
  chars(least, most) {
    within(this, [...this.value].length, least, most, 'too-short', 'too-long', 'characters long');
    return this;
  }

  /** Refuses line breaks and every other control character. */
  oneLine() {
    if (/[\u0000-\u001f\u007f-\u009f]/.test(this.value)) {
      refuse('not-one-line', `\`${this.path}\` is not one line without control characters`);
    }
    return this;
  }

  /** Refuses everything but these words. */
  oneOf(...words) {
    if (!words.includes(this.value)) refuse('not-one-of', `\`${this.path}\` is none of ${words.join(', ')}`);
    return this;
  }
}

/** An integer; its value is a BigInt. */
class Integer extends Field {
  within(least, most) {
    if (this.value < BigInt(least) || this.value > BigInt(most)) {
      refuse('out-of-range', `\`${this.path}\` is ${this.value}: expected ${least} to ${most}`);
    }
    return this;
  }
}

/** A list; iterating gives its items as fields. */
class List extends Field {
  count(least, most) {
    within(this, this.value.length, least, most, 'too-few', 'too-many', 'items long');
    return this;
  }

  *[Symbol.iterator]() {
    for (let i = 0; i < this.value.length; i++) yield new Field(this.value[i], `${this.path}[${i}]`);
  }
}

/** A map: the body, or one inside it. */
export class Fields {
  constructor(map, path) {
    this.map_ = map;
    this.path = path;
  }

  /** The field, if it is there. */
  get(name) {
    const path = this.path ? `${this.path}.${name}` : name;
    return this.map_.has(name) ? new Field(this.map_.get(name), path) : undefined;
  }

  /** The field, which must be there. */
  field(name, expected = 'a value') {
    const path = this.path ? `${this.path}.${name}` : name;
    return this.get(name) ?? refuse('missing-field', `\`${path}\` is missing: expected ${expected}`);
  }

  text(name) {
    return this.field(name, 'text').text();
  }

  integer(name) {
    return this.field(name, 'an integer').integer();
  }

  boolean(name) {
    return this.field(name, 'a boolean').boolean();
  }

  list(name) {
    return this.field(name, 'a list').list();
  }

  map(name) {
    return this.field(name, 'a map').map();
  }
}

function kind(value) {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Map) return 'a map';
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof Link) return 'a link';
  return { string: 'text', bigint: 'an integer', number: 'a float', boolean: 'a boolean' }[typeof value];
}

/** A CID in a body, as its bytes. */
export class Link {
  constructor(bytes) {
    this.bytes = bytes;
  }
}

/**
 * Reads canonical DAG-CBOR: maps become Map, integers BigInt, floats Number, bytes Uint8Array.
 * The host hands over canonical bytes only; anything else is refused all the same.
 */
export function decode(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const broken = () => refuse('not-canonical', 'the body is no canonical DAG-CBOR');
  const take = (count) => {
    if (count > bytes.length - at) broken();
    at += count;
    return at - count;
  };
  const argument = (info) => {
    if (info < 24) return BigInt(info);
    if (info === 24) return BigInt(view.getUint8(take(1)));
    if (info === 25) return BigInt(view.getUint16(take(2)));
    if (info === 26) return BigInt(view.getUint32(take(4)));
    if (info === 27) return view.getBigUint64(take(8));
    return broken();
  };
  const span = (info) => {
    const length = argument(info);
    return length > BigInt(bytes.length) ? broken() : Number(length);
  };
  const item = (depth) => {
    if (depth > 32) broken();
    const head = view.getUint8(take(1));
    const info = head & 31;
    switch (head >> 5) {
      case 0:
        return argument(info);
      case 1:
        return -1n - argument(info);
      case 2: {
        const length = span(info);
        const start = take(length);
        return bytes.slice(start, start + length);
      }
      case 3: {
        const length = span(info);
        const start = take(length);
        return utf8(bytes, start, start + length) ?? broken();
      }
      case 4:
        return Array.from({ length: span(info) }, () => item(depth + 1));
      case 5: {
        const map = new Map();
        for (let left = span(info); left > 0; left--) {
          const key = item(depth + 1);
          if (typeof key !== 'string') broken();
          map.set(key, item(depth + 1));
        }
        return map;
      }
      case 6: {
        const content = argument(info) === 42n ? item(depth + 1) : broken();
        return content instanceof Uint8Array ? new Link(content.subarray(1)) : broken();
      }
      default:
        if (head === 0xf4) return false;
        if (head === 0xf5) return true;
        if (head === 0xf6) return null;
        if (head === 0xfb) return view.getFloat64(take(8));
        return broken();
    }
  };
  if (bytes.length === 0) return new Map();
  const value = item(0);
  return at === bytes.length && value instanceof Map ? value : broken();
}

/** Text of UTF-8, or undefined where it is none. Engines without a TextDecoder read it here. */
function utf8(bytes, start, end) {
  let text = '';
  while (start < end) {
    const first = bytes[start++];
    const more = first < 0x80 ? 0 : first < 0xc2 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : -1;
    if (more < 0 || more > end - start) return undefined;
    let code = more === 0 ? first : first & (0x3f >> more);
    for (let i = 0; i < more; i++) {
      const next = bytes[start++];
      if ((next & 0xc0) !== 0x80) return undefined;
      code = (code << 6) | (next & 0x3f);
    }
    const least = [0, 0x80, 0x800, 0x10000][more];
    if (code < least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return undefined;
    text += String.fromCodePoint(code);
  }
  return text;
}

/** A record to judge: what the WIT's `entry` has, and its body as fields. */
class Candidate {
  constructor({ entry, supplied }) {
    this.entry = entry;
    this.supplied = supplied;
  }

  body() {
    return new Fields(decode(this.entry.body), '');
  }

  /** Targets of a relation. */
  links(relation) {
    return this.entry.links.filter((link) => link.relation === relation).map((link) => link.target);
  }

  /** Another record by its id: given, or asked for. */
  need(id) {
    const found = this.supplied.find((supplied) => supplied.id === id);
    if (found === undefined) throw new Needs([id]);
    return new Candidate({ entry: found.entry, supplied: this.supplied });
  }
}

const value = (of) => (typeof of === 'string' ? { tag: 'text', val: of } : { tag: 'integer', val: BigInt(of) });

function judge(module, candidate) {
  try {
    const record = new Candidate(candidate);
    if (candidate.entry.operation === 'delete') {
      module.validateDelete?.(record);
      return { tag: 'valid', val: [] };
    }
    const found = module.validate(record) ?? [];
    return { tag: 'valid', val: found.map(([name, of]) => ({ name, value: value(of) })) };
  } catch (error) {
    if (error instanceof Needs) return { tag: 'needs', val: error.ids };
    if (error instanceof Refusal) return { tag: 'invalid', val: { code: error.code, text: error.message } };
    throw error;
  }
}

function prepare(module, draft) {
  try {
    return { tag: 'ok', val: module.prepare?.(draft) ?? draft };
  } catch (error) {
    if (error instanceof Refusal) return { tag: 'err', val: { code: error.code, text: error.message } };
    throw error;
  }
}

/** What every module says of itself, and how it takes its config. */
export function described(module) {
  const { name, version, summary } = module;
  return {
    describe: () => ({ name, version, summary }),
    configure(config) {
      try {
        if (module.configure) module.configure(config);
        else if (config.length > 0) {
          refuse('no-config', `this module takes no config, but ${config.length} bytes were given: leave it out`);
        }
      } catch (error) {
        if (error instanceof Refusal) throw { tag: 'invalid', val: error.message };
        throw error;
      }
    },
  };
}

/**
 * The exports of the validator world, made of an object with `name`, `version`, `summary`,
 * `rules` and `validate(record)`, and where it has them `configure(bytes)`, `prepare(draft)` and
 * `validateDelete(record)`. `validate` returns the index entries as `[name, value]` pairs, or
 * refuses.
 */
export function validator(module) {
  const { rules } = module;
  return {
    module: described(module),
    validation: {
      rules: () => ({
        lifecycle: rules.lifecycle ?? 'append',
        key: rules.key ?? { tag: 'none' },
        indexes: rules.indexes ?? [],
        text: rules.text ?? [],
        workflow: rules.workflow,
        display: { title: rules.display?.title, summary: rules.display?.summary },
        schema: JSON.stringify(rules.schema ?? {}),
      }),
      prepare: (drafts) => drafts.map((draft) => prepare(module, draft)),
      validate: (batch) => batch.map((candidate) => judge(module, candidate)),
    },
  };
}
