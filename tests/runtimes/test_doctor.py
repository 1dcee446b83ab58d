"""What the doctor tells."""

from pipeline.runtimes import doctor


def test_every_runtime_that_is_missing_comes_with_advice(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.runtimes.discovery.folders", lambda: iter(()))
    findings = doctor.examine(tmp_path / "store", {})
    missing = [finding for finding in findings if finding.topic == "runtime" and not finding.found]
    assert {finding.what for finding in missing} >= {"Caffe", "Caffe2"}
    assert all(finding.advice for finding in missing)


def test_versions_and_the_file_system_are_told(tmp_path):
    findings = {finding.what: finding for finding in doctor.examine(tmp_path / "not" / "yet", {})}
    assert findings["numpy"].found
    assert "GiB free" in findings[str(tmp_path / "not" / "yet")].detail
    assert findings["hard links"].found
    assert list(tmp_path.iterdir()) == []
