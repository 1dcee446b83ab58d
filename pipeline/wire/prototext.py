"""Finds what a schema does not know in a message's text form, all of it, with the line and the entry that holds it.

Protobuf's own reader stops at the first. This one follows braces and names only, and takes for granted that the
syntax is sound: a lenient reading has found it so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, FieldDescriptor

_TOKEN = re.compile(r"""#[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[{}<>\[\]:;,]|\n|[^\s#"'{}<>\[\]:;,]+""")
_OPEN, _CLOSE = "{<", "}>"


@dataclass(frozen=True, slots=True)
class Unknown:
    """A field that the schema of a `message` lacks; `near` is the most similar one that it has, or "".

    `entry` names the outermost message that it is in, as "conv1 (Convolution)"; "" where it is in none.
    """

    line: int
    message: str
    name: str
    near: str
    entry: str = ""


@dataclass(slots=True)
class _Walk:
    """One pass over the tokens: the messages that are open, None for those that are not known."""

    messages: list[Descriptor | None]
    at: FieldDescriptor | None = None  # the field whose value comes
    of_value: bool = False
    in_list: bool = False
    labels: dict[str, str] = field(default_factory=dict)  # name and type of the outermost entry
    held: list[Unknown] = field(default_factory=list)  # those of that entry

    def token(self, token: str, line: int) -> Iterator[Unknown]:
        if token in _OPEN:
            self.messages.append(self.at.message_type if self.at is not None else None)
            self.of_value = self.in_list = False
        elif token in _CLOSE:
            self.messages.pop()
            if len(self.messages) == 1:
                yield from self._entry()
        elif token in "[]":
            self.in_list = token == "["
            self.of_value = self.of_value and self.in_list
        elif token == ":":
            self.of_value = True
        elif token not in ";,":
            self._word(token, line)
        if len(self.messages) == 1:
            yield from self.held
            self.held.clear()

    def _word(self, word: str, line: int) -> None:
        if self.of_value:
            if len(self.messages) == 2 and self.at is not None and self.at.name in ("name", "type"):
                self.labels[self.at.name] = word.strip("\"'")
            self.of_value = self.in_list
        elif (message := self.messages[-1]) is not None and word[0] not in "\"'":
            self.at = message.fields_by_name.get(word)
            if self.at is None:
                near = get_close_matches(word, list(message.fields_by_name), n=1)
                self.held.append(Unknown(line, message.name, word, near[0] if near else ""))

    def _entry(self) -> Iterator[Unknown]:
        name, kind = self.labels.get("name", ""), self.labels.get("type", "")
        entry = f"{name} ({kind})" if kind else name
        yield from (Unknown(each.line, each.message, each.name, each.near, entry) for each in self.held)
        self.held.clear()
        self.labels.clear()


def unknown_fields(text: str, kind: Descriptor) -> list[Unknown]:
    """Return every field in the text form of a message of some `kind` that its schema lacks, in the text's order."""
    walk, found, line = _Walk([kind]), list[Unknown](), 1
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token == "\n":
            line += 1
        elif token[0] != "#":
            found += walk.token(token, line)
            if not walk.messages:
                break  # a brace too many, which a reader of the syntax has refused
    return found
