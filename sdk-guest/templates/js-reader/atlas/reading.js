// What reads bytes as the host does: canonical DAG-CBOR and nothing else, and configs, which people
// write as JSON or as the same in canonical DAG-CBOR. What is wrong is named with its place.

import { Fields, Link, Refusal, refuse } from './atlas.js';

/** Nesting of lists and maps. */
const DEPTH = 32;
/** Least integers that take 1, 2, 4 and 8 bytes beside the head. */
const LEAST = [24n, 0x100n, 0x1_0000n, 0x1_0000_0000n];
const TRUNCATED = 'the input ends inside an item';
const SIMPLE = 'a simple value other than false, true and null';
const INDEFINITE = 'an indefinite length';

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const encode = (text) => ENCODER.encode(text);

/** Text of UTF-8, or nothing where it is none. */
function utf8(bytes) {
  try {
    return DECODER.decode(bytes);
  } catch {
    return undefined;
  }
}

/** A text of so many bytes at most, cut between characters. */
export function cut(text, most) {
  const bytes = encode(text);
  let end = Math.min(most, bytes.length);
  while ((bytes[end] & 0xc0) === 0x80) end -= 1;
  return utf8(bytes.subarray(0, end));
}

/** Canonical order of keys, as bytes: shorter first. */
function keyOrder(a, b) {
  const at = a.length === b.length ? a.findIndex((byte, i) => byte !== b[i]) : -1;
  return at < 0 ? a.length - b.length : a[at] - b[at];
}

/** Whether bytes are a CID: a version 0 of 34 bytes, or a version 1 with a digest of 64 bytes at most. */
function isCid(bytes) {
  if (bytes.length === 34 && bytes[0] === 0x12 && bytes[1] === 0x20) return true;
  let at = 0;
  // LEB128 in its shortest form, 9 bytes at most. What is too large for exactness is too large anyway.
  const varint = () => {
    for (let value = 0, i = 0; i < 9 && at < bytes.length; i += 1) {
      const byte = bytes[at++];
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return byte === 0 && i > 0 ? NaN : value;
    }
    return NaN;
  };
  const [version, codec, hash, length] = [varint(), varint(), varint(), varint()];
  return version === 1 && codec >= 0 && hash >= 0 && length <= 64 && length === bytes.length - at;
}

/**
 * Reads a value of canonical DAG-CBOR, or refuses: maps become Map, integers BigInt, floats Number,
 * bytes Uint8Array.
 */
