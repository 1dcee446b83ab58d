"""A run's options: a TOML file, the environment and the command line become one validated, frozen object.

Each option is declared once, as a field of `Options`: its type, default, help and flag. The command line, the
configuration file and the run record are all read from these declarations.
"""

# ruff: noqa: RUF009 - `_option` is `dataclasses.field` with its metadata named

from __future__ import annotations

import os
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, cast

from pipeline.errors import UsageError
from pipeline.graph import budget
from pipeline.graph.input_spec import parse_inputs

COMMAND_LINE = "command line"
DEFAULT = "default"
ENVIRONMENT = {"store": "TORCH2CAFFE2_STORE"}


def _option(
    default: object, help: str, flag: str = "", metavar: str = "", scope: str = "model", several: bool = False
) -> Any:  # noqa: ANN401
    """Declare one option.

    Scope "run": it belongs to the whole run, not to one of several models. `several` may be given, each for a
    conversion of its own.
    """
    metadata = {"help": help, "flag": flag, "metavar": metavar, "scope": scope, "several": several}
    return field(default=default, metadata=metadata)


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
    root: str = _option(
        "", "Which network inside a table, as model.net; several: each by itself.", "--root", "KEY", several=True
    )
    output: Path = _option(None, "Folder for the files; <name>.converted here.", "--output,-o", "DIR")
    store: Path | None = _option(None, "Where artifacts are kept; your cache folder.", "--store", "DIR", scope="run")
    jobs: int = _option(1, "How many models are converted side by side.", "--jobs,-j", "N", scope="run")
    to: tuple[str, ...] = _option((), "Make caffe, caffe2, onnx or pytorch; may be repeated.", "--to", "FORMAT")
    without: tuple[str, ...] = _option((), "Leave this stage out.", "--without", "STAGE")
    stop_after: str = _option("", "Go no further than this stage.", "--stop-after", "STAGE")
    verify: bool = _option(True, "Compare the numbers of every artifact.", "--verify/--no-verify")
    reference: Path | None = _option(None, "Inputs and outputs of the original: npz, or t7.", "--reference", "FILE")
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
    states: bool = _option(
        False, "Make the states of a Torch7 network's recurrent layers inputs and outputs.", "--states/--no-states"
    )
    limits: tuple[str, ...] = _option(
        (), "Allow a network that is larger, as value=8000000000.", "--limit", "NAME=NUMBER"
    )
    cut: tuple[str, ...] = _option(
        (), "End a Caffe network before this layer, or layers of this type; auto.", "--cut", "LAYER"
    )
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
        """The user's files that the run reads, links resolved."""
        given = (self.model, self.weights, self.reference, *self.plugins)
        return tuple(path.resolve() for path in given if path)


OPTIONS: dict[str, Field[Any]] = {f.name: f for f in fields(Options) if f.name != "origins"}


