"""A network of any format as a graph: to compare two of them, or to cut a piece out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import InvalidInputError, PipelineError, UnsupportedError, UsageError
from pipeline.graph.values import Graph, Shape
from pipeline.inspection import formats

# What stands for the run of an output folder, the original first.
IN_FOLDER = ("graph.json", "deploy.prototxt", "predict_net.pb")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a network lies, and what its own file may not tell.

    `weights` is the caffemodel of a prototxt, or the init_net of a predict_net; `inputs` are `--input` shapes;
    `root` is the place of a network in a Torch7 table.
    """

    path: Path
    weights: Path | None = None
    inputs: tuple[str, ...] = ()
    root: str = ""


def attempt(read: Callable[[], Graph], *, given: bool) -> tuple[Graph | None, tuple[str, ...]]:
    """Read a graph for its shapes; where there is none, tell why in notes.

    With shapes `given` by the user, an error that is not a refusal is raised: it is about them.
    """
    try:
        return read(), ()
    except UnsupportedError as error:
        return None, tuple(f"{problem.origin}: {problem.reason}" for problem in error.problems)
    except PipelineError as error:
        if given:
            raise
        return None, (f"shapes are not known: {': '.join(filter(None, (error.what, error.why)))}",)


def load(source: Source) -> Graph:
    """Read a network as a graph.

    Raises what its reader raises, and UsageError for a file that holds no network, or only its weights.
    """
    path, kind = resolve(source.path, IN_FOLDER)
    if kind == "graph":
        from pipeline.inspection.of_graph import read

        return read(path)
    if kind == "t7":
        return torch7(path, source.inputs, source.root)
    if kind == "netdef":
        return caffe2(path, [source.weights] if source.weights else init_nets_beside(path), source.inputs)
    if kind == "prototxt":
        return caffe(path, source.weights or weights_beside(path), source.inputs)
    raise UsageError(
        f"{path} holds the weights of a network, and not how they are used",
        advice="name the prototxt, and with --weights this file",
    )


def resolve(path: Path, wanted: Sequence[str]) -> tuple[Path, str]:
    """Return a file and its format; of a run's output folder, the first of the `wanted` files that it has."""
    kind = formats.recognise(path)
    if kind != "folder":
        return path, kind
    for name in wanted:
        if (path / name).is_file():
            return path / name, formats.recognise(path / name)
    raise UsageError(f"{path} holds no network", advice="name a file, or the output folder of a run")


def torch7(path: Path, inputs: Sequence[str] = (), root: str = "") -> Graph:
    """Import a Torch7 file; errors as `pipeline.torch7.importer.read`."""
    from pipeline.graph.input_spec import parse_inputs
    from pipeline.torch7 import importer

    return importer.read(path, parse_inputs(inputs), root or None)


def caffe(prototxt: Path, weights: Path | None, inputs: Sequence[str] = ()) -> Graph:
    """Read a Caffe pair; errors as `pipeline.caffe.read.read`."""
    from pipeline.caffe import files
    from pipeline.caffe.read import read
    from pipeline.caffe.read.given import input_shapes

    net = files.read_pair(prototxt, weights)
    return read(net, input_shapes(net, inputs))


def caffe2(predict: Path, inits: Sequence[Path], inputs: Sequence[str] = ()) -> Graph:
    """Read a Caffe2 net and its init_nets, with the shapes given, or those in the manifest of the run that wrote it.

    Errors as `pipeline.caffe2.read.read`, and UsageError without an init_net.
    """
    from pipeline.caffe2 import files
    from pipeline.caffe2.read import read

    if not inits:
        raise UsageError(f"{predict} has no init_net beside it", advice="--weights FILE names the init_net")
    net = files.read_pair(predict, *inits)
    data = [name for name in net.predict.external_input if name not in net.weights]
    return read(net, _shapes(data, inputs) if inputs else _recorded_shapes(predict))


def weights_beside(prototxt: Path) -> Path | None:
    """Return the weights that a run of ours, or the usual habit, puts beside a prototxt."""
    names = ("model.caffemodel", "model.caffemodel.h5", f"{prototxt.stem}.caffemodel", f"{prototxt.stem}.caffemodel.h5")
    return next((path for name in names if (path := prototxt.with_name(name)).is_file()), None)


def init_nets_beside(predict: Path) -> tuple[Path, ...]:
    """Return the init_net beside a predict_net that is called like it, and more where the manifest has more."""
    path = predict.with_name(predict.name.replace("predict", "init").replace(".pbtxt", ".pb"))
    if path == predict or not path.is_file():
        return ()
    from pipeline.caffe2.files import init_nets

    listed = _manifest(predict).get("files", {})
    several = listed.get("init_nets", ()) if isinstance(listed, dict) else ()
    return (path, *(other for other in init_nets(path)[1:] if other.name in several))


def is_init_net(path: Path) -> bool:
    """Return whether a NetDef only fills parameters: no operator of it takes a blob."""
    from pipeline.caffe2.outline import outline

    operators = outline(path).operators
    return bool(operators) and not any(operator.inputs for operator in operators)


def _shapes(names: Sequence[str], inputs: Sequence[str]) -> dict[str, Shape]:
    """Return shapes by blob; those without a name go to the data inputs in order."""
    from pipeline.graph.input_spec import TensorSpec, parse_input_spec

    shapes: dict[str, Shape] = {}
    for position, text in enumerate(inputs):
        spec = parse_input_spec(text)
        if not isinstance(spec, TensorSpec) or (not spec.name and position >= len(names)):
            takes = ", ".join(names) or "nothing"
            raise UsageError(f"--input {text} is not one of the network's", why=f"it takes {takes}")
        shapes[spec.name or names[position]] = spec.shape
    return shapes


def _recorded_shapes(predict: Path) -> dict[str, Shape]:
    """Read the shapes of the inputs from `manifest.json`; none where there is no such file."""
    manifest = _manifest(predict)
    try:
        ports = manifest["inputs"] if manifest else ()
        return {str(port["caffe2_blob"]): tuple(int(extent) for extent in port["shape"]) for port in ports}
    except (ValueError, KeyError, TypeError) as error:
        path = predict.with_name("manifest.json")
        raise InvalidInputError(f"{path} is not the manifest of a run", why=str(error)) from error


def _manifest(predict: Path) -> dict[str, Any]:
    """Read the manifest of the run that wrote a net; empty where there is none beside it."""
    path = predict.with_name("manifest.json")
    try:
        found = json.loads(path.read_bytes()) if path.is_file() else {}
    except ValueError as error:
        raise InvalidInputError(f"{path} is not the manifest of a run", why=str(error)) from error
    return found if isinstance(found, dict) else {"inputs": None}
