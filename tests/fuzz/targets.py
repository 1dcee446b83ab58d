"""What is fuzzed: for each format the files to start from, where a changed one lies, and the commands that read it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from pipeline.cli.app import run
from pipeline.store import manifest
from pipeline.store.digests import sealed
from pipeline.torch7.reader import load
from tests.torch7.writer import dumps

DATA = Path(__file__).parents[1] / "data"
NETWORK = ("convert", str(DATA / "demo" / "model.t7"), "--input", "2x1x32x32", "--no-verify")
LAYER = DATA / "torch7" / "SpatialConvolution"  # is converted in a tenth of the time
CONVERT = ("convert", str(LAYER / "model.t7"), "--input", "2x3x7x9", "--runtime", "none")
_SHAPES = ("1x3x8x8", "2x4", "1x3")
Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A folder with a network in every format, and a sound run of the program: one file is changed."""

    folder: Path

    @property
    def run(self) -> Path:
        """What commands change: all else is read."""
        return self.folder / "run"

    @property
    def output(self) -> Path:
        return self.run / "out"

    @property
    def store(self) -> Path:
        return self.run / "store"

    @property
    def remote(self) -> Words:
        """What commands are told of the store that others write to."""
        return "--remote-store", (self.run / "remote").as_uri()


@dataclass(frozen=True, slots=True)
class Target:
    """One format: the files of a place that are changed, what is done with one, and more files to start from."""

    pattern: str
    commands: Callable[[Place, Path], Sequence[Words]]
    others: Callable[[], Sequence[bytes]]
    signed: Callable[[bytes], bytes] = bytes  # with a digest of its own that is right again

    @property
    def writes(self) -> bool:
        """Whether commands change the place."""
        return self.pattern.startswith("run/")

    def files(self, place: Place) -> Sequence[Path]:
        """Return the files that are changed, one at a time."""
        return sorted(place.folder.glob(self.pattern)) or [place.folder / self.pattern]

    def seeds(self, path: Path) -> Sequence[bytes]:
        """Return what can lie at a path, the file of the place first."""
        return [*([path.read_bytes()] if path.exists() else []), *self.others()]


def prepared(folder: Path) -> Place:
    """Make a place."""
    place = Place(folder)
    kept = ("-q", "--store", str(place.store))
    assert run([*CONVERT, "-o", str(place.output), *kept, "--report", str(place.run / "page.html")]) == 0
    (place.run / "remote").mkdir()
    assert run(["cache", "push", "--store", str(place.store), *place.remote]) == 0
    (place.run / "io.npz").write_bytes((LAYER / "io.npz").read_bytes())
    for name, words in _NETWORKS.items():
        assert run([*NETWORK, "-q", "-o", str(folder / name), "--store", str(folder / "stored"), *words]) == 0
    for name, text in _CONFIGURATIONS.items():
        (folder / name).write_text(text.format(model=LAYER / "model.t7"))
    return place


def _small(pattern: str) -> list[bytes]:
    """Return the smaller files of the test data."""
    return [path.read_bytes() for path in sorted(DATA.glob(pattern)) if path.stat().st_size < 4000]


def _ascii() -> list[bytes]:
    """Return networks as Torch7 writes them in ascii."""
    paths = [path for path in sorted(DATA.glob("torch7/*/model.t7")) if path.stat().st_size < 2000]
    return [dumps(load(path), ascii=True) for path in paths]


def _read_t7(place: Place, path: Path) -> Sequence[Words]:
    shape = _SHAPES[path.stat().st_size % len(_SHAPES)]
    return ("inspect", str(path), "--stats"), ("scan", str(path), "--input", shape)


def _read_caffe(prototxt: str, weights: str) -> Callable[[Place, Path], Sequence[Words]]:
    def commands(place: Place, path: Path) -> Sequence[Words]:
        pair = [str(path.with_name(name)) for name in (prototxt, weights)]
        return ("inspect", str(path), "--stats"), ("scan", pair[0], "--weights", pair[1])

    return commands


def _inspect(place: Place, path: Path) -> Sequence[Words]:
    return (
        *_inspect_folder(place, path),
        ("inspect", str(path), "--json"),
        ("diff", str(path), str(path), "--no-run"),
    )


def _inspect_folder(place: Place, path: Path) -> Sequence[Words]:
    return (("inspect", str(path.parent), "--stats"),)


def _refer(place: Place, path: Path) -> Sequence[Words]:
    reference = ("--reference", str(path), "-o", str(place.run / "layer"))
    return (
        ("plan", *CONVERT[1:], *reference, "--store", str(place.store)),
        ("export-layer", str(place.output / "graph.json"), "--layer", "SpatialConvolution", *reference),
    )


def _plan(place: Place, path: Path) -> Sequence[Words]:
    return (("plan", "--config", str(path), "--store", str(place.store)),)


