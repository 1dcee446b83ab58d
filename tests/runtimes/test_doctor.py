"""What the doctor tells, and how a Caffe2 would be installed."""

from pathlib import Path

from pipeline.runtimes import doctor, install_caffe2, pycaffe
from pipeline.runtimes.runtime import Missing


def test_every_runtime_that_is_missing_comes_with_advice(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.runtimes.caffe2.folders", lambda: iter(()))
    findings = doctor.examine(tmp_path / "store", {})
    missing = [finding for finding in findings if finding.topic == "runtime" and not finding.found]
    assert {finding.what for finding in missing} >= {"Caffe2"}
    assert all(finding.advice for finding in missing)


def test_versions_and_the_file_system_are_told(tmp_path):
    findings = {finding.what: finding for finding in doctor.examine(tmp_path / "not" / "yet", {})}
    assert findings["numpy"].found
    assert "GiB free" in findings[str(tmp_path / "not" / "yet")].detail
    assert findings["hard links"].found
    assert list(tmp_path.iterdir()) == []


def test_an_interpreter_without_caffe_is_missing_with_its_own_words():
    import sys

    (found,) = pycaffe.find({pycaffe.VARIABLE: sys.executable})
    assert isinstance(found, Missing)
    assert "caffe" in found.why


def test_an_interpreter_is_taken_only_where_it_is_the_version_it_is_called(tmp_path, monkeypatch):
    def python(name: str, version: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\necho {version}\n")
        path.chmod(0o755)
        return path

    python("path/python3.7", "3.6")  # as a launcher for a version that is not there
    kept = python(".pyenv/versions/3.7.16/bin/python", "3.7")
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert install_caffe2.interpreter("3.7") == str(kept)
    assert install_caffe2.interpreter("3.8") is None
