"""Stages that copy text about, and a run of them: enough to see what the engine does."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.config import Options, load
from pipeline.engine import events, runner
from pipeline.errors import VerificationError
from pipeline.stages.stage import Stage, Task
from pipeline.store.store import Store

TORCH = b"\x04\x00\x00\x00"  # the head of a binary t7 file


def _signature(task: Task, **entry: str) -> None:
    text = json.dumps({"inputs": [{"name": "data", "shape": [1], "dtype": "float32", **entry}], "outputs": []})
    (task.output / "signature.json").write_text(text)


def import_graph(task: Task) -> None:
    text = task.inputs["t7"].read_bytes()
    for line in range(10):
        task.progress(line + 1, 10, "lines")
    (task.output / "graph.json").write_text(f"graph of {text!r} root={task.options['root']}\n")
    (task.output / "weights.safetensors").write_bytes(b"\xff" + text * 300_000)
    _signature(task)


def emit(task: Task) -> None:
    graph = (task.inputs["graph"] / "graph.json").read_text()
    (task.output / "deploy.prototxt").write_text(f'name: "{graph[:5]}"\n')
    (task.output / "model.caffemodel").write_bytes((task.inputs["graph"] / "weights.safetensors").read_bytes())
    _signature(task, caffe_blob="data")


def translate(task: Task) -> None:
    for name, made in (("deploy.prototxt", "predict_net.pb"), ("model.caffemodel", "init_net.pb")):
        (task.output / made).write_bytes(b"caffe2 " + (task.inputs["caffe"] / name).read_bytes())
    _signature(task, caffe_blob="data", caffe2_blob="data")


def verify(task: Task) -> None:
    seen = sorted(task.inputs)
    bad = b"WRONG" in (task.inputs["caffe2"] / "predict_net.pb").read_bytes()
    report = {
        "passed": not bad,
        "tolerance": 1e-4,
        "tolerance_to_largest": None,
        "inputs": f"random, for {' '.join(seen)}",
    }
    report |= {name: [] for name in ("unheard", "evidence", "checks", "values")}
    (task.output / "verification.json").write_text(json.dumps(report))
    if bad:
        raise VerificationError("the networks differ", where="conv1", why="1e-1 > 1e-4")


IMPORT = Stage("import", "graph", ("t7",), import_graph, options=("root", "inputs", "plugins"))
EMIT = Stage("emit", "caffe", ("graph",), emit, options=("weights_format",), libraries=("protobuf",))
TRANSLATE = Stage("translate", "caffe2", ("caffe",), translate)
VERIFY = Stage("verify", "verification", ("caffe", "caffe2"), verify, wants=("graph",), options=("seed",), follows=True)
STAGES = (EMIT, IMPORT, TRANSLATE, VERIFY)
NAMES = ["import", "emit", "translate", "verify"]


class Bench:
    """A folder with a model, a store and an output folder, and runs of fake stages over them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model = folder / "model.t7"
        self.model.write_bytes(TORCH + b"net")
        self.output = folder / "out"
        self.root = folder / "store"
        self.events: list[events.Event] = []

    @property
    def store(self) -> Store:
        return Store(self.root)

    def options(self, **typed: object) -> Options:
        base = {"model": self.model, "output": self.output, "store": self.root}
        (options,) = load(None, {**base, **typed}, {})
        return options

    def run(self, *, stages: tuple[Stage, ...] = STAGES, **typed: object) -> runner.Outcome:
        self.events.clear()
        return runner.run(self.options(**typed), self.events.append, stages=stages)

    def resume(self, *, adopt: bool = False, stages: tuple[Stage, ...] = STAGES) -> runner.Outcome:
        self.events.clear()
        return runner.resume(self.output, self.events.append, adopt=adopt, stages=stages)

    def ran(self) -> list[str]:
        return [event.stage for event in self.events if isinstance(event, events.StageStarted)]

    def hits(self) -> list[str]:
        return [event.stage for event in self.events if isinstance(event, events.StageHit)]

    def delivered(self) -> dict[str, bytes]:
        return {
            path.name: path.read_bytes()
            for path in sorted(self.output.iterdir())
            if path.name not in ("run.json", "events.jsonl")
        }


def zoo(folder: Path, *contents: str, **how: object) -> tuple[Options, ...]:
    """Return the options of models with these contents, which a configuration in `folder` lists."""
    lines = [f"store = '{folder}/store'", "output = 'out'", *(f"{name} = {value!r}" for name, value in how.items())]
    for number, content in enumerate(contents):
        (folder / f"m{number}.t7").write_bytes(TORCH + content.encode())
        lines += ["[[model]]", f"model = 'm{number}.t7'"]
    (folder / "zoo.toml").write_text("\n".join(lines))
    return load(folder / "zoo.toml", {}, {})
