"""A flipped byte in any file of the store is found when the file is used, put aside, and made again."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from pipeline.store import collect
from pipeline.store.store import Store
from tests.children import in_child
from tests.torture.subject import Place, Subject, a_place
from tests.torture.tally import Tally


def flipped(subject: Subject, folder: Path, points: int) -> Tally:
    """Flip one bit in each file of a store, at places drawn from a seed, until there are `points` at least."""
    tally = Tally("a flipped byte")
    chance = random.Random(0)
    with a_place(folder, "flipped") as place:
        if in_child(lambda: subject.convert(place)):
            raise RuntimeError(place.said())
        shutil.rmtree(place.output)  # whose large files are the store's own, by another name
        while tally.held + len(tally.wrong) < points:
            for path in _files(place.store):
                name = path.relative_to(place.store)
                tally.add(str(name), _flip_and_run(subject, place, path, chance))
                tally.count(f"in {name.parts[0]}")
    return tally


def _files(store: Path) -> list[Path]:
    """Return every file that holds something; locks are empty."""
    return [path for path in sorted(store.rglob("*")) if path.is_file() and path.stat().st_size]


def _flip_and_run(subject: Subject, place: Place, path: Path, chance: random.Random) -> str:
    flip(path, chance.randrange(path.stat().st_size), 1 << chance.randrange(8))
    artifact = path.relative_to(place.store).parts[0] == "artifacts"
    stages = {} if not artifact else {path.parent.name: _stage(path)}
    code = in_child(lambda: subject.convert(place))
    if code:
        return f"the next run gave {code}: {place.said()}"
    try:
        if place.delivered() != subject.wanted:
            return "the result is not byte-identical"
        if place.stages("done") != set(stages.values()):
            return f"made again were {sorted(place.stages('done'))}"
        aside = list((place.store / "quarantine").iterdir())
        if [found.name.partition(".")[0] for found in aside] != list(stages):
            return f"put aside were {[found.name for found in aside]}"
        for found in aside:
            shutil.rmtree(found)
        return "; ".join(map(str, collect.check(Store(place.store))))
    finally:
        shutil.rmtree(place.output)


def _stage(path: Path) -> str:
    """Return the stage of a file's artifact; where the manifest itself is hit, its name may be."""
    kinds = {"graph.json": "import", "deploy.prototxt": "emit", "init_net.pb": "translate"}
    present = {name.name for name in path.parent.iterdir()}
    return next((stage for name, stage in kinds.items() if name in present), "verify")


def flip(path: Path, at: int, mask: int) -> None:
    """Change bits of one byte in place, read-only or not."""
    path.chmod(0o644)
    with path.open("r+b") as stream:
        stream.seek(at)
        (byte,) = stream.read(1)
        stream.seek(at)
        stream.write(bytes([byte ^ mask]))
