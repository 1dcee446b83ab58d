"""Finds all fields in the text of a message that its schema lacks, and keeps them where the schema has a place.

protobuf's own parser either stops at the first unknown field, or ignores all of them silently.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, FieldDescriptor
    from google.protobuf.message import Message

KEEPER = "unknown"  # the field of a message that keeps what its schema lacks: its `path`, `text` and `line`
DEEPEST = 60  # nested messages; protobuf's own parser refuses what is nested deeper

_BETWEEN = r"(?:\s|\#[^\n]*+)*+"  # spaces and comments
_TOKEN = re.compile(
    _BETWEEN + r"""(?P<token>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|[{}<>\[\]:;,]|[^\s{}<>\[\]:;,"'\#]+)""",
    re.DOTALL,
)
_NAME = re.compile(r"[A-Za-z_]\w*")
_CLOSING = {"{": "}", "<": ">"}


class Token(NamedTuple):
    """A word, a string or a punctuation mark in a text, with its position."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class UnknownField:
    """A field that the schema lacks, or a value that its enum lacks.

    `path` leads to it from the message that keeps it; `text` is its value as it was written. It is at `start` to `end`,
    inside the field of that message which begins at `anchor`.
    """

    path: str
    text: str
    start: int
    end: int
    anchor: int


def unclosed(text: str) -> int:
    """Return the line where the innermost unclosed message is opened; 0 if all messages are closed."""
    opened, end = list[int](), 0
    for token in _tokens(text):
        end = token.end
        if token.text in _CLOSING:
            opened.append(token.start)
        elif token.text in _CLOSING.values() and opened:
            opened.pop()
    is_read = "\n" not in text[end:].strip()  # else there is an unclosed string, which may hide a brace
    return text.count("\n", 0, opened[-1]) + 1 if opened and is_read else 0


class _Irregular(Exception):  # noqa: N818 - a reason to give up, not a fault
    """The text is irregular, and left to protobuf's own parser."""


def keep(text: str, kind: type[Message]) -> str:
    """Return the text with each unknown field moved into the field `unknown` of the nearest message that has one.

    Line numbers do not change. Text that is no message or too deeply nested, and text of messages without `unknown`, is
    returned unchanged.
    """
    message: Any = kind.DESCRIPTOR
    if KEEPER not in message.fields_by_name:
        return text
    try:
        found = list(_Scan(text).message(message, ()))
    except _Irregular:
        return text
    pieces: list[tuple[int, int, str]] = []
    line, counted = 1, 0
    for field in found:  # in the order of the text
        line, counted = line + text.count("\n", counted, field.start), field.start
        kept = f'{KEEPER} {{ path: "{field.path}" text: "{_escaped(field.text)}" line: {line} }} '
        blank = "\n" * text.count("\n", field.start, field.end)
        pieces += [(field.anchor, field.anchor, kept), (field.start, field.end, blank)]
    at = 0
    result = []
    for start, end, new in sorted(pieces, key=lambda piece: piece[:2]):
        result += [text[at:start], new]
        at = end
    return "".join([*result, text[at:]])


def _tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of a text, up to something that is not a token."""
    at = 0
    while match := _TOKEN.match(text, at):
        yield Token(match["token"], match.start("token"), match.end("token"))
        at = match.end()


def _escaped(text: str) -> str:
    plain = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return plain.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class _Scan:
    """A walk over the tokens of a text, guided by the schema."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._read()
        self._next: Token | None = next(self._tokens, None)

    def _read(self) -> Iterator[Token]:
        at = 0
        for token in _tokens(self._text):
            yield token
            at = token.end
        if re.compile(_BETWEEN).fullmatch(self._text, at) is None:
            raise _Irregular

    def _take(self) -> Token:
        if self._next is None:
            raise _Irregular
        token = self._next
        self._next = next(self._tokens, None)
        return token

    def _peek(self) -> str:
        return self._next.text if self._next else ""

    def message(
        self, kind: Descriptor, path: tuple[str, ...], anchor: int | None = None, closing: str = ""
    ) -> Iterator[UnknownField]:
        """Return the unknown fields up to `closing`. `path` and `anchor` are as in UnknownField."""
        if len(path) > DEEPEST:
            raise _Irregular
        if KEEPER in kind.fields_by_name:
            path, anchor = (), None
        while self._peek() != closing:
            name = self._take()
            if not _NAME.fullmatch(name.text):
                raise _Irregular
            yield from self._field(kind, name, path, name.start if anchor is None else anchor)
            while self._peek() in {";", ","}:
                self._take()

    def _field(self, kind: Descriptor, name: Token, path: tuple[str, ...], anchor: int) -> Iterator[UnknownField]:
        inner = (*path, name.text)
        field = kind.fields_by_name.get(name.text)
        colon = self._peek() == ":"
        if colon:
            self._take()
        opening = self._peek()
        if field is not None and field.message_type is not None and opening in _CLOSING:
            self._take()
            yield from self.message(field.message_type, inner, anchor, _CLOSING[opening])
            self._take()
            return
        if not colon and opening not in _CLOSING:
            raise _Irregular
        first, last = self._value()
        written = self._text[first.start : last.end]
        if field is None or not _fits(field, written):
            yield UnknownField(".".join(inner), written, name.start, last.end, anchor)

    def _value(self) -> tuple[Token, Token]:
        """Skip a value (strings, a word, a list or a message), and return its first and last token."""
        first = last = self._take()
        if first.text in _CLOSING or first.text == "[":
            depth = 1
            while depth:
                last = self._take()
                depth += (last.text in "{<[") - (last.text in "}>]")
        elif first.text[0] in "\"'":
            while self._peek()[:1] in {'"', "'"}:
                last = self._take()
        elif first.text in "}>]:;,":
            raise _Irregular
        return first, last


def _fits(field: FieldDescriptor, written: str) -> bool:
    """Return whether an enum may have this value: a known name, or a number, which protobuf's parser checks."""
    if field.enum_type is None or not _NAME.fullmatch(written):
        return True
    return written in field.enum_type.values_by_name
