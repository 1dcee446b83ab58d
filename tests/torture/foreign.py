"""`--store` names a folder of somebody else's, or a store that somebody has prepared: what is theirs stays as it is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path

from pipeline.store import mark
from pipeline.store.store import FOLDERS, FORMAT, Store
from pipeline.wire.digest import file_digest
from tests.children import in_child
from tests.torture.home import ALLOWED
from tests.torture.subject import Place, Subject, a_place, say
from tests.torture.tally import Tally

_KEY = "a" * 64
_DAMAGED = b'{"format": \xff'  # a mark, which is ours, and is written again
_OLD = 1e9  # seconds since the epoch: when everything was used last
# Names of the form that ours have: key, session, artifact put aside, digest, history, lock, partial file.
_NAMES = (_KEY, f"1-{'a' * 8}", f"{_KEY}.{'b' * 8}", "fe01-2a", f"{_KEY}.json", f"{_KEY}.lock", f".x.{'0' * 8}.partial")


def _other_program(store: Path, home: Path) -> None:
    """Lay folders of the same names as ours, full of files, without a mark."""
    for name, inner in product(FOLDERS, _NAMES):
        _file(store / name / inner / "thesis.tex")


def _other_format(store: Path, home: Path) -> None:
    mark.make(store, FORMAT + 1, FOLDERS)
    _other_program(store, home)


def _strays(store: Path, home: Path) -> None:
    Store(store)
    for name in FOLDERS:
        _file(store / name / "thesis.tex")
        _file(store / name / "aa" / "thesis.tex")
        _file(store / name / f"{'c' * 64}.txt")


def _links_inside(store: Path, home: Path) -> None:
    Store(store)
    for name, inner in product(FOLDERS, _NAMES):
        (store / name / inner).symlink_to(home)
    for shelf in ("aa", "ab"):
        (store / "artifacts" / shelf).symlink_to(home)


def _links_to_files(store: Path, home: Path) -> None:
    Store(store)
    for name, inner in product(FOLDERS, ("sessions.lock", *_NAMES)):
        (store / name / inner).symlink_to(home / "thesis.tex")


def _linked_folders(store: Path, home: Path) -> None:
    Store(store)
    for name in FOLDERS:
        shutil.rmtree(store / name)
        (store / name).symlink_to(home)


def _linked_mark(store: Path, home: Path) -> None:
    store.mkdir()
    (store / mark.MARK).symlink_to(home / "thesis.tex")
    _other_program(store, home)


def _damaged_mark(store: Path, home: Path) -> None:
    _other_program(store, home)
    (store / mark.MARK).write_bytes(_DAMAGED)


def _folder_as_mark(store: Path, home: Path) -> None:
    _other_program(store, home)
    _file(store / mark.MARK / "thesis.tex")


def _pipe_as_mark(store: Path, home: Path) -> None:
    _other_program(store, home)
    os.mkfifo(store / mark.MARK)


def _files_as_folders(store: Path, home: Path) -> None:
    Store(store)
    for name in FOLDERS:
        shutil.rmtree(store / name)
        _file(store / name)


def _a_pipe(store: Path, home: Path) -> None:
    os.mkfifo(store)


def _a_file(store: Path, home: Path) -> None:
    _file(store)


def _link_to_home(store: Path, home: Path) -> None:
    store.symlink_to(home)


KINDS: Mapping[str, Callable[[Path, Path], None]] = {
    "of another program": _other_program,
    "of another format": _other_format,
    "with strays": _strays,
    "with links inside": _links_inside,
    "with links to files": _links_to_files,
    "with linked folders": _linked_folders,
    "with a linked mark": _linked_mark,
    "with a damaged mark": _damaged_mark,
    "with a folder as mark": _folder_as_mark,
    "with a pipe as mark": _pipe_as_mark,
    "with files as folders": _files_as_folders,
    "that is a pipe": _a_pipe,
    "that is a file": _a_file,
    "that is a link": _link_to_home,
}


def stores(subject: Subject, folder: Path, points: int) -> Tally:
    """Run commands with stores of every kind, until there are `points`; each begins with the store as it was made."""
    tally = Tally("a foreign store")
    cases = list(product(KINDS, _commands(subject, Place(folder))))
    for number in sorted({len(cases) * point // points for point in range(points)}):
        kind, words = cases[number]
        with a_place(folder, "foreign") as place:
            tally.add(f"a store {kind}: {' '.join(words)}", _tried(place, kind, words))
            tally.count(kind)
    return tally


def _tried(place: Place, kind: str, words: tuple[str, ...]) -> str:
    home = place.folder / "home"
    for name in (*_NAMES[:3], "2024"):
        _file(home / name / "thesis.tex")
    _file(home / "thesis.tex")
    KINDS[kind](place.store, home)
    before = _theirs(place)
    for path in before:
        os.utime(path, (_OLD, _OLD))
    code = in_child(lambda: say(place, [*words, "--store", str(place.store)]))
    if code not in ALLOWED:
        return f"exit {code}: {place.said()}"
    now = _theirs(place)
    return ", ".join(sorted(str(path) for path in before if now.get(path) != before[path]))


def _theirs(place: Place) -> dict[Path, str]:
    """Return the digest of every file of theirs."""
    files = (path for path in place.folder.rglob("*") if path.is_file() and "out" not in path.parts)
    return {path: file_digest(path) for path in files if path.read_bytes() != _DAMAGED}


def _commands(subject: Subject, place: Place) -> tuple[tuple[str, ...], ...]:
    convert = ("convert", str(subject.model), *subject.options, "-q", "-o", str(place.folder / "foreign" / "out"))
    remote = ("--remote-store", (place.folder / "foreign" / "out" / "remote").as_uri())
    return (
        convert,
        (*convert, "--stop-after", "import"),
        (*convert, "--force"),
        (*convert, *remote),
        ("plan", str(subject.model), *subject.options),
        ("cache", "list"),
        ("cache", "check"),
        ("cache", "collect"),
        ("cache", "collect", "--older-than", "0s"),
        ("cache", "collect", "--max-size", "0"),
        ("cache", "collect", "--edited", "--max-size", "0"),
        ("cache", "collect", "--dry-run", "--max-size", "0"),
        ("cache", "push", *remote),
        ("cache", "pull", *remote),
        ("lineage", str(subject.model)),
    )


def _file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine\n")
