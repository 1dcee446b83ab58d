"""A run's options: a TOML file, the environment and the command line become one validated, frozen object.

Each option is declared once, as a field of `Options`: its type, default, help and flag. The command line, the
configuration file and the run record are all read from these declarations.
"""

# ruff: noqa: RUF009 - `_option` is `dataclasses.field` with its metadata named

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pipeline import toml
from pipeline.errors import UsageError, together
from pipeline.graph.input_spec import parse_inputs
from pipeline.sense import judge, refuse_missing
from pipeline.toml import Sourced
from pipeline.wire.paths import canonical

COMMAND_LINE = "command line"
CALL = "call"  # of a program
DEFAULT = "default"
ENVIRONMENT = {
    "store": "TORCH2CAFFE2_STORE",
    "remote_store": "TORCH2CAFFE2_REMOTE_STORE",
    "scheduler": "DASK_SCHEDULER_ADDRESS",
}


def _option(
    default: object,
    help: str,
    flag: str = "",
    metavar: str = "",
    scope: str = "model",
    several: bool = False,
    only: str = "",
) -> Any:  # noqa: ANN401
    """Declare one option.

    Scope "run": it belongs to the whole run, not to one of several models. `several` may be given, each for a
    conversion of its own. `only` names the format of the networks that it says something about.
    """
    metadata = {"help": help, "flag": flag, "metavar": metavar, "scope": scope, "several": several, "only": only}
    return field(default=default, metadata=metadata)


_caffe = partial(_option, only="caffe")
_torch7 = partial(_option, only="t7")


@dataclass(frozen=True, slots=True)
class Options:
    """What one conversion was asked to do. Paths are absolute; `origins` tells where each value came from."""

    model: Path = _option(
        None, "The network: a .t7 file, or a prototxt with --weights. Several, or a folder: all in it.", metavar="MODEL"
    )
    name: str = _option("", "What the model is called in tables; the file's name without its suffix.")
    weights: Path | None = _option(None, "The caffemodel that belongs to a prototxt.", "--weights", "FILE")
    inputs: tuple[str, ...] = _option(
        (),
        "Shape of an input, as 2x3x224x224 or name=2x3; several are a Lua table; auto finds them.",
        "--input",
        "SPEC",
    )
    root: str = _torch7(
        "",
        "Which network inside a table, as model.net; found where there is one. Several: each by itself.",
        "--root",
        "KEY",
        several=True,
    )
    output: Path = _option(None, "Folder for the files; <name>.converted in the current one.", "--output,-o", "DIR")
    store: Path | None = _option(None, "Where artifacts are kept; your cache folder.", "--store", "DIR", scope="run")
    remote_store: str = _option(
        "", "Share artifacts with others there, as s3://bucket/folder.", "--remote-store", "URL", scope="run"
    )
    jobs: int = _option(1, "How many models are converted side by side.", "--jobs,-j", "N", scope="run")
    scheduler: str = _option(
        "",
        "Convert several models on the workers of this dask scheduler; local: on --jobs of its own.",
        "--scheduler",
        "ADDRESS",
        scope="run",
    )
    to: tuple[str, ...] = _option((), "Make caffe, caffe2, onnx, pytorch or pt2; may be repeated.", "--to", "FORMAT")
    without: tuple[str, ...] = _option((), "Leave this stage out.", "--without", "STAGE")
    stop_after: str = _option("", "Go no further than this stage.", "--stop-after", "STAGE")
    verify: bool = _option(True, "Compare the numbers of every artifact.", "--verify/--no-verify")
    reference: Path | None = _option(None, "Inputs and outputs of the original: npz, or t7.", "--reference", "FILE")
    record: Path | None = _option(None, "Keep what --runtime torch7 computed, for --reference.", "--record", "FILE")
    force: tuple[str, ...] = _option((), "Run this stage even where it is cached.", "--force", "STAGE")
    tolerance: float = _option(1e-4, "Largest error, relative to max(1, max |b|).", "--tolerance", "X")
    output_tolerance: float | None = _option(
        None,
        "Largest error of an output, relative to its max |b|; else --tolerance, or float32's own.",
        "--output-tolerance",
        "X",
    )
    seed: int = _option(0, "Of the random inputs that verification makes.", "--seed", "N")
    runtimes: tuple[str, ...] = _option(
        (), "Verify with these runtimes only, not with every one found; none: with nobody.", "--runtime", "NAME"
    )
    require_runtimes: tuple[str, ...] = _option(
        (), "Fail unless this runtime has run the files.", "--require-runtime", "NAME"
    )
    report: Path | None = _option(None, "Write a page about the run.", "--report", "FILE")
    plugins: tuple[Path, ...] = _option((), "Python file that registers modules.", "--plugin", "FILE")
    keep_loss: bool | None = _option(
        None,
        "Keep criterions and loss layers; where neither is said, Torch7's only.",
        "--keep-loss/--drop-loss",
    )
    states: bool = _torch7(
        False, "Make the states of a Torch7 network's recurrent layers inputs and outputs.", "--states/--no-states"
    )
    limits: tuple[str, ...] = _option(
        (), "Allow a network that is larger, as value=8000000000.", "--limit", "NAME=NUMBER"
    )
    cut: tuple[str, ...] = _caffe(
        (),
        "End a Caffe network before this layer, or type of layer; auto: before each without a counterpart.",
        "--cut",
        "LAYER",
    )
    outputs: tuple[str, ...] = _caffe((), "End a Caffe network with this blob; may be repeated.", "--outputs", "BLOB")
    phase: Literal["", "TEST", "TRAIN"] = _caffe(
        "", "Take a Caffe network's layers of this phase: TEST, or TRAIN.", "--phase", "PHASE"
    )
    stages: tuple[str, ...] = _caffe((), "Take a Caffe network's layers of this stage, too.", "--stage", "NAME")
    not_stages: tuple[str, ...] = _caffe((), "Do not take those of this stage.", "--not-stage", "NAME")
    level: int | None = _caffe(None, "Take a Caffe network's layers of this level.", "--level", "N")
    optimize: tuple[str, ...] = _option((), "Apply this pass to the Caffe2 net; may be repeated.", "--optimize", "PASS")
    weights_format: Literal["protobuf", "hdf5"] = _option(
        "protobuf", "How Caffe's weights are written: protobuf, or hdf5 of any size.", "--weights-format", "FORMAT"
    )
    split_init: bool = _option(
        False, "Write init_net as several files where it would reach 2 GiB.", "--split-init/--one-init"
    )
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def left_out(self) -> tuple[str, ...]:
        """The stages that shall not run; --no-verify is short for --without verify."""
        return self.without if self.verify else (*self.without, "verify")

    @property
    def inputs_read(self) -> tuple[Path, ...]:
        """The canonical paths of the user's files that the run reads."""
        given = (self.model, self.weights, self.reference, *self.plugins)
        return tuple(canonical(path) for path in given if path)


