"""What is fuzzed: for each format the files to start from, where a changed one lies, and the commands that read it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.cli.app import run
from pipeline.store import manifest
from pipeline.store.digests import sealed
from pipeline.torch7.reader import load
from tests.torch7.writer import dumps

DATA = Path(__file__).parents[1] / "data"
MODEL = DATA / "demo" / "model.t7"
INPUT = "2x1x32x32"
_SHAPES = ("1x3x8x8", "2x4", "1x3")
Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A folder with one sound run of the program, of which one file is changed."""

    folder: Path

    @property
    def output(self) -> Path:
        return self.folder / "out"

    @property
    def store(self) -> Path:
        return self.folder / "store"


@dataclass(frozen=True, slots=True)
class Target:
    """One format. `lies` says where a changed file is put, `commands` what is done with it."""

    seeds: Callable[[Place], Sequence[bytes]]
    lies: Callable[[Place], Path]
    commands: Callable[[Place, Path], Sequence[Words]]
    writes: bool  # the commands change the place
    signed: Callable[[bytes], bytes] = bytes  # with a digest of its own that is right again


def prepared(folder: Path) -> Place:
    """Make a place."""
    place = Place(folder)
    words = ["convert", str(MODEL), "--input", INPUT, "-o", str(place.output), "--store", str(place.store), "-q"]
    assert run([*words, "--runtime", "none", "--report", str(folder / "page.html")]) == 0
    assert run([*words, "-o", str(folder / "hdf5"), "--weights-format", "hdf5", "--no-verify"]) == 0
    assert run([*words, "-o", str(folder / "exits"), "--to", "onnx", "--to", "pytorch", "--no-verify"]) == 0
    (folder / "io.npz").write_bytes(MODEL.with_name("io.npz").read_bytes())
    (folder / "run.toml").write_text(TOML.format(model=MODEL, input=INPUT))
    return place


def _small(pattern: str) -> list[bytes]:
    """Return the smaller files of the test data."""
    return [path.read_bytes() for path in sorted(DATA.glob(pattern)) if path.stat().st_size < 4000]


def _ascii(place: Place) -> list[bytes]:
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
        ("inspect", str(path.parent), "--stats"),
        ("inspect", str(path), "--json"),
        ("diff", str(path), str(path), "--no-run"),
    )


def _refer(place: Place, path: Path) -> Sequence[Words]:
    reference = ("--reference", str(path), "--store", str(place.store), "-o", str(place.folder / "layer"))
    return (
        ("plan", str(MODEL), *reference),
        ("export-layer", str(place.output / "graph.json"), "--layer", "1", *reference[:2], *reference[4:]),
    )


def _plan(place: Place, path: Path) -> Sequence[Words]:
    return (("plan", "--config", str(path), "--store", str(place.store)),)


def _go_on(place: Place, path: Path) -> Sequence[Words]:
    """Look at a run, go on with it, and begin another in its folder."""
    again = ("-o", str(place.output), "--store", str(place.store), "--runtime", "none", "-q")
    return (
        ("status", str(place.output)),
        ("report", str(place.output)),
        ("lineage", str(place.output / "init_net.pb")),
        ("resume", str(place.output), "-q"),
        ("convert", str(MODEL), "--input", INPUT, *again),
    )


def _keep(place: Place, path: Path) -> Sequence[Words]:
    store = ("--store", str(place.store))
    return ("cache", "list", *store), *_go_on(place, path), ("cache", "check", *store)


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
    seeds: Callable[[Place], Sequence[bytes]] = lambda place: (),
    signed: Callable[[bytes], bytes] = bytes,
) -> Target:
    """Return the target of the first file that matches `pattern` in a place, and of others like it."""

    def lies(place: Place) -> Path:
        return next(iter(sorted(place.folder.glob(pattern))), place.folder / pattern)

    def all_seeds(place: Place) -> Sequence[bytes]:
        path = lies(place)
        return (*([path.read_bytes()] if path.exists() else ()), *seeds(place))

    return Target(all_seeds, lies, commands, commands in (_go_on, _keep, _refer), signed)


TOML = """# a configuration
model = "{model}"
inputs = ["{input}"]
output = "other"
to = ["caffe"]
verify = false
tolerance = 1e-3
seed = 3
limits = ["nodes=1000"]
[[model]]
name = "a"
plugins = []
"""

_CAFFE = _read_caffe("deploy.prototxt", "model.caffemodel")
_HDF5 = _read_caffe("deploy.prototxt", "model.caffemodel.h5")

TARGETS: Mapping[str, Target] = {
    "t7": _target("fuzzed.t7", _read_t7, lambda place: _small("torch7*/**/*.t7")),
    "t7-ascii": _target("fuzzed.t7", _read_t7, _ascii),
    "prototxt": _target("out/deploy.prototxt", _CAFFE, lambda place: _small("caffe/*/*.prototxt")),
    "caffemodel": _target("out/model.caffemodel", _CAFFE, lambda place: _small("caffe/*/*.caffemodel")),
    "hdf5": _target("hdf5/model.caffemodel.h5", _HDF5),
    "predict-net": _target("out/predict_net.pb", _inspect),
    "init-net": _target("out/init_net.pb", _inspect),
    "onnx": _target("exits/model.onnx", _inspect),
    "parameters": _target("exits/model.safetensors", _inspect),
    "module": _target("exits/model.py", _inspect),
    "graph": _target("out/graph.json", _inspect),
    "safetensors": _target("out/weights.safetensors", _inspect),
    "reference": _target("io.npz", _refer),
    "toml": _target("run.toml", _plan),
    "run": _target("out/run.json", _go_on),
    "log": _target("out/events.jsonl", _go_on),
    "manifest": _target("out/manifest.json", _go_on),
    "verification": _target("out/verification.json", _go_on),
    "artifact": _target("store/artifacts/*/*/manifest.json", _keep),
    "artifact-signed": _target("store/artifacts/*/*/manifest.json", _keep, signed=_signed("manifest")),
    "artifact-graph": _target("store/artifacts/*/*/graph.json", _keep),
    "signature": _target("store/artifacts/*/*/signature.json", _keep),
    "history": _target("store/history/*", _keep),
    "history-signed": _target("store/history/*", _keep, signed=_signed("facts")),
    "digests": _target("store/digests/*", _keep),
    "ledger": _target("store/ledger/*", _keep),
    "ledger-signed": _target("store/ledger/*", _keep, signed=_signed("ledger")),
    "mark": _target("store/torch2caffe2-store.json", _keep),
}
