"""Commands on files drawn at random from a tree as a home folder holds it: none of them is damaged.

The tree is made of copies: of networks, of what this program has delivered, and of whatever lies in Python's own
library and in /usr/share.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from pipeline.wire.digest import file_digest
from tests.children import in_child
from tests.torture.subject import Place, Subject, a_place, say
from tests.torture.tally import Tally

DATA = Path(__file__).parents[1] / "data"
SOURCES = (Path(os.__file__).parent, Path("/usr/share"), Path("/usr/lib"))
ALLOWED = (0, 2, 3, 4, 5, 6)
_FILES = 1500  # from each source, at most
_LARGEST = 1 << 20
_SHAPE = ("--input", "2x1x32x32")
_FAST = ("--no-verify", "-q")

Facts = tuple[int, int, int, int]


def home(subject: Subject, folder: Path, points: int) -> Tally:
    """Run so many random commands in a tree of real files; look at each file after each, and at every byte at last."""
    tally = Tally("a home folder")
    with a_place(folder, "home") as place:
        tree = _filled(place, subject)
        before = dict(_facts(tree))
        digests = {path: file_digest(path) for path in before}
        chance = random.Random(0)
        for _ in range(points):
            words = _command(chance, tree, place)
            code = in_child(lambda words=words: _run(place, tree, words))
            tally.count(f"ended with {code}")
            wrong = f"exit {code}: {place.said()}" if code not in ALLOWED else ""
            tally.add(" ".join(words), wrong or _damage(before))
        changed = [str(path) for path, digest in digests.items() if file_digest(path) != digest]
        tally.add("every byte", ", ".join(changed))
        tally.facts["files"] = len(before)
    return tally


def _filled(place: Place, subject: Subject) -> Path:
    """Make the tree; give where it is."""
    tree = place.folder / "home"
    for number, source in enumerate(SOURCES):
        for path in islice(_small_files(source), _FILES):
            _copied(path, tree / f"{number}-{source.name}" / path.relative_to(source))
    for path in _small_files(DATA):
        _copied(path, tree / "networks" / path.relative_to(DATA))
    for number in range(3):
        words = ("convert", str(subject.model), *subject.options, *_FAST, "--store", str(tree / f"store{number}"))
        assert in_child(lambda words=words, number=number: say(place, [*words, "-o", str(tree / f"out{number}")])) == 0
    return tree


def _small_files(folder: Path) -> Iterator[Path]:
    """Yield the smaller plain files below a folder, some of each of its folders."""
    for parent, _, names in os.walk(folder):
        for name in sorted(names)[:20]:
            path = Path(parent, name)
            if path.is_file() and not path.is_symlink() and path.stat().st_size <= _LARGEST:
                yield path


def _copied(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(path, target)
    except OSError:
        target.unlink(missing_ok=True)  # of another user


def _facts(tree: Path) -> Iterator[tuple[Path, Facts]]:
    """Yield what no command may change of each file outside of stores, which change as they are used."""
    for parent, _, names in os.walk(tree):
        for name in names:
            path = Path(parent, name)
            if not path.relative_to(tree).parts[0].startswith(("store", "out")):
                stat = path.lstat()
                yield path, (stat.st_ino, stat.st_mode, stat.st_size, stat.st_mtime_ns)


def _damage(before: dict[Path, Facts]) -> str:
    for path, facts in before.items():
        try:
            stat = path.lstat()
        except OSError:
            return f"{path} is gone"
        if (stat.st_ino, stat.st_mode, stat.st_size, stat.st_mtime_ns) != facts:
            return f"{path} was changed"
    return ""


def _run(place: Place, tree: Path, words: tuple[str, ...]) -> int:
    os.environ["TORCH2CAFFE2_STORE"] = str(place.store)
    os.chdir(tree)
    return say(place, words)


def _command(chance: random.Random, tree: Path, place: Place) -> tuple[str, ...]:
    """Draw a command; half of the networks are sound."""
    folders = [Path(parent) for parent, _, _ in os.walk(tree)]
    folder = chance.choice(folders)
    files = [path for path in folder.iterdir() if path.is_file()]
    file = chance.choice(files) if files else folder
    model = chance.choice((tree / "networks" / "demo" / "model.t7", file))
    weights = chance.choice(((), (), ("--weights", str(chance.choice(files) if files else folder))))
    output = ("-o", str(chance.choice((folder, folder, chance.choice(folders), file, folder / "new"))))
    store = chance.choice(((), (), ("--store", str(chance.choice((folder, chance.choice(folders), file))))))
    report = chance.choice(((), (), ("--report", str(chance.choice((file, folder / "page.html"))))))
    more = chance.choice(((), ("--to", "onnx"), ("--to", "pytorch"), ("--weights-format", "hdf5")))
    convert = ("convert", str(model), *_SHAPE, *_FAST, *output, *weights, *store, *report)
    return chance.choice(
        (
            *((*convert, *more),) * 8,
            ("convert", str(folder), *_FAST, *output, *store),
            ("convert", "--config", str(file), *_FAST),
            ("resume", str(folder), "-q", *chance.choice(((), ("--adopt",), ("--trust",))), *store, *report),
            ("verify", str(folder), "-q"),
            ("report", str(folder), *chance.choice(((), output))),
            ("status", str(folder)),
            ("scan", str(file), *weights),
            ("inspect", str(chance.choice((file, folder))), "--stats"),
            ("diff", str(file), str(model), "--no-run"),
            ("export-layer", str(model), *_SHAPE, "--layer", "1", *output),
            ("export-layer", str(tree / "out0"), "--layer", "1", *output),
            ("lineage", str(file), *store),
            ("cache", "list", *store),
            ("cache", "check", *store),
            ("cache", "collect", "--older-than", "0s", *store),
        )
    )
