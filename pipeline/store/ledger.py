"""The ledger in the user's own store: which runs the user has started, so that folders need not be trusted.

A `run.json` is untrusted, since its folder may come from anywhere. Options that could do harm are taken from it only if
a run of this user has recorded the same for that folder in the ledger.
"""

from __future__ import annotations

import shlex
from collections.abc import Container, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from pipeline.config import Options
from pipeline.errors import PipelineError, UsageError
from pipeline.store.digests import digest_of, sealed, unsealed
from pipeline.store.store import Store, default_root
from pipeline.store.writing import holds, replace_all, write
from pipeline.wire.paths import canonical


@dataclass(frozen=True, slots=True)
class Harmful:
    """Options of a run that reach outside of its folder: its store, code that it runs, a page that it writes.

    The `limits` that it raises count, too, since they protect the memory of this machine, and so does the `reference`,
    since a report shows numbers from it.
    """

    store: str = ""
    plugins: tuple[str, ...] = ()
    report: str = ""
    reference: str = ""
    limits: tuple[str, ...] = ()

    @staticmethod
    def of(options: Options) -> Harmful:
        """Return the harmful part of options."""
        store = "" if options.store in (None, default_root()) else str(options.store)
        plugins = tuple(map(str, options.plugins))
        return Harmful(store, plugins, str(options.report or ""), str(options.reference or ""), options.limits)

    def __bool__(self) -> bool:
        return self != Harmful()


def vouch(*runs: tuple[Options, str]) -> None:
    """Record in the user's own store, if it is writable, the harmful options of runs of output folders.

    They are recorded for the path of the folder, and for the mark in its record, so that the folder may be moved.
    """
    facts = dict[tuple[str, str], dict[str, Any]]()
    for options, mark in runs:
        if reached := Harmful.of(options):
            facts |= dict.fromkeys((("folder", str(canonical(options.output))), ("mark", mark)), asdict(reached))
    if facts:
        with suppress(OSError, PipelineError):
            _write(facts)


def vouched(folder: Path, mark: str) -> Harmful:
    """Return the harmful options of this user's last run into `folder`, or with that `mark`, if recorded."""
    with suppress(OSError, PipelineError, ValueError):
        store = Store(default_root(), create=False)
        if found := _read(store, "folder", str(canonical(folder))) or (mark and _read(store, "mark", mark)):
            return msgspec.convert(found, Harmful)
    return Harmful()


def refuse_unvouched(folder: Path, mark: str, options: Options, typed: Container[str] = ()) -> None:
    """Raise UsageError if options from the record of a folder are harmful, and were not requested by this user.

    `mark` is the one in the record; `typed` names the options that were set on the command line.
    """
    asked, known = Harmful.of(options), vouched(folder, mark)
    words: list[str] = []
    if "store" not in typed and asked.store not in ("", known.store):
        words += ["--store", asked.store]
    if "plugins" not in typed and asked.plugins not in ((), known.plugins):
        words += [word for path in asked.plugins for word in ("--plugin", path)]
    if "report" not in typed and asked.report not in ("", known.report):
        words += ["--report", asked.report]
    if "limits" not in typed and asked.limits not in ((), known.limits):
        words += [word for limit in asked.limits for word in ("--limit", limit)]
    if words:
        raise UsageError(
            f"the record in {folder} asks for what lies outside of it, and no run of yours is known to have",
            why=f"it would go on with {shlex.join(words)}",
            advice="say --trust if you know who wrote that record, or type these options yourself",
        )


def own_store(folder: Path, mark: str, store: str) -> Path:
    """Return the store that the record of a folder names, or the user's own if this user never used the other."""
    return Path(store) if store == vouched(folder, mark).store else default_root()


def note_inputs(paths: Iterable[Path]) -> None:
    """Record that a run reads these files, by canonical paths, so that later runs do not treat them as delivered.

    They are recorded in the user's own store, whichever store the run uses.
    """
    for path in paths:
        if (path.parent / "run.json").exists():
            with suppress(OSError, PipelineError):
                _write({("input", str(path)): {"path": str(path)}})


def is_input(path: Path) -> bool:
    """Return whether a run of this user has read the file with this canonical path."""
    with suppress(OSError, PipelineError):
        return _read(Store(default_root(), create=False), "input", str(path)) is not None
    return False


def _place(store: Store, what: str, name: str) -> Path:
    return store.root / "ledger" / f"{digest_of(what, name)}.json"


def _write(facts: Mapping[tuple[str, str], dict[str, Any]]) -> None:
    """Record facts by kind and name."""
    store = Store(default_root())
    texts = {_place(store, *of): sealed("ledger", known) for of, known in facts.items()}
    new = {place: text for place, text in texts.items() if not holds(place, text)}
    replace_all({place: partial(write, data=text) for place, text in new.items()})


def _read(store: Store, what: str, name: str) -> dict[str, Any] | None:
    return unsealed("ledger", _place(store, what, name))
