from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from pipeline.config import DEFAULT, OPTIONS, from_json, load, refuse_missing_model, to_json
from pipeline.errors import UsageError, nearest, render

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
        ("seed = 'x'", 'seed cannot be "x"'),
        ("seed = true", "seed cannot be true"),
        ("verify = 1", "verify cannot be 1"),
        ("inputs = '2x3'", 'inputs cannot be "2x3"'),
        ("inputs = ['2y3']", "cannot be read"),
        ("weights_format = 'json'", "weights_format cannot be"),
        ("jobs = 0", "jobs cannot be 0"),
        ("seed = -1", "seed cannot be -1"),
        ("limits = ['noodles=1']", "--limit cannot be noodles=1"),
        (f"inputs = {'[' * 3000}{']' * 3000}", "is no configuration"),
        ("tolerance = -1.0", "tolerance cannot be"),
        ("name = 'a/b'", "name cannot be"),
        ("reference = 'nothing.npz'", "there is no file"),
        ("[[model]]\nmodel = 'net.t7'\njobs = 2", "jobs belongs to the whole run"),
        ("model = ", "is not TOML"),
        (f"seed = {'9' * 5000}", "is not TOML"),
        (f"limits = ['value={'9' * 5000}']", "--limit cannot be value=9999"),
        ("origins = 1", "unknown option origins"),
    ],
)
def test_what_cannot_be_obeyed_is_refused(model: Path, tmp_path: Path, text: str, said: str) -> None:
    typed = {} if "[[" in text or text.startswith("model") else {"model": model}
    with pytest.raises(UsageError, match=said.replace("[", r"\[")):
        load(_toml(tmp_path, text + "\n"), typed, {})


