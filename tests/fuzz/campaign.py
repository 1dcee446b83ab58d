"""Fuzzes a target: changes its files one after the other, and tries each change.

A campaign begins with the files that were found once: they lie in tests/data/fuzzed, by target.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from random import Random

from pipeline.cli import app as cli
from tests.fuzz.mutation import mutated
from tests.fuzz.sandbox import Sandbox
from tests.fuzz.targets import DATA, TARGETS, Words
from tests.fuzz.trial import Attempt, Finding, Trial, silent

_BATCH = 200  # inputs a process


def campaign(
    sandbox: Sandbox, name: str, seed: int, *, seconds: float = 0, inputs: int = 0
) -> Iterator[tuple[int, list[Finding]]]:
    """Try what was found once in a target, then fuzz it for so long, or with so many inputs.

    Yields how many inputs were tried, and what was found in them, for one process after the other. The same seed gives
    the same inputs.
    """
    target, began, done = TARGETS[name], time.monotonic(), 0
    yield from again(sandbox, name)
    files = [(lies, target.seeds(lies)) for lies in target.files(sandbox.place)]
    while (done < inputs) if inputs else (time.monotonic() - began < seconds):
        lies, seeds = files[done // _BATCH % len(files)]
        count = min(_BATCH, inputs - done) if inputs else _BATCH
        new = islice(_changed(Random(f"{name} {seed} {done}"), seeds, target.signed), count)
        yield Trial(sandbox, target, lies, sandbox.root / "findings" / f"{name}-{seed}-{done}").run(partial(_each, new))
        done += count


def again(sandbox: Sandbox, name: str) -> Iterator[tuple[int, list[Finding]]]:
    """Try what was found once, in a sandbox as it was."""
    sandbox.restore()
    known = [path.read_bytes() for path in sorted((DATA / "fuzzed" / name).glob("*"))]
    for number, lies in enumerate(TARGETS[name].files(sandbox.place) if known else ()):
        stem = sandbox.root / "findings" / f"{name}-known{number}"
        yield Trial(sandbox, TARGETS[name], lies, stem).run(partial(_each, known))


def refused(sandbox: Sandbox, name: str) -> Iterator[Words]:
    """Yield the commands that do not end well on sound files of a target, so that changed ones would show little."""
    target = TARGETS[name]
    sandbox.restore()
    for lies in target.files(sandbox.place):
        lies.write_bytes(target.seeds(lies)[0])
        for words in target.commands(sandbox.place, lies):
            with silent():
                code = cli.run(words)
            if code:
                yield words
        sandbox.restore()


def _changed(random: Random, seeds: Sequence[bytes], signed: Callable[[bytes], bytes]) -> Iterator[bytes]:
    while True:
        yield signed(mutated(random, random.choice(seeds), seeds))


def _each(inputs: Iterable[bytes], attempt: Attempt) -> None:
    for data in inputs:
        attempt(data)
