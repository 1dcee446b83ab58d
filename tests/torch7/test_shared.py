"""The reader over all files that real Torch7s have written, and over those that must be refused."""

from __future__ import annotations

import json

import pytest

from pipeline.errors import InvalidInputError, PipelineError, UnsupportedError
from pipeline.torch7 import modules  # noqa: F401 - tells which classes are containers
from pipeline.torch7.network import select_network
from pipeline.torch7.reader import load
from pipeline.torch7.tree import validate
from tests.support import shared

# Torch accepts these two as well: bytes behind the object, and a module without fields.
ACCEPTED = {"broken_trailing_garbage", "broken_module_minimal"}
NO_NETWORK = {"parameters_only"}


def import_network(path, key=None):
    path, network = select_network(load(path), key)
    validate(network)
    return path, network


@pytest.mark.parametrize("folder", ["fixtures/torch7/micro", "fixtures/torch7/nets", "fixtures/torch7/weird", "models"])
def test_every_network_is_read_and_found(folder):
    count = 0
    for model in sorted(shared(folder).glob("*/model*.t7")):
        name = model.parent.name
        if name.startswith("broken_") or name in NO_NETWORK or not (model.parent / "io.npz").exists():
            continue
        key = json.loads((model.parent / "meta.json").read_text()).get("root")
        path, _ = import_network(model, key)
        assert path == key or key is None, model
        count += 1
    assert count > 20


def test_every_broken_file_is_refused():
    for model in sorted(shared("fixtures/torch7/weird").glob("broken_*/model.t7")):
        if model.parent.name in ACCEPTED:
            import_network(model)
        else:
            with pytest.raises(InvalidInputError):
                import_network(model)


def test_every_object_that_is_no_network_is_read_and_refused():
    for model in sorted(shared("fixtures/torch7/weird").glob("*/object*.t7")):
        with pytest.raises(UnsupportedError):
            select_network(load(model))


@pytest.mark.parametrize("pattern", ["fixtures/torch7/weird/fuzz_byteflips/*.t7", "models/_refused/*/model.t7"])
def test_damaged_and_foreign_files_never_crash(pattern):
    folder, _, rest = pattern.partition("/")
    for model in sorted(shared(folder).glob(rest)):
        try:
            import_network(model)
        except PipelineError as error:
            assert error.exit_code in (4, 5), model