def _go_on(place: Place, path: Path) -> Sequence[Words]:
    """Look at a run in one way and go on with it in another, which a file's bytes choose."""
    output, store = str(place.output), ("--store", str(place.store))
    looks = (
        ("status", output),
        ("report", output),
        ("lineage", str(place.output / "init_net.pb")),
        ("cache", "list", *store),
        ("cache", "check", *store),
    )
    steps = (
        ("resume", output),
        ("verify", output, "--runtime", "none"),
        ("cache", "collect", *store, "--max-size", "1"),
        (*CONVERT, "-o", output, *store),
        (*CONVERT, "-o", output, *store, "--no-verify", "--json"),
    )
    chosen = crc32(path.read_bytes())
    return looks[chosen % len(looks)], steps[chosen // len(looks) % len(steps)]


def _take(place: Place, path: Path) -> Sequence[Words]:
    """Take what others made into a store that has nothing, or convert by it: a file's bytes choose."""
    kept = ("--store", str(place.run / "new"), *place.remote)
    ways = ("cache", "pull", *kept), (*CONVERT, "-o", str(place.run / "taken"), *kept)
    return (ways[crc32(path.read_bytes()) % len(ways)],)


def _signed(kind: str) -> Callable[[bytes], bytes]:
    """Return what gives a small file of the store the digest by which it is known to be whole, as anybody can."""

    def sign(data: bytes) -> bytes:
        try:
            found = json.loads(data)
            if kind == "manifest":
                return manifest.sealed({name: found[name] for name in found if name not in ("check", "format")})
            return sealed(kind, found["facts"])
        except (ValueError, TypeError, KeyError, RecursionError):
            return data

    return sign


def _target(
    pattern: str,
    commands: Callable[[Place, Path], Sequence[Words]],
    others: Callable[[], Sequence[bytes]] = tuple,
    signed: Callable[[bytes], bytes] = bytes,
) -> Target:
    return Target(pattern, commands, others, signed)


_NETWORKS: Mapping[str, Words] = {
    "networks": (),
    "hdf5": ("--weights-format", "hdf5"),
    "exits": ("--to", "onnx", "--to", "pytorch"),
}
_CONFIGURATIONS = {
    "one.toml": """# a configuration
model = "{model}"
inputs = ["2x3x7x9"]
output = "other"
to = ["caffe"]
verify = false
tolerance = 1e-3
seed = 3
limits = ["nodes=1000"]
""",
    "several.toml": """output = "others"
plugins = []
[[model]]
name = "a"
model = "{model}"
inputs = ["2x3x7x9"]
[[model]]
model = "{model}"
weights-format = "hdf5"
""",
}

_CAFFE = _read_caffe("deploy.prototxt", "model.caffemodel")
_HDF5 = _read_caffe("deploy.prototxt", "model.caffemodel.h5")

_FILE = (LAYER / "model.t7").stat()  # the only one that is not new each time

TARGETS: Mapping[str, Target] = {
    "t7": _target("fuzzed.t7", _read_t7, lambda: _small("torch7*/**/*.t7")),
    "t7-ascii": _target("fuzzed.t7", _read_t7, _ascii),
    "prototxt": _target("networks/deploy.prototxt", _CAFFE, lambda: _small("caffe/*/*.prototxt")),
    "caffemodel": _target("networks/model.caffemodel", _CAFFE, lambda: _small("caffe/*/*.caffemodel")),
    "hdf5": _target("hdf5/model.caffemodel.h5", _HDF5),
    "predict-net": _target("networks/predict_net.pb", _inspect),
    "init-net": _target("networks/init_net.pb", _inspect),
    "onnx": _target("exits/model.onnx", _inspect),
    "parameters": _target("exits/model.safetensors", _inspect),
    "module": _target("exits/model.py", _inspect_folder),
    "graph": _target("networks/graph.json", _inspect),
    "safetensors": _target("networks/weights.safetensors", _inspect),
    "toml": _target("*.toml", _plan),
    "reference": _target("run/io.npz", _refer),
    "run": _target("run/out/run.json", _go_on),
    "log": _target("run/out/events.jsonl", _go_on),
    "manifest": _target("run/out/manifest.json", _go_on),
    "verification": _target("run/out/verification.json", _go_on),
    "artifact": _target("run/store/artifacts/*/*/manifest.json", _go_on),
    "artifact-signed": _target("run/store/artifacts/*/*/manifest.json", _go_on, signed=_signed("manifest")),
    "artifact-graph": _target("run/store/artifacts/*/*/graph.json", _go_on),
    "artifact-verification": _target("run/store/artifacts/*/*/verification.json", _go_on),
    "signature": _target("run/store/artifacts/*/*/signature.json", _go_on),
    "history": _target("run/store/history/*", _go_on),
    "history-signed": _target("run/store/history/*", _go_on, signed=_signed("facts")),
    "digests": _target(f"run/store/digests/*-{_FILE.st_dev:x}-{_FILE.st_ino:x}", _go_on),
    "ledger": _target("run/store/ledger/*", _go_on),
    "ledger-signed": _target("run/store/ledger/*", _go_on, signed=_signed("ledger")),
    "remote": _target("run/remote/*/artifacts/*/*/manifest.json", _take),
    "remote-signed": _target("run/remote/*/artifacts/*/*/manifest.json", _take, signed=_signed("manifest")),
    "remote-graph": _target("run/remote/*/artifacts/*/*/graph.json", _take),
    "mark": _target("run/store/torch2caffe2-store.json", _go_on),
}
