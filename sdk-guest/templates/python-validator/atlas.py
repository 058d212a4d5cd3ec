"""What a module needs to read records and to answer.

Bodies are read through `Fields`, refusals carry a code and a sentence, and `export` makes the
classes that the world asks for out of one `Validator`.
"""

import struct
import unicodedata

from componentize_py_types import Err, Ok
from wit_world import exports
from wit_world.exports import module as wit_module
from wit_world.exports import validation as wit
from wit_world.imports.types import Operation, Reason


class Refusal(Exception):
    """The record is invalid, for this reason."""

    def __init__(self, code: str, text: str):
        super().__init__(text)
        self.code = code
        self.text = text


class Needs(Exception):
    """Asks for records by id; the host calls again when they are here."""

    def __init__(self, ids: list[str]):
        super().__init__("needs other records")
        self.ids = ids


def refuse(code: str, text: str):
    """Refuses the record: a stable code for programs, a sentence for people."""
    raise Refusal(code, text)


class Link:
    """A CID in a body, as its bytes."""

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


class Field:
    """A value of a body and the path it has there."""

    def __init__(self, value, path: str):
        self.value = value
        self.path = path

    def _is(self, expected: str):
        found = kind(self.value)
        if found != expected:
            refuse("wrong-kind", f"`{self.path}` is {found}: expected {expected}")

    def _within(self, count: int, bounds, few: str, many: str, what: str):
        least, most = bounds
        if not least <= count <= most:
            code = few if count < least else many
            refuse(code, f"`{self.path}` is {count}{what}: expected {least} to {most}")

    def text(self) -> "Text":
        self._is("text")
        return Text(self.value, self.path)

    def integer(self) -> "Integer":
        self._is("an integer")
        return Integer(self.value, self.path)

    def boolean(self) -> bool:
        self._is("a boolean")
        return self.value

    def list(self) -> "List":
        self._is("a list")
        return List(self.value, self.path)

    def map(self) -> "Fields":
        self._is("a map")
        return Fields(self.value, self.path)


class Text(Field):
    def chars(self, least: int, most: int) -> "Text":
        """Bounds the number of characters."""
        self._within(len(self.value), (least, most), "too-short", "too-long", " characters long")
        return self

    def one_line(self) -> "Text":
        """Refuses line breaks and every other control character."""
        if any(unicodedata.category(c) == "Cc" for c in self.value):
            refuse("not-one-line", f"`{self.path}` is not one line without control characters")
        return self

    def one_of(self, *words: str) -> "Text":
        """Refuses everything but these words."""
        if self.value not in words:
            refuse("not-one-of", f"`{self.path}` is none of {', '.join(words)}")
        return self


class Integer(Field):
    def within(self, least: int, most: int) -> "Integer":
        self._within(self.value, (least, most), "out-of-range", "out-of-range", "")
        return self


class List(Field):
    def count(self, least: int, most: int) -> "List":
        self._within(len(self.value), (least, most), "too-few", "too-many", " items long")
        return self

    def __iter__(self):
        return (Field(value, f"{self.path}[{i}]") for i, value in enumerate(self.value))


class Fields:
    """A map: the body, or one inside it."""

    def __init__(self, map_: dict, path: str):
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


class _Reader:
    """Reads canonical DAG-CBOR. The host hands over canonical bytes only."""

    def __init__(self, data: bytes):
        self.data = data
        self.at = 0

    def broken(self):
        refuse("not-canonical", "the body is no canonical DAG-CBOR")

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            self.broken()
        self.at += count
        return self.data[self.at - count : self.at]

    def argument(self, info: int) -> int:
        if info < 24:
            return info
        if info > 27:
            self.broken()
        return int.from_bytes(self.take(1 << (info - 24)), "big")

    def text(self, length: int) -> str:
        try:
            return self.take(length).decode()
        except UnicodeDecodeError:
            self.broken()

    def entry(self, depth: int):
        key = self.item(depth)
        if not isinstance(key, str):
            self.broken()
        return key, self.item(depth)

    def link(self, tag: int, depth: int) -> Link:
        content = self.item(depth)
        if tag != 42 or not isinstance(content, bytes):
            self.broken()
        return Link(content[1:])

    def item(self, depth: int):
        if depth > 32:
            self.broken()
        head = self.take(1)[0]
        major, info = head >> 5, head & 31
        match major:
            case 0:
                return self.argument(info)
            case 1:
                return -1 - self.argument(info)
            case 2:
                return self.take(self.argument(info))
            case 3:
                return self.text(self.argument(info))
            case 4:
                return [self.item(depth + 1) for _ in range(self.argument(info))]
            case 5:
                return dict(self.entry(depth + 1) for _ in range(self.argument(info)))
            case 6:
                return self.link(self.argument(info), depth + 1)
        match head:
            case 0xF4:
                return False
            case 0xF5:
                return True
            case 0xF6:
                return None
            case 0xFB:
                return struct.unpack(">d", self.take(8))[0]
        self.broken()