OPTIONS: dict[str, Field[Any]] = {f.name: f for f in fields(Options) if f.name != "origins"}


def load(
    config: Path | None,
    command_line: Mapping[str, Any],
    environment: Mapping[str, str] | None = None,
    origin: str = COMMAND_LINE,
) -> tuple[Options, ...]:
    """Return the options of every model to convert, in order.

    `command_line` holds what the user typed, and nothing else; it wins over the environment, that over the
    `[[model]]` of the file, that over the file's top, that over the default. "model" is what was typed as MODEL:
    paths, or names of the file's models. A folder or a pattern (`models/*.t7`) stands for all networks that it holds,
    several roots for a conversion each. With several of them, an output folder that they share holds a folder for
    each. Raises UsageError for what cannot be obeyed: an unknown key, a value of another type, no model, two models
    with one output folder; a model that is missing is left to its run.
    """
    environment = os.environ if environment is None else environment
    common, models = toml.read(config, _kind_of, judge) if config else ({}, [])
    typed = {name: (value, origin) for name, value in command_line.items()}
    around = {name: (environment[key], key) for name, key in ENVIRONMENT.items() if environment.get(key)}
    layers, alone, several = list[Sourced](), list[bool](), len(models) > 1
    for model in _selected(models, typed):
        layer = {**common, **model}
        found = _networks(layer)
        layers += found or [layer]
        alone += [False] * len(found) or ["output" in model]
        several = several or bool(found) or len(layers) > 1
    named = _named([{**layer, **around, **typed} for layer in layers])
    runs = tuple(
        _build(one, shared=(several and not apart) or len(roots) > 1)
        for layer, apart in zip(named, alone, strict=True)
        for roots in [_roots(layer)]
        for one in roots
    )
    refuse_shared_output(runs)
    return runs


