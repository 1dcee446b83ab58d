"""Fuzzes a target as `campaign` does, by coverage: what reached code that nothing had reached is changed again.

Python's code is watched by atheris, where that is installed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from random import Random

import atheris

from tests.fuzz.campaign import again
from tests.fuzz.mutation import mutated
from tests.fuzz.sandbox import Sandbox
from tests.fuzz.targets import TARGETS, Target
from tests.fuzz.trial import SECONDS, Attempt, Finding, Trial

_SECONDS = 2 * SECONDS  # code that is watched takes twice as long


def guided(sandbox: Sandbox, name: str, seed: int, *, seconds: float) -> Iterator[tuple[int, list[Finding]]]:
    """Try what was found once in a target, then fuzz each of its files for its share of the seconds."""
    yield from again(sandbox, name)
    target = TARGETS[name]
    files = [(lies, target.seeds(lies)) for lies in target.files(sandbox.place)]
    for number, (lies, seeds) in enumerate(files):
        stem = sandbox.root / "findings" / f"{name}-{seed}-guided{number}"
        settings = {
            "seed": seed + 1,  # 0 is the time
            "max_total_time": max(1, round(seconds / len(files))),
            "max_len": 2 * max(map(len, seeds)),
            "timeout": 0,  # the trial has its own, and of memory
            "rss_limit_mb": 0,
            "artifact_prefix": f"{stem}-",
        }
        arguments = [f"-{key}={value}" for key, value in settings.items()]
        corpus = _written(stem.with_suffix(".corpus"), seeds)
        trial = Trial(sandbox, target, lies, stem, _SECONDS)
        yield trial.run(partial(_by_coverage, target, seeds, [*arguments, str(corpus)]))


def _written(folder: Path, seeds: Sequence[bytes]) -> Path:
    folder.mkdir()
    for number, seed in enumerate(seeds):
        (folder / str(number)).write_bytes(seed)
    return folder


def _by_coverage(target: Target, seeds: Sequence[bytes], arguments: Sequence[str], attempt: Attempt) -> None:
    def changed(data: bytes, size: int, number: int) -> bytes:
        """Change an input as libFuzzer does, or as `mutation` does, which knows the formats."""
        random = Random(number)
        new = atheris.Mutate(data, size) if random.random() < 0.5 else mutated(random, data, seeds)
        return target.signed(bytes(new))[:size]

    atheris.Setup(["fuzz", *arguments], attempt, custom_mutator=changed)
    atheris.Fuzz()
