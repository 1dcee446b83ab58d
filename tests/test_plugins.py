"""A plugin is its file and every module of the user's that it imports: all of them decide what a network means."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.torch7.writer import nn, save, sequential

PLUGIN = """
import sys; sys.path.insert(0, {folder!r})
import numpy as np
from pipeline.torch7 import module
{imports}

@module("mylab.Scale")
def scale(m, x, net):
    {inside}
    return net.add("Mul", x, net.weight(np.array(FACTOR, np.float32)))
"""


def _convert(folder: Path, *words: str) -> str:
    """Convert in a process of its own, which has loaded no plugin yet; return what it says."""
    code, said = _told(folder, *words)
    assert code == 0, said
    return said


def _told(folder: Path, *words: str) -> tuple[int, str]:
    """Convert as `_convert`; return the exit code, and what is said."""
    command = [sys.executable, "-m", "pipeline", "convert", folder / "s.t7", "--input", "1x3", "--plugin"]
    done = subprocess.run(
        [*command, folder / "plug.py", "-o", folder / "out", "--store", folder / "store", "--no-verify", *words],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stderr


def _factor(folder: Path) -> float:
    from pipeline.graph import serialization

    (weight,) = serialization.read(folder / "out").weights.values()
    return float(weight)


@pytest.mark.parametrize(
    ("imports", "inside", "files"),
    [
        ("from helper import FACTOR", "pass", {"helper.py": "FACTOR = {}"}),
        ("", "from helper import FACTOR", {"helper.py": "FACTOR = {}"}),
        ("import helper as h\nFACTOR = h.FACTOR", "pass", {"helper.py": "FACTOR = {}"}),
        (
            "import importlib\nFACTOR = importlib.import_module('hel' 'per').FACTOR",
            "pass",
            {"helper.py": "FACTOR = {}"},
        ),
        ("from first import FACTOR", "pass", {"first.py": "from second import FACTOR", "second.py": "FACTOR = {}"}),
        (
            "from lab.scale import FACTOR",
            "pass",
            {"lab/__init__.py": "", "lab/scale.py": "from .deep.x import FACTOR", "lab/deep/x.py": "FACTOR = {}"},
        ),
        (
            "from lab import FACTOR",
            "pass",
            {"lab/__init__.py": "from .number import FACTOR", "lab/number.py": "FACTOR = {}"},
        ),
    ],
    ids=["from", "inside", "as", "by name", "chain", "package", "package itself"],
)
def test_a_changed_module_of_a_plugin_is_a_miss(
    tmp_path: Path, imports: str, inside: str, files: dict[str, str]
) -> None:
    save(tmp_path / "s.t7", sequential(nn("mylab.Scale"), nn("Tanh")))
    (tmp_path / "plug.py").write_text(PLUGIN.format(folder=str(tmp_path), imports=imports, inside=inside))
    for number, text in enumerate(("2.0", "3.0", "3.0")):
        for name, code in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(code.format(text))
        said = _convert(tmp_path, "--progress", "plain")
        assert _factor(tmp_path) == float(text)
        assert ("module " in said) == (number == 1)
        assert ("import     cached" in said) == (number == 2)


@pytest.mark.parametrize("load", ["__import__('helper')", "__import__('importlib').import_module('hel' 'per')"])
def test_a_module_that_no_text_names_before_it_is_imported_is_refused(tmp_path: Path, load: str) -> None:
    save(tmp_path / "s.t7", sequential(nn("mylab.Scale"), nn("Tanh")))
    text = PLUGIN.format(folder=str(tmp_path), imports="", inside=f"FACTOR = {load}.FACTOR")
    (tmp_path / "plug.py").write_text(text)
    (tmp_path / "helper.py").write_text("FACTOR = 2.0")
    with pytest.raises(AssertionError, match="imports helper only while it converts"):
        _convert(tmp_path)


def test_a_module_in_an_archive_counts_by_the_archive(tmp_path: Path) -> None:
    save(tmp_path / "s.t7", sequential(nn("mylab.Scale"), nn("Tanh")))
    imports = f"sys.path.insert(0, {str(tmp_path / 'lab.zip')!r})\nfrom helper import FACTOR"
    (tmp_path / "plug.py").write_text(PLUGIN.format(folder=str(tmp_path), imports=imports, inside="pass"))
    for factor in (2.0, 3.0):
        with zipfile.ZipFile(tmp_path / "lab.zip", "w") as archive:
            archive.writestr("helper.py", f"FACTOR = {factor}")
        _convert(tmp_path)
        assert _factor(tmp_path) == factor


def test_a_plugin_may_try_to_import_what_cannot_be_imported(tmp_path: Path) -> None:
    save(tmp_path / "s.t7", sequential(nn("mylab.Scale"), nn("Tanh")))
    (tmp_path / "old.py").write_text("print 'Python 2'")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "__init__.py").write_text("raise RuntimeError('no')")
    tries = [f"try:\n    import {name}\nexcept Exception: pass" for name in ("old", "broken.part")]
    imports = "\n".join([*tries, "FACTOR = 2.0"])
    (tmp_path / "plug.py").write_text(PLUGIN.format(folder=str(tmp_path), imports=imports, inside="pass"))
    _convert(tmp_path)
    assert _factor(tmp_path) == 2.0


def test_an_installed_plugin_counts_by_its_version_and_the_users_by_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.stages.import_ import STAGE

    monkeypatch.syspath_prepend(str(tmp_path))
    folder = tmp_path / "mylab-1.5.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: mylab\nVersion: 1.5\n")
    (folder / "entry_points.txt").write_text("[torch2caffe2.modules]\nmylab = mylab_entry\n")
    (tmp_path / "mylab_entry.py").write_text("")
    assert STAGE.environment is not None
    found = STAGE.environment({"plugins": ()})
    assert found["package mylab"] == "1.5"
    assert "module mylab_entry" in found


def test_what_is_installed_is_none_of_the_users(tmp_path: Path) -> None:
    from pipeline.plugins import sources

    (tmp_path / "numbers_only.py").write_text("import numpy, json, pipeline.config\n")
    assert sources([tmp_path / "numbers_only.py"]) == {}


def test_what_a_plugin_is_the_first_to_import_of_this_program_is_known_without_it(tmp_path: Path) -> None:
    (tmp_path / "plug.py").write_text(
        "import pipeline.caffe.read, pipeline.torch7.modules\nfrom pipeline.torch7.module import alias\n"
        "alias('my.Conv', 'nn.SpatialConvolution')\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", _KNOWN, tmp_path / "plug.py"],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert said.stdout.split() == ["True", "True", "False", "True"]


@pytest.mark.parametrize(
    ("imports", "inside", "code", "said"),
    [
        ("sys.exit(0)", "pass", 2, "why: SystemExit: 0"),
        ("", "sys.exit(0)", 2, "why: SystemExit: 0"),
        ("", "return net.add('Tahn', x)", 2, "why: TypeError: there is no operator 'Tahn'"),
        ("", "return int('x')", 2, "why: ValueError: invalid literal for int() with base 10: 'x'"),
        ("", "return 1 / 0", 2, "why: ZeroDivisionError: division by zero"),
        ("", "return None", 4, "(mylab.Scale): is lowered by a function that returns NoneType"),
    ],
    ids=["ends the program", "ends it later", "fails", "fails by a value", "fails by a number", "returns nothing"],
)
def test_what_a_plugin_does_wrong_is_its_own_fault(
    tmp_path: Path, imports: str, inside: str, code: int, said: str
) -> None:
    save(tmp_path / "s.t7", sequential(nn("mylab.Scale"), nn("Tanh")))
    (tmp_path / "plug.py").write_text(PLUGIN.format(folder=str(tmp_path), imports=imports, inside=inside))
    ended, told = _told(tmp_path)
    assert ended == code and said in told and "bug" not in told
    assert code != 2 or f"the plugin {tmp_path}/plug.py fails" in told


_KNOWN = """
import sys
from pathlib import Path
from pipeline import plugins
with plugins.loaded([Path(sys.argv[1])]):
    pass
from pipeline.caffe.read.reader import READS
from pipeline.torch7.module import MODULES
print("Pooling" in READS, "nn.Linear" in MODULES, "my.Conv" in MODULES)
with plugins.loaded([Path(sys.argv[1])]):
    print("my.Conv" in MODULES)
"""
