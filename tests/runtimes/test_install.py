"""How a program is installed: which Python is taken, what a name stands for, and what is said where none is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import MachineError, UsageError
from pipeline.runtimes import install
from pipeline.runtimes.discovery import known

CAFFE = next(program for program in known() if program.name == "Caffe")


def python(path: Path, version: str) -> Path:
    """Make what looks like a Python of a version."""
    return script(path, f"echo {version}")


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """Return an environment without any Python of old, and have it be that of this process."""
    variables = {"PATH": f"{tmp_path / 'path'}:/usr/bin:/bin", "HOME": str(tmp_path)}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PYENV_ROOT", raising=False)
    monkeypatch.setattr(install, "folders", lambda: iter((tmp_path / "runtimes",)))
    return variables


def test_an_interpreter_is_taken_only_where_it_is_the_version_it_is_called(tmp_path, environment):
    python(tmp_path / "path" / "python3.7", "3.6")  # as a launcher for a version that is not there
    kept = python(tmp_path / ".pyenv" / "versions" / "3.7.16" / "bin" / "python", "3.7")
    assert install.interpreter("3.7", environment) == str(kept)
    assert install.interpreter("3.8", environment) is None


def test_pyenv_is_asked_where_it_keeps_its_versions(tmp_path, environment):
    kept = python(tmp_path / "elsewhere" / "versions" / "3.9.1" / "bin" / "python", "3.9")
    assert install.interpreter("3.9", environment | {"PYENV_ROOT": str(tmp_path / "elsewhere")}) == str(kept)
    script(tmp_path / "path" / "pyenv", f"echo {tmp_path / 'elsewhere'}")
    assert install.interpreter("3.9", environment) == str(kept)


def test_uv_is_let_fetch_a_python_and_what_it_says_is_shown(tmp_path, environment):
    made = tmp_path / "uv" / "python"
    script(
        tmp_path / "path" / "uv",
        f'case "$2" in find) test -x {made} && echo {made};; '
        f"install) echo fetching >&2; printf '#!/bin/sh\\necho 3.8\\n' > {made}; chmod +x {made};; esac",
    )
    made.parent.mkdir()
    said: list[str] = []
    assert install.fetched("3.8", said.append) == str(made)
    assert said == ["uv python install 3.8", "  fetching"]
    assert install.interpreter("3.8", environment) == str(made)


def test_without_any_python_of_old_it_says_so_and_what_to_do(environment):
    with pytest.raises(MachineError) as caught:
        install.install(CAFFE, CAFFE.ways, lambda text: None, environment)
    assert "3.7, 3.8, 3.9" in caught.value.why
    assert caught.value.advice == "pyenv install 3.7, or set CAFFE_PYTHON to a Python that can import it"


def test_what_is_there_already_is_not_installed_again(tmp_path, environment):
    (tmp_path / "runtimes" / "caffe-1.0.0").mkdir(parents=True)
    (tmp_path / "runtimes" / "caffe-1.0.0" / "complete").touch()
    made = install.install(CAFFE, CAFFE.ways, lambda text: None, environment)
    assert made == tmp_path / "runtimes" / "caffe-1.0.0" / "bin" / "python"


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["all"], [("Caffe", ["3.7", "3.8", "3.9"]), ("Caffe2", ["3.7", "3.9", "3.8"])]),
        (["Caffe2==1.10.2"], [("Caffe2", ["3.9"])]),
        (["caffe2", "caffe", "caffe"], [("Caffe2", ["3.7", "3.9", "3.8"]), ("Caffe", ["3.7", "3.8", "3.9"])]),
    ],
)
def test_a_name_stands_for_a_program_a_version_of_it_or_all(names, found):
    assert [(program.name, [way.python for way in ways]) for program, ways in install.asked(names)] == found


@pytest.mark.parametrize("name", ["opencv", "caffe2==9", "caffe3"])
def test_what_cannot_be_installed_is_refused_with_all_that_can(name):
    with pytest.raises(UsageError) as caught:
        install.asked([name])
    assert caught.value.what == f"{name} cannot be installed"
    assert "caffe2==1.10.2" in caught.value.advice
