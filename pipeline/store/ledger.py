"""What the user's own store remembers of folders and files outside it, so that nothing else has to be believed.

A `run.json` is data from wherever its folder came from. What could do harm is taken from it only where a run of this
user recorded the same for that folder here.
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
    """What a run of a folder reaches outside of it: the store it keeps, code it runs, a page it writes; "" for none.

    So are the `limits` that it raises, which save this machine's memory. The `reference` does no harm, but a report
    shows numbers of it.
    """

    store: str = ""
    plugins: tuple[str, ...] = ()
    report: str = ""
    reference: str = ""
    limits: tuple[str, ...] = ()

    @staticmethod
    def of(options: Options) -> Harmful:
        """Return what these options reach."""
        store = "" if options.store in (None, default_root()) else str(options.store)
        plugins = tuple(map(str, options.plugins))
        return Harmful(store, plugins, str(options.report or ""), str(options.reference or ""), options.limits)

    def __bool__(self) -> bool:
        return self != Harmful()


def vouch(*runs: tuple[Options, str]) -> None:
    """Remember in the user's own store what runs of output folders reach; one that cannot be written forgets.

    It is remembered of the folder, and of the mark in its record: the folder may be moved.
    """
    facts = dict[tuple[str, str], dict[str, Any]]()
    for options, mark in runs:
        if reached := Harmful.of(options):
            facts |= dict.fromkeys((("folder", str(canonical(options.output))), ("mark", mark)), asdict(reached))
    if facts:
        with suppress(OSError, PipelineError):
            _write(facts)


def vouched(folder: Path, mark: str = "") -> Harmful:
    """Return what this user's last run into `folder`, or the one with that `mark`, reached, as far as is remembered."""
    with suppress(OSError, PipelineError, ValueError):
        store = Store(default_root(), create=False)
        if found := _read(store, "folder", str(canonical(folder))) or (mark and _read(store, "mark", mark)):
            return msgspec.convert(found, Harmful)
    return Harmful()


def refuse_unvouched(folder: Path, mark: str, options: Options, typed: Container[str] = ()) -> None:
    """Raise UsageError where options that came from a folder's record reach what nobody here has asked for.

    `mark` is what it records; `typed` names the options that the command line has set.
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
    """Return the store that an output folder's record names, or the user's own where nobody here has named that."""
    return Path(store) if store == vouched(folder, mark).store else default_root()


def note_inputs(paths: Iterable[Path]) -> None:
    """Remember files, by canonical paths, that a run reads where runs deliver to: no later one counts them as its own.

    In the user's own store, whichever one the runs keep.
    """
    for path in paths:
        if (path.parent / "run.json").exists():
            with suppress(OSError, PipelineError):
                _write({("input", str(path)): {"path": str(path)}})


def is_input(path: Path) -> bool:
    """Return whether a run of this user has read the file of this canonical path, where runs deliver to."""
    with suppress(OSError, PipelineError):
        return _read(Store(default_root(), create=False), "input", str(path)) is not None
    return False


def _place(store: Store, what: str, name: str) -> Path:
    return store.root / "ledger" / f"{digest_of(what, name)}.json"


def _write(facts: Mapping[tuple[str, str], dict[str, Any]]) -> None:
    """Remember facts by what they are of and its name."""
    store = Store(default_root())
    texts = {_place(store, *of): sealed("ledger", known) for of, known in facts.items()}
    new = {place: text for place, text in texts.items() if not holds(place, text)}
    replace_all({place: partial(write, data=text) for place, text in new.items()})


def _read(store: Store, what: str, name: str) -> dict[str, Any] | None:
    return unsealed("ledger", _place(store, what, name))