def load(
    config: Path | None,
    command_line: Mapping[str, Any],
    environment: Mapping[str, str] | None = None,
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
    common, models = _read_toml(config) if config else ({}, [])
    typed = {name: (value, COMMAND_LINE) for name, value in command_line.items()}
    around = {name: (Path(environment[key]), key) for name, key in ENVIRONMENT.items() if environment.get(key)}
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
    _refuse_shared_output(runs)
    return runs


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

    return msgspec.convert(dict(record), Options, dec_hook=_path)


def _path(wanted: type, value: object) -> object:
    """Make a path of a text, for msgspec, which asks for what it does not know itself."""
    if wanted is not Path or not isinstance(value, str) or "\0" in value:
        raise ValueError("it is no path")
    return Path(value)


def nearest(name: str, known: Sequence[str]) -> str:
    """Advise on a name that is not known: the most similar one, or all of them."""
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else "one of: " + ", ".join(known)


Sourced = dict[str, tuple[Any, str]]  # option -> value and where it was set


def _read_toml(path: Path) -> tuple[Sourced, list[Sourced]]:
    """Read a configuration file: the options at its top, and those of each `[[model]]`."""
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except OSError as error:
        raise UsageError(f"cannot read {path}", why=error.strerror or str(error)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML", why=str(error)) from error
    except RecursionError as error:
        raise UsageError(
            f"{path} is no configuration", why="its arrays or tables lie too deep inside each other"
        ) from error
    models = document.pop("model", []) if isinstance(document.get("model"), list) else []
    lines = _lines(text)

    def sourced(table: Mapping[str, Any], section: int) -> Sourced:
        if not isinstance(table, dict):
            raise UsageError(f"{path}: every [[model]] is a table of options")
        return {
            option: (_checked(option, value, where, path.parent), where)
            for key, value in table.items()
            for option in [key.replace("-", "_")]
            for where in [f"{path}:{lines[section, key]}" if (section, key) in lines else str(path)]
            if _known(option, where, section)
        }

    return sourced(document, 0), [sourced(model, number) for number, model in enumerate(models, 1)]


def _lines(text: str) -> dict[tuple[int, str], int]:
    """Return the line that sets each key, by section (0 is the top, 1.. the models)."""
    found: dict[tuple[int, str], int] = {}
    section = 0
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"\s*\[\[\s*model\s*\]\]", line):
            section += 1
        elif match := re.match(r"\s*([\w-]+)\s*=", line):
            found.setdefault((section, match[1]), number)
    return found


def _known(option: str, where: str, section: int) -> bool:
    if option not in OPTIONS:
        raise UsageError(f"unknown option {option}", where=where, advice=nearest(option, list(OPTIONS)))
    if section and OPTIONS[option].metadata["scope"] == "run":
        raise UsageError(f"{option} belongs to the whole run", where=where, advice="set it above the first [[model]]")
    return True


def _checked(option: str, value: Any, where: str, folder: Path) -> Any:  # noqa: ANN401 - any option
    """Validate the type of a value from a file; its relative paths are relative to the file."""
    if option not in OPTIONS:
        return value
    import msgspec

    try:
        kind = str(OPTIONS[option].type)
        kind = f"{kind} | tuple[{kind}, ...]" if OPTIONS[option].metadata["several"] else kind
        checked = msgspec.convert(value, eval(kind, globals()), dec_hook=_path)
    except msgspec.ValidationError as error:
        raise UsageError(f"{option} cannot be {value!r}", where=where, why=str(error)) from error
    return _map_paths(checked, lambda path: folder / path)


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
    return [{**layer, "model": (each, origin)} for each in found]


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

    Raises UsageError, which names the option and where it was set.
    """

    def refuse(option: str, why: str) -> None:
        where = options.origins.get(option, "")
        raise UsageError(f"{option} cannot be {getattr(options, option)!r}", where=where, why=why)

    if Path(options.name).name != options.name or options.name in ("..", "") or "\0" in options.name:
        refuse("name", "it names a folder inside the output, and has no separator or NUL in it")
    if options.seed < 0:
        refuse("seed", "it is 0 or more")
    if options.jobs < 1:
        refuse("jobs", "at least one model is converted at a time")
    if not 0 <= options.tolerance < float("inf"):
        refuse("tolerance", "it is a small positive number")
    if options.output_tolerance is not None and not 0 <= options.output_tolerance < float("inf"):
        refuse("output_tolerance", "it is a small positive number")
    if options.weights_format not in ("protobuf", "hdf5"):
        refuse("weights_format", "it is protobuf or hdf5")
    for option in ("weights", "reference"):
        _refuse_missing(options, option)
    budget.parse(options.limits)
    for path in options.plugins:
        if not path.is_file():
            refuse("plugins", f"{path} does not exist")
    return replace(options, inputs=tuple(map(str, parse_inputs(options.inputs) or ())))


def refuse_missing_model(options: Options) -> None:
    """Raise UsageError where the model is no file: a run may be one of many, and costs only itself."""
    _refuse_missing(options, "model")


def _refuse_missing(options: Options, option: str) -> None:
    path = getattr(options, option)
    if path is None or path.is_file():
        return
    why, advice = "it does not exist", ""
    if path.is_dir():
        why = "it is a folder, and holds no network" if option == "model" else "it is a folder"
    elif path.exists():
        why, advice = "it is a pipe or a device, which can be read only once", "save it to a file first"
    raise UsageError(f"there is no file {path}", where=options.origins.get(option, ""), why=why, advice=advice)


def _refuse_shared_output(runs: Sequence[Options]) -> None:
    seen: dict[Path, str] = {}
    for options in runs:
        place = options.output.resolve()
        if place in seen:
            raise UsageError(
                f"two models would be written to {options.output}",
                where=f"{seen[place]}, {options.name}",
                advice="give each [[model]] its own name or output",
            )
        seen[place] = options.name


def default_of(option: str) -> Any:  # noqa: ANN401 - any option
    """Return the default of an option; None where there is none (the model)."""
    value = OPTIONS[option].default
    return None if value is MISSING else cast(Any, value)