def of_call(values: Mapping[str, Any]) -> Options:
    """Return the options of the one conversion that a program asks for. Raises UsageError as `load` and `checked`."""
    runs = load(None, checked(values), origin=CALL)
    if len(runs) > 1:
        raise UsageError(f"{values['model']} holds {len(runs)} networks", where=CALL, advice="convert each by itself")
    return runs[0]


def checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that a program gives, each of its type, with absolute paths.

    Raises UsageError for one that is unknown or of another type.
    """
    here = Path.cwd()
    return {option: toml.converted(option, value, _kind_of(option, 0), here) for option, value in values.items()}


def to_json(options: Options) -> dict[str, Any]:
    """Return the options as plain JSON values, for the run record; `from_json` reads them back."""

    def plain(value: Any) -> Any:  # noqa: ANN401 - any option
        if isinstance(value, tuple):
            return [plain(item) for item in value]
        return str(value) if isinstance(value, Path) else value

    return {name: plain(getattr(options, name)) for name in OPTIONS} | {"origins": dict(options.origins)}


def from_json(record: Mapping[str, Any]) -> Options:
    """Read options back from `to_json`; what an older version did not know has its default.

    Raises ValueError, which names the option, for a value of another type.
    """
    import msgspec

    return msgspec.convert(dict(record), Options, dec_hook=toml.as_path)


def nearest(name: str, known: Sequence[str]) -> str:
    """Advise on a name that is not known: the most similar one, or all of them."""
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else "one of: " + ", ".join(known)


def _kind_of(option: str, section: int) -> Any:  # noqa: ANN401 - a type
    """Return the type of an option in a section of a file; UsageError where there is none, or it has another place."""
    if option not in OPTIONS:
        raise UsageError(f"unknown option {option}", advice=nearest(option, list(OPTIONS)))
    if section and OPTIONS[option].metadata["scope"] == "run":
        raise UsageError(f"{option} belongs to the whole run", advice="set it above the first [[model]]")
    return type_of(option)


def type_of(option: str) -> Any:  # noqa: ANN401 - a type
    """Return the type of an option in a file; several of one that may be given several times are a list."""
    kind = str(OPTIONS[option].type)
    return eval(f"{kind} | tuple[{kind}, ...]" if OPTIONS[option].metadata["several"] else kind, globals())


def _map_paths(value: Any, change: Callable[[Path], Path]) -> Any:  # noqa: ANN401 - any option
    if isinstance(value, tuple):
        return tuple(_map_paths(item, change) for item in value)
    return change(value) if isinstance(value, Path) else value


def _selected(models: list[Sourced], typed: Sourced) -> list[Sourced]:
    """Return the models to convert: those typed as MODEL, by path or by their name in the file, or all of the file."""
    if "model" not in typed:
        return models or [{}]
    value, origin = typed.pop("model")
    wanted = dict.fromkeys(value if isinstance(value, list | tuple) else [value])
    if not models:
        return [{"model": (path, origin)} for path in wanted]
    names = [_name(model) for model in models]
    for name in map(str, wanted):
        if name not in names:
            raise UsageError(f"the configuration lists no model {name}", advice=nearest(name, names))
    return [models[names.index(str(name))] for name in wanted]


def _networks(layer: Sourced) -> list[Sourced]:
    """Return the options of each network that a folder or pattern stands for; none where the model is one path."""
    if "model" not in layer:
        return []
    path, origin = Path(layer["model"][0]), layer["model"][1]
    if path.is_dir():
        from pipeline import formats

        found = formats.networks_in(path)
    else:
        is_pattern = not path.exists() and set("*?[").intersection(str(path))
        root = Path(path.absolute().anchor)
        found = sorted(root.glob(str(path.absolute().relative_to(root)))) if is_pattern else []
    if found and "name" in layer:
        where = layer["name"][1]
        raise UsageError("one name is given to all networks of a folder or pattern", where=where, advice="leave it out")
    return [_with_weights({**layer, "model": (each, origin)}) for each in found]


def _with_weights(layer: Sourced) -> Sourced:
    """Return the options of a network in a folder with the weights that lie beside it, where it needs them."""
    from pipeline import formats

    path, origin = layer["model"]
    weights = formats.weights_beside(path) if "weights" not in layer else None
    return {**layer, "weights": (weights, origin)} if weights else layer


def _named(layers: Sequence[Sourced]) -> list[Sourced]:
    """Name the models that have no name: after their file and, where others are called so too, its folders."""
    depth = dict.fromkeys(range(len(layers)), 1)
    while True:
        names = {i: _name(layers[i], depth[i]) for i in depth}
        taken = Counter(names.values())
        alike = [i for i in depth if taken[names[i]] > 1 and "name" not in layers[i]]
        longer = [i for i in alike if names[i] != _name(layers[i], depth[i] + 1)]
        if not longer:
            return [{**layer, "name": layer.get("name", (names[i], DEFAULT))} for i, layer in enumerate(layers)]
        depth |= {i: depth[i] + 1 for i in longer}


def _name(layer: Sourced, depth: int = 1) -> str:
    """Return the name of a model: the one it was given, or its file's, with `depth` - 1 folders before it."""
    if "name" in layer:
        return str(layer["name"][0])
    if "model" not in layer:
        return ""
    path = Path(layer["model"][0]).absolute()
    folders = path.parts[1:-1]
    return "-".join([*folders[max(0, len(folders) - depth + 1) :], path.stem])


