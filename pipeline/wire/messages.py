"""Reads protobuf messages from untrusted files, text or binary.

They are read strictly: if an unknown field were ignored silently, the network might compute something else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pipeline.errors import InvalidInputError, Problem, UnsupportedError
from pipeline.wire import scan
from pipeline.wire.words import CONTROL, LONGEST_PATH, check_name

if TYPE_CHECKING:
    from google.protobuf.message import Message

M = TypeVar("M", bound="Message")

_TEXT = re.compile(rb"\xef?\xbb?\xbf?(?:\s|#[^\n]*\n)*[A-Za-z_][\w.]*\s*[:{<]")
# Comments, strings, and words that are too long. A string that is not closed is matched up to the end of its line, so
# that no character is scanned twice.
_WORDS = re.compile(
    rb"""\#[^\n]*+|"(?:[^"\\\n]|\\.)*+"?|'(?:[^'\\\n]|\\.)*+'?|(?<![\w.+-])[\w.+-]{%d,}+""" % LONGEST_PATH
)
_NAMES = frozenset(("name", "type", "op_type", "bottom", "top", "input", "output"))
_UNKNOWN = re.compile(r'Message type "([\w.]+)" has no field named "([^"]*)"|Enum type "([\w.]+)" has no value (.*)')


def is_text(view: memoryview) -> bool:
    """Return whether a file holds a message as text: it begins with the name of a field, and has no control bytes.

    The first condition is needed because a tiny binary net may have no control bytes but the line feed, either.
    """
    return _TEXT.match(view) is not None and CONTROL.search(view) is None


def count_parts(view: memoryview, *path: int, word: str) -> int:
    """Return the number of messages at a path of field numbers, without parsing them. Raises as `scan.fields`.

    In text form, the occurrences of `word` before a brace are counted, even those in comments.
    """
    if is_text(view):
        return sum(1 for _ in re.finditer(rb"\b%b\s*:?\s*[{<]" % word.encode(), view))
    return scan.count(view, *path)


def parse(view: memoryview, kind: type[M], path: Path) -> M:
    """Read a message, text or binary. Raises InvalidInputError if damaged, UnsupportedError for unknown fields."""
    return parse_text(view, kind, path) if is_text(view) else parse_binary(view, kind, path)


def parse_text(view: memoryview, kind: type[M], path: Path) -> M:
    """Read a message from text (.prototxt, .pbtxt). Errors name the line.

    Unknown fields are kept in the message that has a place for them (see `unknown_fields.keep`).
    """
    from google.protobuf import text_format

    from pipeline.wire.unknown_fields import keep, unclosed

    for word in _WORDS.finditer(view):
        if word.end() - word.start() > LONGEST_PATH and word[0][:1] != b"#":
            number = 1 + bytes(view[: word.start()]).count(b"\n")
            why = f"there is a word of {word.end() - word.start():,} bytes, and {LONGEST_PATH:,} are the most"
            raise InvalidInputError(f"{path} is no network", where=f"{path}, line {number}", why=why)
    # Comments may be in any encoding. A name that is not UTF-8 is refused by protobuf.
    content = str(view, "utf-8", "surrogateescape").removeprefix("\ufeff")
    try:
        return text_format.Parse(keep(content, kind), kind())
    except text_format.ParseError as error:
        line = error.GetLine()
        where = f"{path}, line {line}" if line else str(path)
        if opened := unclosed(content):
            raise InvalidInputError(
                f"{path} is cut short, or a brace is missing",
                where=f"{where} of {len(content.splitlines())}",
                why=f"what is opened in line {opened} is never closed",
            ) from error
        unknown = _UNKNOWN.search(str(error))
        if unknown and _is_field(unknown[2], content.split("\n")[(line or 1) - 1]):
            raise UnsupportedError.one(where, _wording(unknown)) from error
        raise InvalidInputError(
            f"{path} is no {kind.DESCRIPTOR.name} in text form", where=where, why=str(error)
        ) from error
    except (ValueError, TypeError, OverflowError, RecursionError, SystemError) as error:
        why = str(error.__cause__ or error)  # a SystemError comes from a field or value whose name is not UTF-8
        raise InvalidInputError(f"{path} is no {kind.DESCRIPTOR.name} in text form", why=why) from error


def parse_binary(view: memoryview | bytes, kind: type[M], path: Path, note: Callable[[str], None] | None = None) -> M:
    """Read a binary message. Unknown fields are an error that names all of them, or are passed to `note`."""
    from google.protobuf.message import DecodeError

    try:
        message = kind.FromString(bytes(view))
    except DecodeError as error:
        raise InvalidInputError(f"{path} is no {kind.DESCRIPTOR.name}", why=str(error)) from error
    reasons = tuple(_unknown(message))
    if note is not None:
        for reason in reasons:
            note(reason)
    elif reasons:
        problems = tuple(Problem(str(path), reason) for reason in reasons)
        raise UnsupportedError(problems, what=f"{path} holds fields that are not known")
    return message


def _is_field(name: str | None, line: str) -> bool:
    """Return whether a word is a field that the schema lacks, rather than a word of some other kind of text."""
    return name is None or re.search(rf"\b{re.escape(name)}\s*[:{{<]", line) is not None


def _wording(unknown: re.Match[str]) -> str:
    message, field, enum, value = unknown.groups()
    if field is not None:
        return f"{message.rpartition('.')[2]} has no field {field}"
    return f"{enum.rpartition('.')[2]} has no value {value.rstrip('.')}"


def _unknown(message: Message, place: str = "") -> Iterator[str]:
    """Describe the unknown fields of a message and of the messages in it, each with the innermost named `place`.

    `place` (" of NAME") names the nearest enclosing message that has a name. Raises InvalidInputError for text that is
    not UTF-8, and for names that are too long.
    """
    from google.protobuf.message import Message
    from google.protobuf.unknown_fields import UnknownFieldSet

    name = message.DESCRIPTOR.name
    unknown = UnknownFieldSet(message)
    for number in dict.fromkeys(unknown[index].field_number for index in range(len(unknown))):
        yield f"{name}{place} has no field number {number}"
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in (value,) if isinstance(value, Message) else value:
                called = getattr(part, "name", "")
                yield from _unknown(part, f" of {called}" if called and isinstance(called, str) else place)
        elif field.type == field.TYPE_STRING:
            for text in (value,) if isinstance(value, (str, bytes)) else value:
                if isinstance(text, bytes):
                    raise InvalidInputError(f"{name}.{field.name} is not UTF-8 text")
                if field.name in _NAMES:
                    check_name(text, f"the {field.name} of a {name}", most=LONGEST_PATH)
