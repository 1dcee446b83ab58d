"""The options of a run: a TOML file, the environment and the command line become one validated, frozen object.

Each option is declared once, as a field of `Options` with its type, default, help and flag. The command line, the
configuration file and the run record are all derived from these declarations.
"""

# ruff: noqa: RUF009 - `_option` is `dataclasses.field` with its metadata named

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from pipeline import selection, toml
from pipeline.errors import UsageError, nearest, together
from pipeline.graph.input_spec import parse_inputs
from pipeline.toml import Sourced
from pipeline.validation import check_sense, check_value, refuse_missing
from pipeline.wire.paths import canonical

if TYPE_CHECKING:
    from pipeline.formats import Candidate

COMMAND_LINE = "command line"
CALL = "call"  # from Python
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

    An option of scope "run" belongs to the whole run, not to one of several models. An option with `several` values
    makes a conversion of each. `only` is the format of the networks that the option applies to.
    """
    metadata = {"help": help, "flag": flag, "metavar": metavar, "scope": scope, "several": several, "only": only}
    return field(default=default, metadata=metadata)


_caffe = partial(_option, only="caffe")
_torch7 = partial(_option, only="t7")


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one conversion. Paths are absolute. `origins` says where each value was set."""

    model: Path = _option(
        None, "A .t7 file, or a prototxt with --weights; or several, or a folder of networks.", metavar="MODEL"
    )
    name: str = _option("", "Name of the model in tables; by default, the file name without its suffix.")
    weights: Path | None = _option(None, "The caffemodel that belongs to a prototxt.", "--weights", "FILE")
    inputs: tuple[str, ...] = _option(
        (),
        "Shape of an input, such as 2x3x224x224 or name=2x3; repeat it for a Lua table; auto infers it.",
        "--input",
        "SPEC",
    )
    root: str = _torch7(
        "",
        "Path of the network inside a table, such as model.net, if it holds several. May be repeated.",
        "--root",
        "KEY",
        several=True,
    )
    output: Path = _option(None, "Folder for the files; <name>.converted by default.", "--output,-o", "DIR")
    store: Path | None = _option(
        None, "Folder where artifacts are kept; your cache folder by default.", "--store", "DIR", scope="run"
    )
    remote_store: str = _option(
        "", "Share artifacts through this store, such as s3://bucket/folder.", "--remote-store", "URL", scope="run"
    )
    jobs: int = _option(1, "Number of models to convert in parallel.", "--jobs,-j", "N", scope="run")
    scheduler: str = _option(
        "",
        "Convert several models on the workers of this dask scheduler; local starts --jobs workers.",
        "--scheduler",
        "ADDRESS",
        scope="run",
    )
    to: tuple[str, ...] = _option(
        (), "Format to make: caffe, caffe2, onnx, pytorch or pt2. May be repeated.", "--to", "FORMAT"
    )
    without: tuple[str, ...] = _option((), "Skip this stage.", "--without", "STAGE")
    stop_after: str = _option("", "Stop after this stage.", "--stop-after", "STAGE")
    verify: bool = _option(True, "Compare the numbers of all artifacts.", "--verify/--no-verify")
    reference: Path | None = _option(None, "Inputs and outputs of the original: npz, or t7.", "--reference", "FILE")
    record: Path | None = _option(None, "Save the results of --runtime torch7, for --reference.", "--record", "FILE")
    force: tuple[str, ...] = _option((), "Run this stage even if it is cached.", "--force", "STAGE")
    tolerance: float = _option(1e-4, "Largest difference, relative to max(1, max |b|).", "--tolerance", "X")
    output_tolerance: float | None = _option(
        None,
        "Largest difference of an output, relative to its max |b|; --tolerance or float32 rounding by default.",
        "--output-tolerance",
        "X",
    )
    seed: int = _option(0, "Seed of the random inputs for the verification.", "--seed", "N")
    runtimes: tuple[str, ...] = _option(
        (), "Use only this runtime to verify, instead of all that are found; none uses no runtime.", "--runtime", "NAME"
    )
    require_runtimes: tuple[str, ...] = _option(
        (), "Fail unless this runtime has checked the files.", "--require-runtime", "NAME"
    )
    report: Path | None = _option(None, "Write a page about the run.", "--report", "FILE")
    plugins: tuple[Path, ...] = _option((), "Python file that registers modules.", "--plugin", "FILE")
    keep_loss: bool | None = _option(
        None,
        "Keep or drop criterions and loss layers; by default, keep those of Torch7 only.",
        "--keep-loss/--drop-loss",
    )
    states: bool = _torch7(
        False, "Make the states of recurrent Torch7 layers inputs and outputs.", "--states/--no-states"
    )
    limits: tuple[str, ...] = _option((), "Allow a larger network, such as value=8000000000.", "--limit", "NAME=NUMBER")
    cut: tuple[str, ...] = _caffe(
        (),
        "End a Caffe network before this layer or type of layer; auto: before every unsupported layer.",
        "--cut",
        "LAYER",
    )
    outputs: tuple[str, ...] = _caffe((), "End a Caffe network with this blob; may be repeated.", "--outputs", "BLOB")
    phase: Literal["", "TEST", "TRAIN"] = _caffe(
        "", "Use the layers of this phase of a Caffe network: TEST or TRAIN.", "--phase", "PHASE"
    )
    stages: tuple[str, ...] = _caffe((), "Include the layers of this stage of a Caffe network.", "--stage", "NAME")
    not_stages: tuple[str, ...] = _caffe(
        (), "Exclude the layers of this stage of a Caffe network.", "--not-stage", "NAME"
    )
    level: int | None = _caffe(None, "Use the layers of this level of a Caffe network.", "--level", "N")
    optimize: tuple[str, ...] = _option((), "Apply this pass to the Caffe2 net; may be repeated.", "--optimize", "PASS")
    weights_format: Literal["protobuf", "hdf5"] = _option(
        "protobuf", "Format of Caffe weights: protobuf, or hdf5 for any size.", "--weights-format", "FORMAT"
    )
    split_init: bool = _option(
        False, "Split init_net into several files if it would reach 2 GiB.", "--split-init/--one-init"
    )
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def left_out(self) -> tuple[str, ...]:
        """The stages that are left out. --no-verify is short for --without verify."""
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
    leave_out: Callable[[Candidate], object] = bool,
) -> tuple[Options, ...]:
    """Return the options of every model to convert, in order.

    `command_line` holds only what the user typed. It takes precedence over the environment, then come the `[[model]]`
    tables of the file, the top of the file, and the defaults. "model" is what was typed as MODEL: paths, or names of
    models in the file. A folder or a pattern (`models/*.t7`) stands for all networks in it, and several roots for one
    conversion each. Several conversions with the same output folder get a subfolder each. `leave_out` is called with
    each network of a folder that lacks its weights.

    Raises UsageError for an unknown key, a value of a wrong type, no model, or two models with the same output folder.
    A missing model is not checked here, so that it fails only its own run.
    """
    environment = os.environ if environment is None else environment
    common, models = toml.read(config, _kind_of, check_value) if config else ({}, [])
    typed = {name: (value, origin) for name, value in command_line.items()}
    around = {name: (environment[key], key) for name, key in ENVIRONMENT.items() if environment.get(key)}
    layers, alone, several = list[Sourced](), list[bool](), len(models) > 1
    for model in selection.selected(models, typed):
        layer = {**common, **model}
        found = selection.networks(layer, leave_out)
        layers += found or [layer]
        alone += [False] * len(found) or ["output" in model]
        several = several or bool(found) or len(layers) > 1
    layers = [{**layer, **around, **typed} for layer in layers]
    named = [{"name": (name, DEFAULT), **layer} for name, layer in zip(selection.names(layers), layers, strict=True)]
    runs = tuple(
        _build(one, shared=(several and not apart) or len(roots) > 1)
        for layer, apart in zip(named, alone, strict=True)
        for roots in [_roots(layer)]
        for one in roots
    )
    refuse_shared_output(runs)
    return runs