export function decode(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const fail = (where, fault) => refuse('not-canonical', `not canonical DAG-CBOR at byte ${where}: ${fault}`);
  const take = (count) => {
    if (count > bytes.length - at) fail(at, TRUNCATED);
    at += count;
    return at - count;
  };
  const argument = (start, info) => {
    if (info < 24) return BigInt(info);
    if (info > 27) fail(start, info === 31 ? INDEFINITE : SIMPLE);
    const [bits, from] = [8 << (info - 24), take(1 << (info - 24))];
    const value = bits === 64 ? view.getBigUint64(from) : BigInt(view[`getUint${bits}`](from));
    return value < LEAST[info - 24] ? fail(start, 'an integer or length is not in its shortest form') : value;
  };
  // A length that the rest of the input can hold, with so many bytes for each element.
  const length = (start, count, each) =>
    count * each > BigInt(bytes.length - at) ? fail(start, TRUNCATED) : Number(count);
  const span = (start, count) => {
    const from = take(length(start, count, 1n));
    return bytes.subarray(from, at);
  };
  const text = (start, count) => utf8(span(start, count)) ?? fail(start, 'text that is not UTF-8');
  const map = (start, count, depth) => {
    const found = new Map();
    let last;
    for (let left = length(start, count, 2n); left > 0; left -= 1) {
      const here = at;
      if (here < bytes.length && bytes[here] >> 5 !== 3) fail(here, 'a map key that is not text');
      const name = text(here, argument(here, bytes[take(1)] & 31));
      const key = encode(name);
      const order = last === undefined ? -1 : keyOrder(last, key);
      if (order >= 0) fail(here, order > 0 ? 'map keys are out of order' : 'a map key appears twice');
      last = key;
      found.set(name, item(depth + 1));
    }
    return found;
  };
  const link = (start) => {
    try {
      const cid = bytes[at] >> 5 === 2 ? item(DEPTH) : [];
      if (cid[0] === 0 && isCid(cid.subarray(1))) return new Link(cid.subarray(1));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
    return fail(start, 'tag 42 that does not hold a CID');
  };
  const simple = (start) => {
    switch (bytes[start]) {
      case 0xf4:
        return false;
      case 0xf5:
        return true;
      case 0xf6:
        return null;
      case 0xf9:
      case 0xfa:
        return fail(start, 'a float that is not 64 bits wide');
      case 0xfb: {
        take(8);
        const float = view.getFloat64(start + 1);
        if (!Number.isFinite(float)) fail(start, 'a float that is not finite');
        return Object.is(float, -0) ? fail(start, 'the float -0.0, which has no place beside 0.0') : float;
      }
      default:
        return fail(start, bytes[start] === 0xff ? INDEFINITE : SIMPLE);
    }
  };
  const item = (depth) => {
    const start = take(1);
    const major = bytes[start] >> 5;
    if (major === 7) return simple(start);
    const count = argument(start, bytes[start] & 31);
    if ((major === 4 || major === 5) && depth >= DEPTH) fail(start, `more than ${DEPTH} levels`);
    switch (major) {
      case 0:
        return count;
      case 1:
        return -1n - count;
      case 2:
        return span(start, count).slice();
      case 3:
        return text(start, count);
      case 4:
        return Array.from({ length: length(start, count, 1n) }, () => item(depth + 1));
      case 5:
        return map(start, count, depth);
      default:
        return count === 42n ? link(start) : fail(start, 'a tag other than 42');
    }
  };
  const value = item(0);
  return at === bytes.length ? value : fail(at, 'bytes follow the value');
}

/** Reads a value, or gives the other where that cannot be. */
export function decodeOr(bytes, other) {
  try {
    return decode(bytes);
  } catch (error) {
    if (error instanceof Refusal) return other;
    throw error;
  }
}

/** Reads a map; nothing where it is none. */
export function decodeMap(bytes) {
  const value = decodeOr(bytes, undefined);
  return value instanceof Map ? value : undefined;
}

const ESCAPES = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };
const WORDS = { true: true, false: false, null: null };

