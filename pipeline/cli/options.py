"""The options that several commands share. Those of a conversion are generated from `pipeline.config`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.cli import completion
from pipeline.config import OPTIONS
from pipeline.graph import budget


def _allow(context: typer.Context, limits: list[str] | None) -> list[str] | None:
    """Apply these limits while a command runs."""
    context.with_resource(budget.allowing(limits or ()))
    return limits


Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
Verbose = Annotated[int, typer.Option("--verbose", "-v", count=True, help="Print more; -vv shows tracebacks.")]
Progress = Annotated[
    str,
    typer.Option(
        "--progress",
        metavar="KIND",
        help="How to show progress: auto, rich, plain, json, none.",
        autocompletion=completion.completing(completion.progress),
    ),
]
Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Read options from this TOML file.")]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The output folder of a run, or a folder with several.")]
StoreFolder = Annotated[
    Path | None,
    typer.Option("--store", metavar="DIR", envvar="TORCH2CAFFE2_STORE", help="The folder where artifacts are kept."),
]
Adopt = Annotated[bool, typer.Option("--adopt", help="Continue from files that were edited by hand.")]
Reference = Annotated[
    Path | None, typer.Option("--reference", metavar="FILE", help="Inputs and outputs of the original.")
]
Runtimes = Annotated[
    list[str] | None,
    typer.Option(
        "--runtime",
        metavar="NAME",
        help="Use only this runtime to verify.",
        autocompletion=completion.completing(completion.runtimes),
    ),
]
RequiredRuntimes = Annotated[
    list[str] | None,
    typer.Option(
        "--require-runtime",
        metavar="NAME",
        help="Fail unless this runtime has checked the files.",
        autocompletion=completion.completing(completion.runtimes),
    ),
]
Without = Annotated[
    list[str] | None,
    typer.Option(
        "--without",
        metavar="STAGE",
        help="Skip this stage.",
        autocompletion=completion.completing(completion.stages),
    ),
]
MovedModel = Annotated[Path | None, typer.Option("--model", metavar="FILE", help="Where the model of the run is now.")]
MovedWeights = Annotated[
    Path | None, typer.Option("--weights", metavar="FILE", help="Where the weights of the model are now.")
]
StopAfter = Annotated[
    str,
    typer.Option(
        "--stop-after",
        metavar="STAGE",
        help="Stop after this stage.",
        autocompletion=completion.completing(completion.stages),
    ),
]

Trust = Annotated[
    bool, typer.Option("--trust", help="Trust what the record in DIR names outside of DIR: store, plugins, report.")
]
NamedStore = Annotated[
    Path | None, typer.Option("--store", metavar="DIR", help="The folder where the run keeps its artifacts.")
]
RemoteStore = Annotated[
    str,
    typer.Option(
        "--remote-store",
        metavar="URL",
        envvar="TORCH2CAFFE2_REMOTE_STORE",
        help="Share artifacts through this store, such as s3://bucket/folder.",
    ),
]
Record = Annotated[
    Path | None, typer.Option("--record", metavar="FILE", help="Save the results of --runtime torch7, for --reference.")
]
Report = Annotated[Path | None, typer.Option("--report", metavar="FILE", help="Write a page about the run.")]

Model = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A .t7 file, or a prototxt with --weights.")]
AnyFile = Annotated[Path, typer.Argument(metavar="FILE|DIR", exists=True, help="A file of any supported format.")]
Inputs = Annotated[
    list[str] | None, typer.Option("--input", metavar="SPEC", help="Shape of an input, such as 2x3x224x224, or auto.")
]
Root = Annotated[
    str, typer.Option("--root", metavar="KEY", help="Path of the network inside a table, such as model.net.")
]
Limits = Annotated[
    list[str] | None,
    typer.Option("--limit", metavar="NAME=NUMBER", callback=_allow, help="Allow a larger network: nodes=100000."),
]
Weights = Annotated[
    Path | None, typer.Option("--weights", metavar="FILE", exists=True, help="The caffemodel of a prototxt.")
]
Plugins = Annotated[
    list[Path] | None, typer.Option("--plugin", metavar="FILE", exists=True, help="Python file that registers modules.")
]

_TYPES: Mapping[str, tuple[object, object]] = {  # declared type -> type on the command line, value if not typed
    "bool": (bool | None, None),
    "bool | None": (bool | None, None),
    "int": (int | None, None),
    "float": (float | None, None),
    "float | None": (float | None, None),
    "int | None": (int | None, None),
    "Path": (Path | None, None),
    "Path | None": (Path | None, None),
    "tuple[str, ...]": (list[str], []),
    "tuple[Path, ...]": (list[Path], []),
}


def typed(**values: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever the command line gave
    """Return the options that were typed, as the configuration has them: with absolute paths, and tuples for lists."""

    def plain(value: Any) -> Any:  # noqa: ANN401
        if isinstance(value, list):
            return tuple(map(plain, value))
        return value.absolute() if isinstance(value, Path) else value

    return {name: plain(value) for name, value in values.items() if value not in (None, [])}


def takes_conversion_options(command: Callable[..., int]) -> Callable[..., int]:
    """Decorate a command whose first argument is `typed`: the options of a conversion that the user typed.

    Each field of `pipeline.config.Options` with a flag becomes an option of the command, and MODEL its argument.
    """
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    shared = [_parameter(name) for name, option in OPTIONS.items() if option.metadata["flag"] or name == "model"]

    def call(**values: Any) -> int:  # noqa: ANN401 - whatever the command line gave
        names = {parameter.name for parameter in shared}
        typed = {n: values.pop(n) for n in list(values) if n in names}
        return command({n: v for n, v in typed.items() if v is not None and v != []}, **values)

    parameters = [*shared, *own]
    ordered = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
    call.__signature__ = inspect.Signature(ordered, return_annotation=int)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    call.__doc__ = command.__doc__
    call.__name__ = command.__name__
    return call


def _parameter(name: str) -> inspect.Parameter:
    option = OPTIONS[name]
    several = option.metadata["several"]
    kind, absent = (list[str], []) if several else _TYPES.get(str(option.type), (str | None, None))
    metavar = option.metadata["metavar"] or None
    text = option.metadata["help"]
    if name == "model":
        kind, absent = list[Path], []
        information: Any = typer.Argument(metavar="[MODEL]...", help=text, show_default=False)
    else:
        flags = option.metadata["flag"].split(",")
        values = completion.completing(completion.VALUES.get(name))
        information = typer.Option(*flags, metavar=metavar, help=text, show_default=False, autocompletion=values)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=absent, annotation=Annotated[kind, information]
    )