def of_call(values: Mapping[str, Any]) -> Options:
    """Return the options of a conversion that is called from Python. Raises UsageError as `load` and `checked`."""
    runs = load(None, checked(values), origin=CALL)
    if len(runs) > 1:
        raise UsageError(f"{values['model']} holds {len(runs)} networks", where=CALL, advice="convert each by itself")
    return runs[0]


def checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return options that were passed from Python, converted to their types, with absolute paths.

    Raises UsageError for an unknown option, or a value of a wrong type.
    """
    found = {option: toml.converted(option, value, _kind_of(option, 0), Path()) for option, value in values.items()}
    return {option: _map_paths(value, Path.absolute) for option, value in found.items()}


def to_json(options: Options) -> dict[str, Any]:
    """Return the options as JSON values, for the run record. `from_json` reads them back."""

    def plain(value: Any) -> Any:  # noqa: ANN401 - any option
        if isinstance(value, tuple):
            return [plain(item) for item in value]
        return str(value) if isinstance(value, Path) else value

    return {name: plain(getattr(options, name)) for name in OPTIONS} | {"origins": dict(options.origins)}


def from_json(record: Mapping[str, Any]) -> Options:
    """Return the options that `to_json` wrote. Options that an older version did not have get their defaults.

    Raises ValueError, which names the option, for a value of a wrong type, or one that makes no sense.
    """
    import msgspec

    options = msgspec.convert(dict(record), Options, dec_hook=toml.as_path)
    try:
        for option in OPTIONS:
            check_sense(option, getattr(options, option))
    except UsageError as error:
        raise ValueError(str(error)) from error
    return options


def _kind_of(option: str, section: int) -> Any:  # noqa: ANN401 - a type
    """Return the type of an option in a section of a file. Raises UsageError if it is unknown or in a wrong section."""
    if option not in OPTIONS:
        raise UsageError(f"unknown option {option}", advice=nearest(option, list(OPTIONS)))
    if section and OPTIONS[option].metadata["scope"] == "run":
        raise UsageError(
            f"{option} belongs to the whole run", advice="options of the whole run stand above the first [[model]]"
        )
    return type_of(option)


def type_of(option: str) -> Any:  # noqa: ANN401 - a type
    """Return the type of an option in a file, where an option with `several` values may be a list."""
    kind = str(OPTIONS[option].type)
    return eval(f"{kind} | tuple[{kind}, ...]" if OPTIONS[option].metadata["several"] else kind, globals())


def choices(option: str) -> tuple[str, ...]:
    """Return the values that an option may have; empty if it may have any value of its type."""
    kind = type_of(option)
    return tuple(filter(None, get_args(kind))) if get_origin(kind) is Literal else ()


def _map_paths(value: Any, change: Callable[[Path], Path]) -> Any:  # noqa: ANN401 - any option
    if isinstance(value, tuple):
        return tuple(_map_paths(item, change) for item in value)
    return change(value) if isinstance(value, Path) else value


def _roots(layer: Sourced) -> list[Sourced]:
    """Return the options of each of several roots in a file. The name of each conversion ends in its root."""
    value, origin = layer.get("root", ("", DEFAULT))
    roots = [value] if isinstance(value, str) else list(dict.fromkeys(value)) or [""]
    if len(roots) == 1:
        return [{**layer, "root": (roots[0], origin)}] if "root" in layer else [layer]
    name, named_by = layer["name"]
    places = {root: re.sub(r"[^\w.-]+", "_", root).strip("_") for root in roots}
    return [{**layer, "root": (root, origin), "name": (f"{name}-{places[root]}", named_by)} for root in roots]


def _build(layer: Sourced, shared: bool) -> Options:
    """Return the options of one model. `shared`: its output folder holds other models, too."""
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
    """Return a value in the container type that its option declares."""
    hint = str(OPTIONS[option].type)
    if value is None:
        return None
    if hint.startswith("tuple"):
        return tuple(Path(item) if "Path" in hint else str(item) for item in value)
    return Path(value) if "Path" in hint else value


def validate(options: Options) -> Options:
    """Check the values of all options, and bring input shapes to their canonical spelling.

    Raises UsageError, which names all invalid options and where they were set.
    """
    faults = list[UsageError]()
    for option in OPTIONS:
        try:
            _refuse_other(option, getattr(options, option))
            check_value(option, getattr(options, option))
        except UsageError as fault:
            fault.where = fault.where or options.origins.get(option, "")
            faults.append(fault)
    if faults:
        raise together(faults, f"{len(faults)} options cannot be obeyed")
    return replace(options, inputs=tuple(map(str, parse_inputs(options.inputs) or ())))


def _refuse_other(option: str, value: object) -> None:
    """Raise UsageError for a value other than the `choices` of an option."""
    if (known := choices(option)) and value not in (*known, OPTIONS[option].default):
        raise UsageError(f"{option} cannot be {toml.shown(value)}", why=f"it is {' or '.join(known)}")


def refuse_missing_model(options: Options) -> None:
    """Raise UsageError if the model is not a file. This is checked by each run, so that other runs can go on."""
    try:
        if options.model.is_dir():
            raise _no_network_in(options.model)
        refuse_missing(options.model)
    except UsageError as error:
        error.where = options.origins.get("model", "")
        raise


def _no_network_in(folder: Path) -> UsageError:
    if not os.access(folder, os.R_OK | os.X_OK, effective_ids=True):
        return UsageError(f"no network was found in {folder}", why="you may not read this folder")
    advice = "name a .t7 file, or a prototxt with its caffemodel beside it or as --weights"
    return UsageError(f"no network was found in {folder}", advice=advice)


def refuse_shared_output(runs: Sequence[Options]) -> None:
    """Raise UsageError if two models would be written to one folder (Net and net, if the file system ignores case)."""
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