/** Reads JSON as configs have it: no fractions, each key once. */
function json(text) {
  let at = 0;
  const expected = (what) => {
    const lines = text.slice(0, at).split('\n');
    const where = `line ${lines.length}, column ${1 + encode(lines.at(-1)).length}`;
    refuse('bad-config', `the config is no JSON that modules read: ${where}: expected ${what}`);
  };
  // Whatever comes next of a kind, which may be nothing.
  const run = (kind) => {
    kind.lastIndex = at;
    const found = kind.exec(text)[0];
    at += found.length;
    return found;
  };
  const peek = () => {
    if (text.charCodeAt(at) <= 0x20) run(/[ \t\n\r]*/y);
    return text.charAt(at);
  };
  const takes = (character) => {
    const here = peek() === character;
    if (here) at += 1;
    return here;
  };
  // Whether another item follows, or else the end.
  const more = (end) => {
    const next = peek();
    if (next !== ',' && next !== end) expected(`\`,\` or \`${end}\``);
    at += 1;
    return next === ',';
  };
  const unit = () => {
    const four = encode(text.slice(at, at + 4)).subarray(0, 4);
    // Four bytes are passed over, unless they end within a character.
    const digits = (four.length === 4 && utf8(four)) || '';
    at += digits.length;
    return /^[0-9a-fA-F]{4}$/.test(digits) ? parseInt(digits, 16) : expected('a code point after `\\u`');
  };
  // A code point as one unit of UTF-16, or as two.
  const unicode = () => {
    const first = unit();
    if (first < 0xd800 || first > 0xdfff) return String.fromCharCode(first);
    if (first > 0xdbff || !text.startsWith('\\u', at)) expected('a code point after `\\u`');
    at += 2;
    const second = unit();
    if (second < 0xdc00 || second > 0xdfff) expected('a code point after `\\u`');
    return String.fromCharCode(first, second);
  };
  const escape = () => {
    const letter = text.charAt(at);
    if (letter !== 'u' && !Object.hasOwn(ESCAPES, letter)) expected('an escape that JSON has');
    at += 1;
    return letter === 'u' ? unicode() : ESCAPES[letter];
  };
  const string = () => {
    at += 1;
    for (let found = ''; ; ) {
      found += run(/[^"\\\x00-\x1f]*/y);
      if (at === text.length) expected('`"` at the end of a text');
      const character = text[at++];
      if (character === '"') return found;
      found += character === '\\' ? escape() : expected('control characters as escapes');
    }
  };
  const number = () => {
    const start = at;
    const digits = run(/[-+.eE0-9]*/y);
    const value = /^(0|-?[1-9][0-9]*)$/.test(digits) ? BigInt(digits) : undefined;
    if (value !== undefined && BigInt.asIntN(64, value) === value) return value;
    at = start;
    return expected('a whole number of 64 bits');
  };
  const object = (depth) => {
    const found = [];
    at += 1;
    if (takes('}')) return new Map();
    do {
      if (peek() !== '"') expected('a key in double quotes');
      const key = string();
      if (!takes(':')) expected('`:` after a key');
      found.push({ key, bytes: encode(key), value: value(depth + 1) });
    } while (more('}'));
    found.sort((a, b) => keyOrder(a.bytes, b.bytes));
    const map = new Map(found.map(({ key, value }) => [key, value]));
    return map.size === found.length ? map : expected('each key once');
  };
  const array = (depth) => {
    const found = [];
    at += 1;
    if (takes(']')) return found;
    do found.push(value(depth + 1));
    while (more(']'));
    return found;
  };
  const value = (depth) => {
    const first = peek();
    if ((first === '{' || first === '[') && depth === DEPTH) expected(`${DEPTH} levels at most`);
    if (first === '{') return object(depth);
    if (first === '[') return array(depth);
    if (first === '"') return string();
    if (/[-0-9]/.test(first)) return number();
    const word = Object.keys(WORDS).find((word) => text.startsWith(word, at)) ?? expected('a value');
    at += word.length;
    return WORDS[word];
  };
  const whole = value(0);
  return peek() === '' ? whole : expected('nothing more after the object');
}

/** What a value is, by the first byte of its encoding. */
const KINDS = ['an integer', 'an integer', 'bytes', 'text', 'a list', 'a map', 'a link'];
const SIMPLE_KINDS = { 0xf4: 'a boolean', 0xf5: 'a boolean', 0xf6: 'null', 0xfb: 'a float' };

/** The fields of a config. */
export function readConfig(bytes) {
  const text = utf8(bytes) ?? '';
  if (/^[ \t\n\f\r]*\{/.test(text)) return new Fields(json(text), '');
  let value;
  try {
    value = decode(bytes);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const what = 'neither a JSON object nor canonical DAG-CBOR';
    refuse('bad-config', `${what}: as the latter, it is ${error.message}`);
  }
  if (value instanceof Map) return new Fields(value, '');
  return refuse('bad-config', `the config is ${KINDS[bytes[0] >> 5] ?? SIMPLE_KINDS[bytes[0]]}: expected a map`);
}

/** Refuses fields other than these. */
export function only(fields, ...known) {
  const unknown = [...fields.map_.keys()].find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const path = fields.path ? `${fields.path}.${unknown}` : unknown;
  refuse('unknown-field', cut(`\`${path}\` is not defined: expected only ${known.join(', ')}`, 1000));
}
