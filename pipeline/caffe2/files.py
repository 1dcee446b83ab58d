"""Pairs of files that are a Caffe2 network: what to compute, and the parameters, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import text_format

from pipeline.caffe2.fills import init_parts, scan_fills
from pipeline.caffe2.schema import NetDef
from pipeline.wire import messages, splice
from pipeline.wire.mapped import map_file, reading


@dataclass(frozen=True, slots=True, eq=False)
class Caffe2Net:
    """A network: `predict`, its operators, and `weights` by blob, in the init_net's order.

    Weights are float32 (any float dtype when writing), int32 or int64.
    """

    predict: NetDef
    weights: Mapping[str, np.ndarray[Any, Any]] = field(default_factory=dict)


def write_pair(
    net: Caffe2Net,
    predict_path: Path,
    text_path: Path,
    init_path: Path,
    progress: splice.Progress = splice.unheard,
) -> dict[str, str]:
    """Write predict_net in binary and in text, and init_net; give their sha256 by name.

    The same network gives the same bytes.

    Raises UnsupportedError before anything is written where a file would reach 2 GiB (Caffe2 would load
    nothing of it, in silence), MachineError where the disk refuses.
    """
    predict = net.predict.SerializeToString(deterministic=True)
    parts = init_parts(f"{net.predict.name}_init", net.weights)
    splice.check_size(predict_path.name, len(predict))
    splice.check_size(init_path.name, splice.total(parts))
    text = text_format.MessageToString(net.predict, as_utf8=True).encode()
    return {
        predict_path.name: splice.write(predict_path, [predict]),
        text_path.name: splice.write(text_path, [text]),
        init_path.name: splice.write(init_path, parts, progress),
    }


def read_pair(predict_path: Path, init_path: Path) -> Caffe2Net:
    """Read a network: predict_net in binary or text, and init_net, whose float arrays view the file.

    Raises InvalidInputError for a damaged file, UnsupportedError for fields that no known Caffe2 has and for
    an init_net that computes its parameters (XavierFill and its like) instead of holding them.
    """
    return Caffe2Net(read_net(predict_path), read_weights(init_path))


def read_net(path: Path) -> NetDef:
    """Read a NetDef, binary or text."""
    with reading(path):
        return messages.parse(map_file(path), NetDef, path)


def read_weights(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Read the parameters that an init_net makes, binary or text."""
    view = map_file(path)
    if messages.is_text(view):
        view = memoryview(messages.parse_text(view, NetDef, path).SerializeToString())
    with reading(path):
        return scan_fills(view)
