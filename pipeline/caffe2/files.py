"""The files of a Caffe2 network: a predict_net and its init_nets, read and written as one value."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import text_format

from pipeline.caffe2.fills import init_parts, scan_fills
from pipeline.caffe2.schema import NetDef
from pipeline.errors import InvalidInputError
from pipeline.graph.budget import Budget
from pipeline.wire import messages, splice
from pipeline.wire.digest import Digested
from pipeline.wire.mapped import map_file, reading
from pipeline.wire.progress import Progress, no_progress

_OP = 2  # of NetDef
_SEVERAL = "--split-init writes it as several files, each below 2 GiB"


@dataclass(frozen=True, slots=True, eq=False)
class Caffe2Net:
    """A network: its operators, `predict`, and its `weights` by blob, in the order of the init_net.

    Weights are float32 (or any float type if they are to be written), int32 or int64.
    """

    predict: NetDef
    weights: Mapping[str, np.ndarray[Any, Any]] = field(default_factory=dict)


def write_pair(
    net: Caffe2Net,
    predict_path: Path,
    text_path: Path,
    init_path: Path,
    progress: Progress = no_progress,
    *,
    split: bool = False,
) -> dict[str, Digested]:
    """Write the predict_net in binary and text form, and the init_net, and return their digests by name.

    The same network gives the same bytes. With `split`, an init_net that would reach 2 GiB is written as several; the
    second part of `init_net.pb` is `init_net_2.pb`.

    Raises UnsupportedError, before anything is written, if a file would reach 2 GiB (Caffe2 would silently load nothing
    of it), and MachineError if a file cannot be written.
    """
    predict = net.predict.SerializeToString(deterministic=True)
    nets = init_parts(f"{net.predict.name}_init", net.weights, splice.LIMIT if split else inf)
    inits = {_numbered(init_path, number): parts for number, parts in enumerate(nets, 1)}
    splice.check_size(predict_path.name, len(predict))
    for path, parts in inits.items():
        splice.check_size(path.name, splice.total(parts), "" if split else _SEVERAL)
    text = text_format.MessageToString(net.predict, as_utf8=True).encode()
    digests = {
        predict_path.name: splice.write(predict_path, [predict]),
        text_path.name: splice.write(text_path, [text]),
    }
    done, size = 0, sum(map(splice.total, nets))
    for path, parts in inits.items():
        before = done
        digests[path.name] = splice.write(path, parts, lambda more, _, unit: progress(before + more, size, unit))  # noqa: B023
        done += splice.total(parts)
    return digests


def init_nets(path: Path) -> tuple[Path, ...]:
    """Return all init_nets that `write_pair` wrote, in order, by the path of the first."""
    others = itertools.takewhile(Path.is_file, (_numbered(path, number) for number in itertools.count(2)))
    return (path, *others)


def _numbered(path: Path, number: int) -> Path:
    return path.with_stem(f"{path.stem}_{number}") if number > 1 else path


def read_pair(predict_path: Path, *init_paths: Path) -> Caffe2Net:
    """Read a predict_net, in binary or text form, and its init_nets. Float arrays are views of the files.

    Raises InvalidInputError for a damaged file, UnsupportedError for fields that no known Caffe2 has and for an
    init_net that computes its parameters (by XavierFill and the like) instead of holding them.
    """
    return Caffe2Net(read_net(predict_path), read_weights(*init_paths))


def read_net(path: Path) -> NetDef:
    """Read a NetDef in binary or text form. Raises OverBudget for too many operators."""
    view = _map(path)
    with reading(path):
        _check_count(view, path)
        return messages.parse(view, NetDef, path)


def read_weights(*paths: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Read the parameters that init_nets, in binary or text form, make if they run one after the other."""
    found: dict[str, np.ndarray[Any, Any]] = {}
    for path in paths:
        fills = _fills(path)
        found = {name: array for name, array in found.items() if name not in fills} | fills
    return found


def _map(path: Path) -> memoryview:
    """Return a view of the file of a NetDef. Raises InvalidInputError if it is empty: every NetDef has a name."""
    view = map_file(path)
    if not view:
        raise InvalidInputError(f"{path} is an empty file", advice="fetch or make it again")
    return view


def _fills(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    view = _map(path)
    with reading(path):
        _check_count(view, path)
    if messages.is_text(view):
        view = memoryview(messages.parse_text(view, NetDef, path).SerializeToString())
    with reading(path):
        return scan_fills(view)


def _check_count(view: memoryview, path: Path) -> None:
    """Raise OverBudget for too many operators, before they are read."""
    Budget().check("layers", messages.count_parts(view, _OP, word="op"), path)
