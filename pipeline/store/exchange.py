"""Transfers artifacts between a store and a remote store, several at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Any, TypeVar

from pipeline.store.machine import on_machine
from pipeline.store.remote import Remote
from pipeline.store.store import Artifact, Damage, Store

_BESIDE = 8  # artifacts transferred at the same time: for small ones, most of the time is latency
_NAMES = 8  # minimal number of characters of a key that identify it

_T = TypeVar("_T")
_R = TypeVar("_R")


@dataclass(frozen=True, slots=True)
class Moved:
    """An artifact that was transferred; or was not, because it is damaged, as `problem` says."""

    key: str
    kind: str = ""
    model: str = ""
    size: int = 0
    problem: str = ""


def push(store: Store, remote: Remote, wanted: Sequence[str] = ()) -> list[Moved]:
    """Send the artifacts in `wanted`, by key or model, replacing what is there; by default, all that are not there.

    Raises RemoteError, and MachineError for problems of the machine.
    """

    def send(key: str) -> Moved:
        found = store.check(key)
        if isinstance(found, Artifact):
            remote.send(found)
        return _moved(key, found)

    with on_machine("reading the store", store.root):
        held = {} if wanted else remote.held()
        here = (artifact for artifact in store.artifacts() if isinstance(artifact, Artifact))
        lacking = (artifact for artifact in here if not _is_in(held, artifact))
        chosen = (each.key for each in lacking if _is_called(each.key, _model(each.manifest), wanted))
        return _all(send, chosen)


def pull(store: Store, remote: Remote, wanted: Sequence[str] = ()) -> list[Moved]:
    """Fetch the artifacts in `wanted`, by key or model; by default, all that are not here. Raises as `push`."""

    def take(key: str) -> Moved | None:
        if wanted and not _is_called(key, _model(remote.manifest(key)), wanted):
            return None
        session.uses(key)
        with store.lock(key):
            return _moved(key, remote.fetch(key, store, session, lambda *told: None))

    with on_machine("writing into the store", store.root), store.sessions.open() as session:
        return _all(take, (key for key in remote.held() if not isinstance(store.read(key), Artifact)))


def unmet(wanted: Sequence[str], moved: Sequence[Moved]) -> list[str]:
    """Return those in `wanted` that match nothing that was transferred."""
    return [word for word in wanted if not any(_is_called(each.key, each.model, (word,)) for each in moved)]


def beside(work: Callable[[_T], _R], items: Iterable[_T]) -> Iterator[_R]:
    """Yield the results of `work` for the items, as they are finished, with several threads. Raises what it raises.

    After an error, or when the generator is closed, no more work is started, and nothing waits for work in progress,
    not even the end of the process.
    """
    source, lock, over = iter(items), Lock(), Event()
    results: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()

    def go() -> None:
        try:
            while not over.is_set():
                with lock:
                    item = next(source)
                results.put((work(item), None))
        except BaseException as error:  # or StopIteration at the end
            results.put((None, error))

    for _ in range(_BESIDE):
        Thread(target=go, daemon=True).start()
    running = _BESIDE
    try:
        while running:
            result, error = results.get()
            running -= isinstance(error, StopIteration)
            if error is None:
                yield result
            elif not isinstance(error, StopIteration):
                raise error
    finally:
        over.set()


def _all(work: Callable[[str], Moved | None], keys: Iterable[str]) -> list[Moved]:
    with closing(beside(work, keys)) as moved:  # type: ignore[type-var]
        return sorted(filter(None, moved), key=lambda each: each.key)


def _moved(key: str, found: Artifact | Damage | None) -> Moved:
    if isinstance(found, Artifact):
        return Moved(key, found.kind, _model(found.manifest), found.size)
    return Moved(key, problem=found.reason if found else "it was removed meanwhile")


def _is_called(key: str, model: str, words: Sequence[str]) -> bool:
    """Return whether one of `words` is the start of an artifact's key or its model; true without any words."""
    if not words or any(len(word) >= _NAMES and key.startswith(word) for word in words):
        return True
    path = Path(model)
    return any(word in (path.name, path.stem) or Path(word).absolute() == path for word in words)


def _model(manifest: Mapping[str, Any] | Damage | None) -> str:
    """Return the model that an artifact was made from; "" if unknown."""
    return str(manifest["options"].get("model", "")) if isinstance(manifest, Mapping) else ""


def _is_in(held: Mapping[str, Mapping[str, int]], artifact: Artifact) -> bool:
    """Return whether a remote store holds an artifact, judging by sizes."""
    sizes = held.get(artifact.key, {})
    return bool(sizes) and all(sizes.get(name) == entry["size"] for name, entry in artifact.files.items())
