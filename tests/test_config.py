from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import DEFAULT, from_json, load, to_json
from pipeline.errors import UsageError

ROOT = Path(__file__).parent.parent


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "net.t7"
    path.write_bytes(b"\x04\0\0\0")
    return path


def _toml(folder: Path, text: str) -> Path:
    path = folder / "run.toml"
    path.write_text(text)
    return path


def test_the_command_line_alone_is_enough(model: Path) -> None:
    (options,) = load(None, {"model": model, "inputs": ["2x3"]}, {})
    assert options.model == model
    assert options.inputs == ("2x3",)
    assert options.name == "net"
    assert options.output == Path.cwd() / "net.converted"


def test_every_value_knows_where_it_came_from(model: Path, tmp_path: Path) -> None:
    config = _toml(tmp_path, "seed = 7\n\ntolerance = 1e-3\nroot = 'a'\n")
    typed = {"model": model, "root": "b"}
    (options,) = load(config, typed, {"TORCH2CAFFE2_STORE": str(tmp_path / "store")})
    assert options.origins["tolerance"] == f"{config}:3"
    assert options.origins["root"] == "command line"
    assert options.origins["store"] == "TORCH2CAFFE2_STORE"
    assert options.origins["jobs"] == DEFAULT
    assert (options.seed, options.tolerance, options.root) == (7, 1e-3, "b")


def test_several_models_share_what_the_top_of_the_file_says(model: Path, tmp_path: Path) -> None:
    text = "seed = 1\noutput = 'out'\n[[model]]\nmodel = 'net.t7'\n[[model]]\nname = 'b'\nmodel = 'net.t7'\nseed = 2\n"
    first, second = load(_toml(tmp_path, text), {}, {})
    assert (first.seed, second.seed) == (1, 2)
    assert (first.output, second.output) == (tmp_path / "out/net", tmp_path / "out/b")
    assert second.origins["seed"].endswith(":8")


def test_one_of_several_models_is_chosen_by_its_name(model: Path, tmp_path: Path) -> None:
    config = _toml(tmp_path, "[[model]]\nname='a'\nmodel='net.t7'\n[[model]]\nname='b'\nmodel='net.t7'\n")
    (options,) = load(config, {"model": Path("b")}, {})
    assert options.name == "b"
    with pytest.raises(UsageError, match="no model c"):
        load(config, {"model": Path("c")}, {})


def test_paths_of_a_file_are_relative_to_it(model: Path, tmp_path: Path) -> None:
    (options,) = load(_toml(tmp_path, "model = 'net.t7'\noutput = 'o'\n"), {}, {})
    assert options.model == model
    assert options.output == tmp_path / "o"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tolerence = 1", "unknown option tolerence"),
        ("seed = 'x'", "seed cannot be 'x'"),
        ("seed = true", "seed cannot be True"),
        ("verify = 1", "verify cannot be 1"),
        ("inputs = '2x3'", "inputs cannot be '2x3'"),
        ("inputs = ['2y3']", "cannot be read"),
        ("weights_format = 'json'", "weights_format cannot be"),
        ("jobs = 0", "jobs cannot be 0"),
        ("seed = -1", "seed cannot be -1"),
        ("limits = ['noodles=1']", "--limit cannot be noodles=1"),
        (f"inputs = {'[' * 3000}{']' * 3000}", "is no configuration"),
        ("tolerance = -1.0", "tolerance cannot be"),
        ("name = 'a/b'", "name cannot be"),
        ("reference = 'nothing.npz'", "there is no file"),
        ("[[model]]\njobs = 2", "jobs belongs to the whole run"),
        ("model = ", "is not TOML"),
        ("origins = 1", "unknown option origins"),
    ],
)
def test_what_cannot_be_obeyed_is_refused(model: Path, tmp_path: Path, text: str, said: str) -> None:
    typed = {} if "[[" in text or text.startswith("model") else {"model": model}
    with pytest.raises(UsageError, match=said.replace("[", r"\[")):
        load(_toml(tmp_path, text + "\n"), typed, {})


def test_an_unknown_key_is_told_with_its_line_and_the_nearest_name(model: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load(_toml(tmp_path, "seed = 1\ntolerence = 1\n"), {"model": model}, {})
    assert caught.value.where.endswith("run.toml:2")
    assert "tolerance" in caught.value.advice


def test_two_models_with_one_output_by_two_names_are_refused(model: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "out")
    text = "".join(f"[[model]]\nname = '{o}'\nmodel = 'net.t7'\noutput = '{o}/a'\n" for o in ("out", "link"))
    with pytest.raises(UsageError, match="two models"):
        load(_toml(tmp_path, text), {}, {})


def test_two_models_with_one_output_are_refused(model: Path, tmp_path: Path) -> None:
    config = _toml(tmp_path, "[[model]]\nmodel = 'net.t7'\n[[model]]\nmodel = 'net.t7'\n")
    with pytest.raises(UsageError, match="two models would be written"):
        load(config, {}, {})


def test_no_model_at_all_is_refused() -> None:
    with pytest.raises(UsageError, match="no model was given"):
        load(None, {}, {})


def test_options_survive_the_run_record(model: Path) -> None:
    (options,) = load(None, {"model": model, "plugins": [model], "force": ["emit"], "verify": False}, {})
    assert from_json(to_json(options)) == options
    assert from_json(to_json(options)).origins == options.origins