def test_all_that_is_wrong_with_a_file_is_told_at_once_in_words_of_toml(model: Path, tmp_path: Path) -> None:
    text = """
tolerence = 1
seed = "one"
jobs = 0
inputs = "1x3"
plugins = [1, true]
[convert]
verify = true
[[model]]
model = "net.t7"
store = "here"
when = 1979-05-27
reference = "nothing.npz"
"""
    file = _toml(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        load(file, {}, {})
    assert caught.value.what == f"{file} has 9 invalid options"
    assert [(problem.origin, problem.reason, problem.advice) for problem in caught.value.problems] == [
        (f"{file}:2", "unknown option tolerence", "did you mean tolerance?"),
        (f"{file}:3", 'seed cannot be "one": an integer is expected, not a string', ""),
        (f"{file}:4", "jobs cannot be 0: it is 1 or more", ""),
        (f"{file}:5", 'inputs cannot be "1x3": an array of strings is expected, not a string', ""),
        (
            f"{file}:6",
            "plugins cannot be [1, true]: an array of strings is expected, not an array of integers and booleans",
            "",
        ),
        (f"{file}:7", "unknown option convert", ""),
        (f"{file}:11", "store belongs to the whole run", "options of the whole run stand above the first [[model]]"),
        (f"{file}:12", "unknown option when", ""),
        (f"{file}:13", f"there is no file {tmp_path / 'nothing.npz'}", ""),
    ]
    assert caught.value.advice == nearest("convert", list(OPTIONS))  # of both
    assert render(caught.value).count("require_runtimes") == 1
    assert max(map(len, render(caught.value).replace(str(tmp_path), "").splitlines())) <= 120


def test_a_model_that_is_none_is_told_with_its_line(model: Path, tmp_path: Path) -> None:
    file = _toml(tmp_path, "seed = 1\n[[model]]\nmodel = 'net.t7'\n\n[[model]]\n[[model]]\nname = 'other'\n")
    with pytest.raises(UsageError) as caught:
        load(file, {}, {})
    reason = 'this [[model]] has no model = "FILE"'
    assert [(problem.origin, problem.reason) for problem in caught.value.problems] == [
        (f"{file}:5", reason),
        (f"{file}:6", reason),
    ]
    with pytest.raises(UsageError, match="has no model"):
        load(_toml(tmp_path, "model = [{}]\n"), {}, {})


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_bytes("seed = 1\n".encode("utf-16"))
    with pytest.raises(UsageError, match="is a text file in UTF-16, and no TOML") as caught:
        load(tmp_path / "run.toml", {}, {})
    assert "iconv" in caught.value.advice


_LONG = ".".join("abcdefghijklmnopqrstuvwxyz")


@pytest.mark.parametrize("text", [f"{_LONG} = 1", f"[[{_LONG}]]", f"a={{{_LONG}=1}}", '"a" . ' * 20 + '"b c" = 1'])
def test_a_key_of_very_many_parts_is_refused_before_it_is_parsed(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tomllib, "loads", None)
    with pytest.raises(UsageError) as caught:
        load(_toml(tmp_path, f"seed = 1 # 'no string\n{text}\n"), {}, {})
    assert caught.value.why == "it has a key of more than 16 parts"


@pytest.mark.parametrize("quotes", ["'{}'", '"{}"', "'''a\n\"{}'''", '"""\\"\n""{}"""', "'x' # {}"])
def test_a_string_or_comment_may_hold_dots_as_it_likes(quotes: str, tmp_path: Path) -> None:
    (options,) = load(_toml(tmp_path, f"model = 'net.t7'\nname = {quotes.format(_LONG)} # = 1"), {}, {})
    assert "#" in quotes or _LONG in options.name


def test_a_file_that_is_too_large_or_all_wrong_is_not_read_to_its_end(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load(_toml(tmp_path, "#" * (1 << 20) + "\n"), {}, {})
    assert caught.value.why == "it has more than 1,048,576 bytes: 1,048,577"
    with pytest.raises(UsageError, match=r"has 100 invalid options, and is read no further$"):
        load(_toml(tmp_path, "".join(f"k{i} = 1\n" for i in range(50_000))), {}, {})


@pytest.mark.parametrize(
    ("text", "why", "advice"),
    [
        ("[model]\nmodel = 'net.t7'", "a string is expected, not a table", "two brackets"),
        ("model = ['net.t7']", "it is a table of options", ""),
        ("verify = 1", "a boolean is expected, not an integer", ""),
        ("tolerance = 1979-05-27", "a float is expected, not a date or time", ""),
        ("weights_format = 'h5'", '"protobuf" or "hdf5" is expected', ""),
        ("to = []\nwithout = [[]]", "an array of strings is expected, not an array of arrays", ""),
        ("without = [['a']]", "an array of strings is expected, not an array of arrays", ""),
        (f"seed = 0x{'f' * 5000}", "an integer has at most 63 bits", ""),
        (f"without = [0x{'f' * 5000}]", "an array of strings is expected, not an array of integers", ""),
    ],
)
def test_a_value_of_another_type_is_told_with_the_one_that_is_expected(
    tmp_path: Path, text: str, why: str, advice: str
) -> None:
    with pytest.raises(UsageError) as caught:
        load(_toml(tmp_path, text), {}, {})
    assert why in caught.value.why
    assert advice in caught.value.advice


def test_a_shape_typed_as_a_model_is_answered_with_its_option(tmp_path: Path) -> None:
    (options,) = load(None, {"model": tmp_path / "1x3x224x224"}, {})
    with pytest.raises(UsageError, match="there is no file") as caught:
        refuse_missing_model(options)
    assert caught.value.advice == "a shape is given by --input 1x3x224x224"


def test_all_that_is_wrong_with_a_command_line_is_told_at_once(model: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load(None, {"model": model, "seed": -1, "reference": "nowhere.npz"}, {})
    assert [problem.origin for problem in caught.value.problems] == ["command line", "command line"]


def test_an_unknown_key_is_told_with_its_line_and_the_nearest_name(model: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load(_toml(tmp_path, "seed = 1\ntolerence = 1\n"), {"model": model}, {})
    assert caught.value.where.endswith("run.toml:2")
    assert "tolerance" in caught.value.advice
    with pytest.raises(UsageError) as caught:
        load(_toml(tmp_path, "seed = 1\n[[models]]\nmodel = 'net.t7'\n"), {}, {})
    assert caught.value.where.endswith("run.toml:2")


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
