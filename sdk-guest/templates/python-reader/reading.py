"""What reads bytes as the host does.

That is canonical DAG-CBOR and nothing else, and configs, which people write as JSON or as the same
in canonical DAG-CBOR. What is wrong is named with its place.
"""

import math
import re
import struct
import unicodedata


class Refusal(ValueError):
    """A refusal, for this reason."""

    def __init__(self, code: str, text: str):
        super().__init__(text)
        self.code = code
        self.text = text


def refuse(code: str, text: str):
    """Refuses: a stable code for programs, a sentence for people."""
    raise Refusal(code, cut(text, 1000))


def cut(text: str, most: int) -> str:
    """A text of so many bytes at most, cut between characters."""
    return text.encode()[:most].decode(errors="ignore")


class Link:
    """A CID, as its bytes."""

    def __init__(self, cid: bytes):
        self.cid = cid


KINDS = [
    (bool, "a boolean"),
    (int, "an integer"),
    (str, "text"),
    (list, "a list"),
    (dict, "a map"),
    (bytes, "bytes"),
    (float, "a float"),
    (Link, "a link"),
    (type(None), "null"),
]


def kind(value) -> str:
    return next(name for of, name in KINDS if isinstance(value, of))


def is_int64(value) -> bool:
    """Whether this is an integer of 64 bits with sign."""
    return kind(value) == "an integer" and -(2**63) <= value < 2**63


class Field:
    """A value and the path it has."""

    def __init__(self, value, path: str):
        self.value = value
        self.path = path

    def refuse(self, code: str, what: str):
        """Refuses what stands here: `what` goes on where the path and `is` stop."""
        refuse(code, f"`{self.path}` is {what}")

    def _is(self, expected: str) -> "Field":
        if kind(self.value) != expected:
            self.refuse("wrong-kind", f"{kind(self.value)}: expected {expected}")
        return self

    def _within(self, count: int, least: int, most: int, few: str, many: str, what: str = ""):
        if not least <= count <= most:
            self.refuse(few if count < least else many, f"{count}{what}: expected {least} to {most}")

    def text(self) -> "Text":
        return Text(self._is("text").value, self.path)

    def integer(self) -> "Integer":
        if not is_int64(self._is("an integer").value):
            self.refuse("out-of-range", "an integer beyond 64 bits with sign")
        return Integer(self.value, self.path)

    def boolean(self) -> bool:
        return self._is("a boolean").value

    def list(self) -> "List":
        return List(self._is("a list").value, self.path)

    def map(self) -> "Fields":
        return Fields(self._is("a map").value, self.path)


class Text(Field):
    def chars(self, least: int, most: int) -> "Text":
        """Bounds the number of characters."""
        self._within(len(self.value), least, most, "too-short", "too-long", " characters long")
        return self

    def one_line(self) -> "Text":
        """Refuses line breaks and every other control character."""
        if any(unicodedata.category(c) == "Cc" for c in self.value):
            self.refuse("not-one-line", "not one line without control characters")
        return self

    def one_of(self, *words: str) -> "Text":
        """Refuses everything but these words."""
        if self.value not in words:
            self.refuse("not-one-of", f"none of {', '.join(words)}")
        return self


class Integer(Field):
    def within(self, least: int, most: int) -> "Integer":
        self._within(self.value, least, most, "out-of-range", "out-of-range")
        return self


class List(Field):
    """A list; iterating gives its items as fields."""

    def count(self, least: int, most: int) -> "List":
        self._within(len(self.value), least, most, "too-few", "too-many", " items long")
        return self

    def __iter__(self):
        return (Field(value, f"{self.path}[{i}]") for i, value in enumerate(self.value))


