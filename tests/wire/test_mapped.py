import os

import pytest

from pipeline.errors import InvalidInputError, MachineError, PipelineError, UsageError
from pipeline.wire.mapped import map_file, reading
from tests.support import unprivileged


def test_a_file_is_its_bytes_read_only(tmp_path):
    (tmp_path / "file").write_bytes(b"bytes")
    view = map_file(tmp_path / "file")
    assert bytes(view) == b"bytes"
    assert view.readonly


def test_an_empty_file_is_an_empty_view(tmp_path):
    (tmp_path / "file").touch()
    assert len(map_file(tmp_path / "file")) == 0


def test_what_is_no_file_is_a_wrong_argument(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "missing", tmp_path / "pipe", tmp_path / "pipe" / "below"):
        with pytest.raises(UsageError):
            map_file(path)


def test_a_forbidden_file_is_the_machines_refusal(tmp_path):
    (tmp_path / "file").touch(mode=0)
    with unprivileged(), pytest.raises(MachineError):
        map_file(tmp_path / "file")


def test_errors_inside_name_the_file(tmp_path):
    with pytest.raises(InvalidInputError) as caught, reading(tmp_path / "net"):
        raise InvalidInputError("damaged", where="byte 7")
    assert caught.value.where == f"{tmp_path / 'net'}, byte 7"


def test_other_errors_pass_through(tmp_path):
    with pytest.raises(PipelineError) as caught, reading(tmp_path / "net"):
        raise MachineError("disk full")
    assert type(caught.value) is MachineError