def _roots(layer: Sourced) -> list[Sourced]:
    """Return the options for each network inside a file, where several are asked for; its name ends in its place."""
    value, origin = layer.get("root", ("", DEFAULT))
    roots = [value] if isinstance(value, str) else list(dict.fromkeys(value)) or [""]
    if len(roots) == 1:
        return [{**layer, "root": (roots[0], origin)}] if "root" in layer else [layer]
    name, named_by = layer["name"]
    places = {root: re.sub(r"[^\w.-]+", "_", root).strip("_") for root in roots}
    return [{**layer, "root": (root, origin), "name": (f"{name}-{places[root]}", named_by)} for root in roots]


def _build(layer: Sourced, shared: bool) -> Options:
    """Make one model's options of what was set; `shared`: its output folder holds other models too."""
    values = {name: _coerce(name, value) for name, (value, _) in layer.items()}
    origins = {name: layer[name][1] if name in layer else DEFAULT for name in OPTIONS}
    if not values.get("model"):
        advice = "torch2caffe2 convert MODEL, or a --config that names one"
        raise UsageError("no model was given", advice=advice)
    name = values["name"]
    folder = values.get("output") or Path(f"{name}.converted")
    values["output"] = folder / name if shared and "output" in values else folder
    absolute = {key: _map_paths(value, Path.absolute) for key, value in values.items()}
    return validate(Options(**absolute, origins=origins))


def _coerce(option: str, value: Any) -> Any:  # noqa: ANN401 - any option
    """Return a value that is sound but for its container the type that its option declares."""
    hint = str(OPTIONS[option].type)
    if value is None:
        return None
    if hint.startswith("tuple"):
        return tuple(Path(item) if "Path" in hint else str(item) for item in value)
    return Path(value) if "Path" in hint else value


def validate(options: Options) -> Options:
    """Refuse values that make no sense, whatever they came from; bring input shapes to their one spelling.

    Raises UsageError, which names all such options and where they were set.
    """
    faults = list[UsageError]()
    for option in OPTIONS:
        try:
            judge(option, getattr(options, option))
        except UsageError as fault:
            fault.where = fault.where or options.origins.get(option, "")
            faults.append(fault)
    if faults:
        raise together(faults, f"{len(faults)} options cannot be obeyed")
    return replace(options, inputs=tuple(map(str, parse_inputs(options.inputs) or ())))


def refuse_missing_model(options: Options) -> None:
    """Raise UsageError where the model is no file: a run may be one of many, and costs only itself."""
    may_look = os.access(options.model, os.R_OK | os.X_OK, effective_ids=True)
    try:
        refuse_missing(options.model, f"it is a folder, {'and holds no network' if may_look else 'closed to you'}")
    except UsageError as error:
        error.where = options.origins.get("model", "")
        raise


def refuse_shared_output(runs: Sequence[Options]) -> None:
    """Raise UsageError where two models would go to one folder, as may be known only when it is there: Net and net."""
    seen: dict[Path, str] = {}
    for options in runs:
        place = canonical(options.output)
        if place in seen:
            raise UsageError(
                f"two models would be written to {options.output}",
                where=f"{seen[place]}, {options.name}",
                advice="give each [[model]] its own name or output",
            )
        seen[place] = options.name
