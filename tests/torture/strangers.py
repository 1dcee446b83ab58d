"""In place of each file that a run has left lies something else: a link, a pipe, a socket, a folder, nonsense.

No command waits for it, dies of it, or touches what a link leads to.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from pathlib import Path

from tests.children import forked, in_child
from tests.torture.crash import killed_after
from tests.torture.home import ALLOWED
from tests.torture.subject import Place, Subject, a_place, say
from tests.torture.tally import Tally

_SECONDS = 60.0  # which no command takes
_PRECIOUS = b"precious\n"


def _socket(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(f"/proc/self/fd/{folder}/{path.name}")  # the whole path may be too long for one
    os.close(folder)


def _folder(path: Path) -> None:
    path.mkdir()
    (path / "precious").write_bytes(_PRECIOUS)


THINGS: Mapping[str, Callable[[Path, Path], object]] = {
    "a link": lambda path, precious: path.symlink_to(precious),
    "a hard link": lambda path, precious: path.hardlink_to(precious),
    "a link to a folder": lambda path, precious: path.symlink_to(precious.parent),
    "a link that leads nowhere": lambda path, precious: path.symlink_to(precious.with_name("nowhere")),
    "a loop of links": lambda path, precious: path.symlink_to(path),
    "a pipe": lambda path, precious: os.mkfifo(path),
    "a socket": lambda path, precious: _socket(path),
    "a device": lambda path, precious: path.symlink_to("/dev/zero"),
    "a folder": lambda path, precious: _folder(path),
    "an empty file": lambda path, precious: path.write_bytes(b""),
    "nonsense": lambda path, precious: path.write_bytes(b"\xff\x00" * 300),
}


def strangers(subject: Subject, folder: Path, points: int) -> Tally:
    """Put so many things in the places of files, spread over all of both, and run every command on what is there."""
    tally = Tally("something else in a file's place")
    with a_place(folder, "strangers") as sound:
        if in_child(lambda: subject.convert(sound)):
            raise RuntimeError(sound.said())
        if in_child(lambda: say(sound, ["report", str(sound.output)])):
            raise RuntimeError(sound.said())
        cases = list(product(_places(sound), THINGS))
        for number in sorted({len(cases) * point // points for point in range(points)}):
            name, thing = cases[number]
            tally.add(f"{thing} in place of {name}", _tried(subject, sound, name, thing))
            tally.count(thing)
    return tally


def _places(sound: Place) -> list[Path]:
    """Return one file of each kind in the output folder and the store, and the folders of the store."""
    found: dict[str, Path] = {}
    for path in sorted(sound.folder.rglob("*")):
        name = path.relative_to(sound.folder)
        kind = "/".join(name.parts[:2]) + ("" if name.parts[1:2] in (("digests",), ("history",)) else path.name)
        if path.is_file() or (name.parts[0] == "store" and len(name.parts) <= 3):
            found.setdefault(kind, name)
    return [Path("out/.run.json.00000000.partial"), Path("out/report.html"), *found.values()]


def _tried(subject: Subject, sound: Place, name: Path, thing: str) -> str:
    home = sound.folder.with_name("home")
    home.mkdir()
    precious = home / "precious"
    precious.write_bytes(_PRECIOUS)
    before = home.stat().st_mtime_ns, precious.stat().st_mtime_ns
    with a_place(sound.folder.parent, "strange") as place:
        shutil.copytree(sound.folder, place.folder, dirs_exist_ok=True)
        path = place.folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        THINGS[thing](path, precious)
        wrong = next(filter(None, (_wrong(place, words) for words in _commands(subject, place))), "")
    if precious.read_bytes() != _PRECIOUS or (home.stat().st_mtime_ns, precious.stat().st_mtime_ns) != before:
        wrong = wrong or "what it leads to was touched"
    shutil.rmtree(home)
    return wrong


def _commands(subject: Subject, place: Place) -> Iterator[tuple[str, ...]]:
    output, store = str(place.output), ("--store", str(place.store))
    for command in ("status", "report", "resume", "verify", "inspect"):
        yield command, output
    yield "diff", output, output, "--no-run"
    yield "lineage", str(place.output / "graph.json"), *store
    for command in ("list", "check", "collect"):
        yield "cache", command, *store
    yield "convert", str(subject.model), *subject.options, "-o", output, *store, "-q"
    yield "cache", "collect", "--older-than", "0s", *store


def _wrong(place: Place, words: tuple[str, ...]) -> str:
    code = killed_after(_SECONDS, forked(lambda: say(place, list(words))))
    return f"{words[0]} {words[1]} ended with {code}: {place.said()}" if code not in ALLOWED else ""
