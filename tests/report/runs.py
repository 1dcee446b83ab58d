"""Output folders of runs, as a report finds them, and networks to fill them with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.graph import serialization
from pipeline.graph.builder import Builder
from pipeline.graph.values import Graph, Origin, Value
from pipeline.report.data import Report
from pipeline.report.gather import gather

HOSTILE = "</script></style><img src=x onerror=\"document.title='hacked'\">'\"{{ 7 * 7 }}<!--&\u202egnp"
READS = {"import": ["t7"], "emit": ["graph"], "translate": ["caffe"], "verify": ["caffe", "caffe2", "graph", "t7"]}
SERIES = {"caffe read back": 0.0, "caffe2 read back": 3e-8, "OpenCV 4.9, caffe": 2e-7}


def residual(layers: int, name: str = "residual", place: str = "features") -> Graph:
    """Build a network of that many layers with a way around every third convolution."""
    numbers = np.random.default_rng(0)
    net = Builder(name)
    x = net.input("data", (1, 4, 16, 16))
    around = x
    for i in range(layers - 1):
        with net.at(f"{place}.{i}", Origin(f"{place}.{i}", "nn.Layer")):
            if i % 6 == 5:
                x = around = net.add("Sum", x, around)
            elif i % 2:
                x = net.add("Relu", x)
            else:
                weight = net.weight(numbers.standard_normal((4, 4, 3, 3), np.float32))
                geometry = {"kernel_shape": (3, 3), "pads": (1, 1, 1, 1), "strides": (1, 1), "dilations": (1, 1)}
                x = net.add("Conv", x, weight, **geometry)
    with net.at("pool", Origin("pool", "nn.SpatialAveragePooling")):
        x = net.add("GlobalAveragePool", x)
    return net.finish([x])


def resnet(*stages: int) -> Graph:
    """Build a ResNet of bottlenecks, that many a stage, the first of each with a convolution around it (He, 2015)."""
    numbers = np.random.default_rng(0)
    net = Builder("resnet")

    def convolution(x: Value, channels: int, size: int, stride: int = 1) -> Value:
        weight = net.weight(numbers.standard_normal((channels, x.shape[1], size, size), np.float32))
        geometry = {"kernel_shape": (size,) * 2, "pads": (size // 2,) * 4, "strides": (stride,) * 2}
        x = net.add("Conv", x, weight, dilations=(1, 1), **geometry)
        ones = [net.weight(np.ones(channels, np.float32)) for _ in range(4)]
        return net.add("BatchNormalization", x, *ones, epsilon=1e-5)

    x = net.add("Relu", convolution(net.input("data", (1, 3, 32, 32)), 4, 7))
    for stage, blocks in enumerate(stages):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            with net.at(f"stage{stage}.{block}", Origin(f"stage{stage}.{block}", "nn.Sequential")):
                around = x if block else convolution(x, 8 << stage, 1, stride)
                y = net.add("Relu", convolution(x, 2 << stage, 1, stride))
                y = net.add("Relu", convolution(y, 2 << stage, 3))
                x = net.add("Relu", net.add("Sum", convolution(y, 8 << stage, 1), around))
    return net.finish([net.add("GlobalAveragePool", x)])


@dataclass(frozen=True)
class Folder:
    """An output folder, and the record of its run."""

    path: Path
    run: dict[str, Any]
    manifests: Mapping[str, Any]

    def report(self) -> Report:
        return gather(self.path, self.run, READS, self.manifests)


def folder(path: Path, graph: Graph | None, errors: Mapping[str, float] = SERIES, text: str = "m") -> Folder:
    """Fill a folder as a run does; `errors` are those of every value, by runner; `text` is in all that has words."""
    path.mkdir(parents=True, exist_ok=True)
    if graph is not None:
        serialization.write(graph, path)
        values = [*graph.inputs, *graph.values()]
        verification = _verification(values, errors, text)
        (path / "verification.json").write_text(json.dumps(verification))
    run = _run(path, text)
    (path / "run.json").write_text(json.dumps(run))
    manifest = {
        "versions": {"torch2caffe2": "0.1.0", "python": "3.11.7"},
        "components": {"libraries": {"numpy": "2.0.0", "torch": "2.1.0+cpu"}, "environment": {"OpenCV 4.9": text}},
    }
    return Folder(path, run, {"key-verify": manifest})


def _verification(values: list[Value], errors: Mapping[str, float], text: str) -> dict[str, Any]:
    passed = all(error <= 1e-4 for error in errors.values())
    last = values[-1].name
    checks = [
        {
            "by": by.partition(",")[0],
            "reads": by.rpartition(", ")[2] if "," in by else by.split()[0],
            "series": by,
            "independent": "," in by,
            "binding": True,
            "status": "agrees" if error <= 1e-4 else "differs",
            "values": len(values),
            "max_abs": error,
            "relative": error if error < float("inf") else "inf",
            "worst_at": last,
            "diverges_at": "" if error <= 1e-4 else values[1].name,
            "diverges_in": text,
            "why": "",
        }
        for by, error in errors.items()
    ]
    skipped = {**checks[0], "by": "Caffe2", "series": "Caffe2, caffe2", "status": "skipped", "values": 0, "why": text}
    told = {by: error if error < float("inf") else "inf" for by, error in errors.items()}
    return {
        "passed": passed,
        "tolerance": 1e-4,
        "inputs": text,
        "unheard": [],
        "evidence": _evidence(errors, text),
        "checks": [*checks, skipped | {"independent": True}],
        "values": [{"name": v.name, "origin": text, "operator": "", "relative": told} for v in values],
    }


def _evidence(errors: Mapping[str, float], text: str) -> list[dict[str, Any]]:
    """Tell of each step as the program does, of the checks that are called "NAME, FORMAT"."""
    found = []
    for step, kind in (("import", "t7"), ("emission", "caffe"), ("translation", "caffe2")):
        by = {name.partition(",")[0]: error for name, error in errors.items() if name.endswith(f", {kind}")}
        apart = {name: error for name, error in by.items() if error > 1e-4}
        itself = "itself" if f"{kind} read back" in errors else "not judged"
        state = "differs" if apart else "judged" if by else itself
        told = [
            {"by": name, "values": 1, "relative": error if error < float("inf") else "inf"}
            for name, error in (apart or by).items()
        ]
        found.append({"step": step, "state": state, "by": told, "why": "" if by else text})
    return found


def _run(path: Path, text: str) -> dict[str, Any]:
    states = {"import": "hit", "emit": "done", "translate": "done", "verify": "done"}
    began = {"import": "2026-01-02T03:04:05.500+00:00", "emit": "2026-01-02T03:04:06.000+00:00"}
    makes = {"import": "graph", "emit": "caffe", "translate": "caffe2", "verify": "verification"}
    return {
        "run": "second",
        "options": {
            "model": "/models/a net.t7",
            "name": text,
            "inputs": ["1x4x16x16"],
            "output": str(path),
            "seed": 7,
            "verify": True,
            "tolerance": 1e-4,
            "plugins": ["/a/plugin.py"],
            "origins": {"inputs": "command line", "seed": text},
        },
        "command": ["/usr/bin/torch2caffe2", "convert", "a net.t7", "--input", "1x4x16x16"],
        "source": {"kind": "t7", "files": {"/models/a net.t7": "5" * 64}},
        "state": "done",
        "worker": "node7:4123",
        "edited": [],
        "version": "0.1.0",
        "started": "2026-01-02T03:04:05.000+00:00",
        "finished": "2026-01-02T03:04:09.000+00:00",
        "error": "",
        "delivered": {"graph.json": {"blake3": "a" * 64, "size": 12, "kind": "graph", "key": "key-import"}},
        "stages": [
            {"name": name, "makes": makes[name], "state": state, "key": f"key-{name}", "digest": "d" * 64}
            | {"started": began.get(name, ""), "seconds": 1.0, "size": 1000}
            | {"reasons": [] if state == "hit" else [text]}
            for name, state in states.items()
        ],
    }
