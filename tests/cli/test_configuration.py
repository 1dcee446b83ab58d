"""The configuration files that are published say what is so, and run as they stand."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.app import run
from pipeline.cli.configuration import SCHEMA, default, schema
from pipeline.config import OPTIONS, load

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs"
EXAMPLES = ("torch7.toml", "caffe.toml", "checkpoint.toml", "zoo.toml")  # in an order in which each finds its files
MADE = {
    "torch7.toml": ("demo-output/predict_net.pb",),
    "caffe.toml": ("demo-from-caffe/predict_net.pb",),
    "checkpoint.toml": ("demo-checkpoint/predict_net.pb",),
    "zoo.toml": ("demo-zoo/digits/predict_net.pb", "demo-zoo/characters/model.onnx"),
}
TYPES = {"string": str, "array": list, "object": dict, "boolean": bool, "number": (int, float), "integer": int}


def wrong(value: Any, asked: Mapping[str, Any], place: str = "") -> list[str]:
    """Return where a value breaks a JSON Schema, as far as ours use it."""
    if "anyOf" in asked:
        found = [wrong(value, each, place) for each in asked["anyOf"]]
        return min(found, key=len)
    told = []
    if "type" in asked and not isinstance(value, TYPES[asked["type"]]):
        told.append(f"{place} is no {asked['type']}")
    if "enum" in asked and value not in asked["enum"]:
        told.append(f"{place} is none of {asked['enum']}")
    if told:
        return told
    if isinstance(value, list):
        told += [each for item in value for each in wrong(item, asked.get("items", {}), f"{place}[]")]
    if isinstance(value, dict):
        known = asked["properties"]
        told += [f"{place} lacks {name}" for name in asked.get("required", ()) if name not in value]
        told += [f"{place}.{name} is unknown" for name in value if name not in known]
        told += [each for name in value if name in known for each in wrong(value[name], known[name], name)]
    return told


def uncommented() -> dict[str, Any]:
    """Return what default.toml says once every option in it is taken."""
    text = (CONFIGS / "default.toml").read_text(encoding="utf-8")
    return tomllib.loads(re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE))


def test_the_published_files_are_those_of_the_declarations() -> None:
    assert (ROOT / SCHEMA).read_text() == schema(), f"python -m pipeline.cli.configuration schema > {SCHEMA}"
    said = "python -m pipeline.cli.configuration default > configs/default.toml"
    assert (CONFIGS / "default.toml").read_text() == default(), said


def test_the_default_file_shows_every_option_with_its_default(tmp_path: Path) -> None:
    shown = uncommented()
    assert list(shown) == list(OPTIONS)
    for name in ("model.t7", "net.caffemodel", "io.npz"):
        (tmp_path / name).touch()
    files = {"weights", "reference"}
    own = tmp_path / "my.toml"
    own.write_text("\n".join(f"{name} = {json.dumps(value)}" for name, value in shown.items() if value != ""))
    (options,) = load(own, {}, {})
    (usual,) = load(None, {"model": tmp_path / "model.t7"}, {})
    none = {"output", "store", "report", "record", "level", "keep_loss", "output_tolerance"}
    same = [name for name in OPTIONS if name not in files | none]
    assert [getattr(options, name) for name in same] == [getattr(usual, name) for name in same]


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.name)
def test_every_example_is_as_the_schema_says(path: Path) -> None:
    assert wrong(tomllib.loads(path.read_text(encoding="utf-8")), json.loads(schema())) == []


def test_the_schema_takes_what_the_program_takes_and_refuses_what_it_refuses() -> None:
    published = json.loads(schema())
    assert wrong(uncommented(), published) == []
    assert wrong({"model": [{"model": "a.t7", "seed": 2}]}, published) == []
    assert wrong({"model": [{"model": "a.t7", "jobs": 2}]}, published) != []
    for name, value in (("tolerance", "much"), ("to", ["keras"]), ("weights_format", "xml"), ("tolerence", 1)):
        assert wrong({name: value}, published) != []


def test_every_example_is_run() -> None:
    assert {path.name for path in CONFIGS.glob("*.toml")} == {"default.toml", *EXAMPLES}


def test_the_examples_run_as_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("configs", "tests/data/demo", "tests/data/torch7/checkpoint_charrnn"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    for name in EXAMPLES:
        store = ("--store", str(tmp_path / "store"))
        assert run(["convert", "--config", f"configs/{name}", "--runtime", "none", "-q", *store]) == 0, name
        for file in MADE[name]:
            assert (tmp_path / file).is_file(), name