def decode(data: bytes) -> dict:
    """A body as Python values."""
    if not data:
        return {}
    reader = _Reader(data)
    value = reader.item(0)
    if reader.at != len(data) or not isinstance(value, dict):
        reader.broken()
    return value


class Candidate:
    """A record to judge: what the WIT's `entry` has, and its body as fields."""

    def __init__(self, entry, supplied):
        self.entry = entry
        self.supplied = supplied

    def body(self) -> Fields:
        return Fields(decode(self.entry.body), "")

    def links(self, relation: str) -> list[str]:
        """Targets of a relation."""
        return [link.target for link in self.entry.links if link.relation == relation]

    def need(self, id_: str) -> "Candidate":
        """Another record by its id: given, or asked for."""
        for supplied in self.supplied:
            if supplied.id == id_:
                return Candidate(supplied.entry, self.supplied)
        raise Needs([id_])


class Validator:
    """What a module says of itself and how it judges. Override what differs."""

    name = ""
    version = "0.1.0"
    summary = ""

    lifecycle = "append"
    key = wit.KeyRule_None_()
    text_indexes: dict[str, str] = {}
    integer_indexes: dict[str, str] = {}
    text_fields: dict[str, int] = {}
    workflow = None
    title: str | None = None
    description: str | None = None
    schema = "{}"

    def configure(self, config: bytes):
        if config:
            refuse("no-config", "this module takes no config")

    def prepare(self, draft):
        return draft

    def validate(self, record: Candidate):
        """The index entries as (name, value) pairs, or a refusal."""
        return []

    def validate_delete(self, record: Candidate):
        return None


def _value(value):
    return wit.IndexValue_Text(value) if isinstance(value, str) else wit.IndexValue_Integer(value)


def export(validator: Validator):
    """The classes that the validator world asks for."""

    class Module(exports.Module):
        def describe(self):
            return wit_module.Description(validator.name, validator.version, validator.summary)

        def configure(self, config: bytes):
            try:
                validator.configure(config)
            except Refusal as refusal:
                raise Err(wit_module.ConfigError_Invalid(refusal.text))

    class Validation(exports.Validation):
        def rules(self):
            kinds = [
                (validator.text_indexes, wit.IndexKind.TEXT),
                (validator.integer_indexes, wit.IndexKind.INTEGER),
            ]
            return wit.TypeRules(
                lifecycle=wit.Lifecycle[validator.lifecycle.upper()],
                key=validator.key,
                indexes=[wit.Index(name, of, about) for names, of in kinds for name, about in names.items()],
                text=[wit.TextField(path, weight) for path, weight in validator.text_fields.items()],
                workflow=validator.workflow,
                display=wit.Display(validator.title, validator.description),
                schema=validator.schema,
            )

        def prepare(self, drafts):
            return [self._prepare(draft) for draft in drafts]

        def _prepare(self, draft):
            try:
                return Ok(validator.prepare(draft))
            except Refusal as refusal:
                return Err(Reason(refusal.code, refusal.text))

        def validate(self, batch):
            return [self._judge(candidate) for candidate in batch]

        def _judge(self, candidate):
            record = Candidate(candidate.entry, candidate.supplied)
            try:
                if candidate.entry.operation == Operation.DELETE:
                    validator.validate_delete(record)
                    return wit.Verdict_Valid([])
                found = validator.validate(record) or []
                return wit.Verdict_Valid([wit.IndexEntry(name, _value(value)) for name, value in found])
            except Needs as needs:
                return wit.Verdict_Needs(needs.ids)
            except Refusal as refusal:
                return wit.Verdict_Invalid(Reason(refusal.code, refusal.text))

    return Module, Validation