class Fields:
    """A map: a whole one, or one inside it."""

    def __init__(self, map_: dict, path: str = ""):
        self._map = map_
        self.path = path

    def _path(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def get(self, name: str) -> Field | None:
        """The field, if it is there."""
        return Field(self._map[name], self._path(name)) if name in self._map else None

    def field(self, name: str, expected: str = "a value") -> Field:
        """The field, which must be there."""
        found = self.get(name)
        if found is None:
            refuse("missing-field", f"`{self._path(name)}` is missing: expected {expected}")
        return found

    def text(self, name: str) -> Text:
        return self.field(name, "text").text()

    def integer(self, name: str) -> Integer:
        return self.field(name, "an integer").integer()

    def boolean(self, name: str) -> bool:
        return self.field(name, "a boolean").boolean()

    def list(self, name: str) -> List:
        return self.field(name, "a list").list()

    def map(self, name: str) -> "Fields":
        return self.field(name, "a map").map()

    def only(self, *known: str):
        """Refuses fields other than these."""
        for name in self._map:
            if name not in known:
                self.get(name).refuse("unknown-field", f"not defined: expected only {', '.join(known)}")


DEPTH = 32
"""Nesting of lists and maps."""

LEAST = [24, 0x100, 0x1_0000, 0x1_0000_0000]
"""Least integers that take 1, 2, 4 and 8 bytes beside the head."""

TRUNCATED = "the input ends inside an item"
SIMPLE = "a simple value other than false, true and null"
INDEFINITE = "an indefinite length"
SIMPLE_VALUES = {0xF4: False, 0xF5: True, 0xF6: None}


def _key_order(name: str):
    """Canonical order of keys: shorter first, then by bytes."""
    key = name.encode()
    return len(key), key


def _is_cid(data: bytes) -> bool:
    """Whether bytes are a CID: a version 0 of 34 bytes, or a version 1 with a digest of 64 bytes at most."""
    if len(data) == 34 and data.startswith(b"\x12\x20"):
        return True
    numbers = []
    for _ in range(4):
        # LEB128 in its shortest form, 9 bytes at most.
        found = re.match(rb"[\x80-\xff]{1,8}[\x01-\x7f]|[\x00-\x7f]", data)
        if not found:
            return False
        numbers.append(sum((byte & 0x7F) << (7 * i) for i, byte in enumerate(found[0])))
        data = data[found.end() :]
    return numbers[0] == 1 and numbers[3] == len(data) <= 64


class _Cbor:
    """Reads canonical DAG-CBOR."""

    def __init__(self, data: bytes):
        self.data = data
        self.at = 0

    def fail(self, at: int, fault: str):
        refuse("not-canonical", f"not canonical DAG-CBOR at byte {at}: {fault}")

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            self.fail(self.at, TRUNCATED)
        self.at += count
        return self.data[self.at - count : self.at]

    def argument(self, start: int, info: int) -> int:
        if info < 24:
            return info
        if info > 27:
            self.fail(start, INDEFINITE if info == 31 else SIMPLE)
        value = int.from_bytes(self.take(1 << (info - 24)), "big")
        if value < LEAST[info - 24]:
            self.fail(start, "an integer or length is not in its shortest form")
        return value

    def length(self, start: int, count: int, each: int = 1) -> int:
        """A length that the rest of the input can hold, with so many bytes for each element."""
        if count * each > len(self.data) - self.at:
            self.fail(start, TRUNCATED)
        return count

    def text(self, start: int, count: int) -> str:
        try:
            return self.take(self.length(start, count)).decode()
        except UnicodeDecodeError:
            self.fail(start, "text that is not UTF-8")

    def map(self, start: int, count: int, depth: int) -> dict:
        found, last = {}, None
        for _ in range(self.length(start, count, 2)):
            here = self.at
            head = self.take(1)[0]
            if head >> 5 != 3:
                self.fail(here, "a map key that is not text")
            name = self.text(here, self.argument(here, head & 31))
            if last is not None and _key_order(name) <= _key_order(last):
                self.fail(here, "a map key appears twice" if name == last else "map keys are out of order")
            last = name
            found[name] = self.item(depth + 1)
        return found

    def link(self, start: int) -> Link:
        cid = b""
        if b"\x40" <= self.data[self.at : self.at + 1] < b"\x60":
            try:
                cid = self.item(DEPTH)
            except Refusal:
                pass
        if cid[:1] != b"\0" or not _is_cid(cid[1:]):
            self.fail(start, "tag 42 that does not hold a CID")
        return Link(cid[1:])

    def simple(self, start: int, head: int):
        if head in SIMPLE_VALUES:
            return SIMPLE_VALUES[head]
        if head in (0xF9, 0xFA):
            self.fail(start, "a float that is not 64 bits wide")
        if head != 0xFB:
            self.fail(start, INDEFINITE if head == 0xFF else SIMPLE)
        value = struct.unpack(">d", self.take(8))[0]
        if not math.isfinite(value):
            self.fail(start, "a float that is not finite")
        if value == 0 and math.copysign(1, value) < 0:
            self.fail(start, "the float -0.0, which has no place beside 0.0")
        return value

    def item(self, depth: int):
        start = self.at
        head = self.take(1)[0]
        major = head >> 5
        if major == 7:
            return self.simple(start, head)
        count = self.argument(start, head & 31)
        if major in (4, 5) and depth >= DEPTH:
            self.fail(start, f"more than {DEPTH} levels")
        match major:
            case 0:
                return count
            case 1:
                return -1 - count
            case 2:
                return self.take(self.length(start, count))
            case 3:
                return self.text(start, count)
            case 4:
                return [self.item(depth + 1) for _ in range(self.length(start, count))]
            case 5:
                return self.map(start, count, depth)
        if count != 42:
            self.fail(start, "a tag other than 42")
        return self.link(start)


def decode(data: bytes):
    """Reads a value of canonical DAG-CBOR, or refuses."""
    reader = _Cbor(data)
    value = reader.item(0)
    if reader.at != len(data):
        reader.fail(reader.at, "bytes follow the value")
    return value


def decode_map(data: bytes) -> dict | None:
    """Reads a map; `None` where it is none."""
    try:
        value = decode(data)
    except Refusal:
        return None
    return value if isinstance(value, dict) else None


ESCAPES = dict(zip(b'"\\/bfnrt', '"\\/\b\f\n\r\t'))
WORDS = {b"true": True, b"false": False, b"null": None}


class _Json:
    """Reads JSON as configs have it: no fractions, each key once."""

    def __init__(self, data: bytes):
        self.data = data
        self.at = 0

    def expected(self, what: str):
        before = self.data[: self.at]
        line, column = 1 + before.count(b"\n"), self.at - before.rfind(b"\n")
        where = f"line {line}, column {column}"
        refuse("bad-config", f"the config is no JSON that modules read: {where}: expected {what}")

    def run(self, pattern: bytes) -> bytes:
        """Whatever comes next of a kind, which may be nothing."""
        found = re.compile(pattern).match(self.data, self.at)[0]
        self.at += len(found)
        return found

    def peek(self) -> bytes:
        self.run(rb"[ \t\n\r]*")
        return self.data[self.at : self.at + 1]

    def takes(self, character: bytes) -> bool:
        here = self.peek() == character
        self.at += here
        return here

    def more(self, end: str) -> bool:
        """Whether another item follows, or else the end."""
        another = self.takes(b",")
        if not another and not self.takes(end.encode()):
            self.expected(f"`,` or `{end}`")
        return another

    def value(self, depth: int):
        first = self.peek()
        if first in (b"{", b"[") and depth == DEPTH:
            self.expected(f"{DEPTH} levels at most")
        if first == b"{":
            return self.object(depth)
        if first == b"[":
            return self.array(depth)
        if first == b'"':
            return self.string()
        if first == b"-" or first.isdigit():
            return self.number()
        for word, value in WORDS.items():
            if self.data.startswith(word, self.at):
                self.at += len(word)
                return value
        self.expected("a value")

    def object(self, depth: int) -> dict:
        found = []
        self.at += 1
        if self.takes(b"}"):
            return {}
        while True:
            if self.peek() != b'"':
                self.expected("a key in double quotes")
            key = self.string()
            if not self.takes(b":"):
                self.expected("`:` after a key")
            found.append((key, self.value(depth + 1)))
            if not self.more("}"):
                break
        map_ = dict(sorted(found, key=lambda entry: _key_order(entry[0])))
        if len(map_) < len(found):
            self.expected("each key once")
        return map_

    def array(self, depth: int) -> list:
        found = []
        self.at += 1
        if self.takes(b"]"):
            return found
        while True:
            found.append(self.value(depth + 1))
            if not self.more("]"):
                return found

    def number(self) -> int:
        start = self.at
        digits = self.run(rb"[-+.eE0-9]*")
        if re.fullmatch(rb"0|-?[1-9][0-9]{0,18}", digits) and is_int64(int(digits)):
            return int(digits)
        self.at = start
        self.expected("a whole number of 64 bits")

    def string(self) -> str:
        found = ""
        self.at += 1
        while True:
            found += self.run(rb'[^"\\\x00-\x1f]*').decode()
            if self.at == len(self.data):
                self.expected('`"` at the end of a text')
            self.at += 1
            match self.data[self.at - 1 : self.at]:
                case b'"':
                    return found
                case b"\\":
                    found += self.escape()
                case _:
                    self.expected("control characters as escapes")

    def escape(self) -> str:
        letter = self.data[self.at] if self.at < len(self.data) else 0
        if letter != ord("u") and letter not in ESCAPES:
            self.expected("an escape that JSON has")
        self.at += 1
        return self.unicode() if letter == ord("u") else ESCAPES[letter]

    def unicode(self) -> str:
        """A code point as one unit of UTF-16, or as two."""
        first = self.unit()
        if not 0xD800 <= first < 0xE000:
            return chr(first)
        if first >= 0xDC00 or not self.data.startswith(b"\\u", self.at):
            self.expected("a code point after `\\u`")
        self.at += 2
        second = self.unit()
        if not 0xDC00 <= second < 0xE000:
            self.expected("a code point after `\\u`")
        return chr(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))

    def unit(self) -> int:
        digits = self.data[self.at : self.at + 4]
        # Not where it would end in the middle of a character.
        if len(digits) == 4 and not b"\x80" <= self.data[self.at + 4 : self.at + 5] < b"\xc0":
            self.at += 4
        if not re.fullmatch(rb"[0-9a-fA-F]{4}", digits):
            self.expected("a code point after `\\u`")
        return int(digits, 16)


def read_config(config: bytes) -> Fields:
    """The fields of a config."""
    try:
        text = config.decode()
    except UnicodeDecodeError:
        text = ""
    if re.match(r"[ \t\n\f\r]*\{", text):
        reader = _Json(config)
        value = reader.value(0)
        if reader.peek():
            reader.expected("nothing more after the object")
        return Fields(value)
    try:
        value = decode(config)
    except Refusal as refusal:
        what = "neither a JSON object nor canonical DAG-CBOR"
        refuse("bad-config", f"{what}: as the latter, it is {refusal.text}")
    if not isinstance(value, dict):
        refuse("bad-config", f"the config is {kind(value)}: expected a map")
    return Fields(value)
