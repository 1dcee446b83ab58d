"""How many networks leave by each exit, and whether they are right: `python -m benchmarks.exits FOLDER ...`.

A folder holds fixtures at any depth: NAME/{model.t7, or deploy.prototxt and weights.caffemodel; io.npz; meta.json}.
Each network is converted to ONNX, checked by onnx, run by ONNX Runtime on the fixture's inputs, and compared with its
outputs: max |a - b| / max(1, max |b|). Where the batch is free, it is run with the batch twice over as well. What
Caffe2 takes of them, through Caffe, stands beside it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import PipelineError, UnsupportedError
from pipeline.graph.comparison import compare
from pipeline.graph.input_spec import InputSpec, parse_input_spec
from pipeline.graph.values import Graph
from pipeline.onnx.files import write_model
from pipeline.onnx.write import write

Array = np.ndarray[Any, Any]
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Fixture:
    """A network and what its original gave: inputs and outputs by position."""

    model: Path
    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]
    meta: dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    """What became of a network: `caffe2` and `onnx` are words, `error` how far ONNX Runtime is off."""

    caffe2: str
    onnx: str
    why: str = ""
    error: float = 0.0
    free: bool = False


def fixtures(folders: Sequence[Path]) -> Iterator[Fixture]:
    """Find the networks with inputs and outputs."""
    for folder in folders:
        for model in sorted(folder.rglob("*")):
            is_model = model.name == "deploy.prototxt" or (model.suffix == ".t7" and model.name.startswith("model"))
            io, meta = model.with_name("io.npz"), model.with_name("meta.json")
            if is_model and io.exists():
                with np.load(io) as found:
                    arrays = [tuple(_numbered(found, side)) for side in ("in", "out")]
                yield Fixture(model, *arrays, json.loads(meta.read_text()) if meta.exists() else {})


def _numbered(found: Any, side: str) -> Iterator[Array]:  # noqa: ANN401 - what numpy loads
    count = 0
    while f"{side}{count}" in found.files:
        yield found[f"{side}{count}"]
        count += 1


def graph_of(fixture: Fixture) -> Graph:
    """Read a network with the shapes of the fixture's inputs."""
    if fixture.model.suffix == ".prototxt":
        from pipeline.caffe import files
        from pipeline.caffe.read import read
        from pipeline.caffe.read.given import input_shapes

        net = files.read_pair(fixture.model, fixture.model.with_name("weights.caffemodel"))
        return read(net, input_shapes(net, ["x".join(map(str, array.shape)) for array in fixture.inputs]))
    from pipeline.torch7 import importer

    return importer.read(fixture.model, specs(fixture), fixture.meta.get("root") or None)


def specs(fixture: Fixture) -> list[InputSpec]:
    """Return the shapes of a Torch7 network's inputs, in tables nested as it takes them."""
    nesting = fixture.meta.get("input") or [f"T{i}" for i in range(len(fixture.inputs))]
    nesting = nesting[0] if nesting == ["T0"] and not fixture.meta.get("input") else nesting
    parts = [nesting] if isinstance(nesting, str) else nesting
    return [parse_input_spec(_spec(part, fixture.inputs)) for part in parts]


def _spec(nesting: Any, inputs: Sequence[Array]) -> str:  # noqa: ANN401 - words and lists of them
    if isinstance(nesting, str):
        return "x".join(map(str, inputs[int(nesting[1:])].shape)) or "scalar"
    return "[" + ",".join(_spec(part, inputs) for part in nesting) + "]"


def to_caffe2(graph: Graph, *, from_caffe: bool) -> str:
    """Say whether Caffe2 takes a network, through Caffe, as conversions do."""
    from pipeline.caffe.read import read
    from pipeline.caffe.write import emit
    from pipeline.caffe2.write import write as translate

    try:
        translate(graph if from_caffe else read(emit(graph).net))
    except UnsupportedError:
        return "refused"
    return "converts"


def judge(fixture: Fixture, folder: Path) -> Verdict:
    """Convert a network, and have ONNX's checker and its runtime say what they think of it."""
    import onnx
    import onnxruntime

    graph = graph_of(fixture)
    caffe2 = to_caffe2(graph, from_caffe=fixture.model.suffix == ".prototxt")
    try:
        model = write(graph)
    except UnsupportedError as error:
        return Verdict(caffe2, "refused", "; ".join(f"{p.origin}: {p.reason}" for p in error.problems))
    path = folder / "model.onnx"
    write_model(model, path)
    try:
        onnx.checker.check_model(path, full_check=True)
        onnx.shape_inference.infer_shapes(onnx.load(path), check_type=True, strict_mode=True, data_prop=True)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    except Exception as error:  # whatever another program says
        return Verdict(caffe2, "unrunnable", str(error)[:200])
    free = any(not isinstance(extent, int) for value in session.get_inputs() for extent in value.shape)
    tolerance = fixture.meta.get("tolerance", TOLERANCE)
    error = _off(session, fixture.inputs, fixture.outputs)
    if free:
        twice = [[np.concatenate([array, array]) for array in side] for side in (fixture.inputs, fixture.outputs)]
        error = max(error, _off(session, *twice))
    return Verdict(caffe2, "right" if error <= tolerance else "wrong", error=error, free=free)


def _off(session: Any, inputs: Sequence[Array], outputs: Sequence[Array]) -> float:  # noqa: ANN401 - a runtime's
    names = [value.name for value in session.get_inputs()]
    feeds = {name: np.asarray(array, np.float32) for name, array in zip(names, inputs, strict=True)}
    given = session.run(None, feeds)
    return max(compare(got, wanted).relative for got, wanted in zip(given, outputs, strict=True))


def main() -> int:
    """Judge every network; print a line for each that is not right, and the counts."""
    import onnxruntime

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    folders = parser.parse_args().folders
    onnxruntime.set_default_logger_severity(4)
    counts: Counter[tuple[str, str]] = Counter()
    free, worst = 0, 0.0
    for fixture in fixtures(folders):
        with tempfile.TemporaryDirectory() as folder:
            try:
                verdict = judge(fixture, Path(folder))
            except UnsupportedError as error:
                verdict = Verdict("refused", "refused", "; ".join(f"{p.origin}: {p.reason}" for p in error.problems))
            except PipelineError as error:
                verdict = Verdict("refused", "refused", error.what)
            except Exception:  # a fault of this program: told, and the others are judged
                verdict = Verdict("", "crash", traceback.format_exc(limit=-2))
        counts[verdict.caffe2, verdict.onnx] += 1
        free += verdict.free
        worst = max(worst, verdict.error if verdict.onnx == "right" else 0.0)
        with contextlib.suppress(BrokenPipeError):
            if verdict.onnx != "right" or verdict.caffe2 == "refused":
                place = "/".join(fixture.model.parts[-3:])
                print(f"{verdict.onnx:10} {place}: Caffe2 {verdict.caffe2}. {verdict.why} {verdict.error:.1e}")
    for (caffe2, onnx), count in sorted(counts.items()):
        print(f"Caffe2 {caffe2:9} ONNX {onnx:10} {count}")
    taken = sum(count for (caffe2, _), count in counts.items() if caffe2 == "converts")
    right = counts["converts", "right"]
    print(f"of {taken} networks that Caffe2 takes, {right} are right in ONNX Runtime ({right / max(taken, 1):.1%});")
    print(f"worst {worst:.1e}; the batch is free in {free}")
    return int(any(onnx not in ("right", "refused") for _, onnx in counts))


if __name__ == "__main__":
    sys.exit(main())
