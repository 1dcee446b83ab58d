"""Every format is held to what `pipeline.graph.format` says a format does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline import formats
from pipeline.errors import InvalidInputError, UnsupportedError
from pipeline.formats import FORMATS, READ
from pipeline.graph.evaluation import run
from pipeline.graph.format import Format, Source
from pipeline.wire.mapped import map_file
from tests.formats.examples import EXAMPLES, SHAPE, UNKNOWN
from tests.support import digested

EVERY = pytest.mark.parametrize("known", READ, ids=lambda known: known.name)
WRITTEN = pytest.mark.parametrize("known", [k for k in READ if k.is_artifact], ids=lambda known: known.name)


def example(known: Format, folder: Path) -> Source:
    folder.mkdir(parents=True, exist_ok=True)
    return EXAMPLES[known.name].network(folder)


def fed(known: Format, source: Source) -> list[np.ndarray]:
    graph = known.read(source).graph
    generator = np.random.default_rng(1)
    return run(graph, [generator.standard_normal(value.shape, np.float32) for value in graph.inputs])


@EVERY
def test_its_files_are_recognised_and_no_other_format_claims_them(known: Format, tmp_path: Path) -> None:
    for role, path in example(known, tmp_path).files.items():
        claims = {each.name: each.recognise(map_file(path)) for each in FORMATS}
        assert {name: found for name, found in claims.items() if found} == {known.name: role}


@EVERY
def test_it_claims_nothing_that_is_no_network(known: Format, tmp_path: Path) -> None:
    for data in (b"", b"\0", b"{}", b"<!doctype html>", b"\x89PNG\r\n", b"PK\x03\x04", b"a text\n", bytes(range(256))):
        (tmp_path / "file").write_bytes(data)
        assert known.recognise(map_file(tmp_path / "file")) == "", data


@WRITTEN
def test_what_is_written_and_read_again_computes_the_same(known: Format, tmp_path: Path) -> None:
    source = example(known, tmp_path / "one")
    network = known.read(source)
    (tmp_path / "two").mkdir()
    again = known.write(network.graph, tmp_path / "two")
    for a, b in zip(fed(known, source), fed(known, replace(source, files=again.files)), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-6)


@WRITTEN
def test_the_same_graph_gives_the_same_bytes_and_true_digests(known: Format, tmp_path: Path) -> None:
    one, two = (example(known, tmp_path / name) for name in ("one", "two"))
    graph = known.read(one).graph
    (tmp_path / "three").mkdir()
    written = known.write(graph, tmp_path / "three")
    assert {name: digested(tmp_path / "three" / name) for name in written.digests} == written.digests
    for role, path in one.files.items():
        assert path.read_bytes() == two.files[role].read_bytes()


@WRITTEN
def test_a_rehearsal_gives_what_reading_back_gives(known: Format, tmp_path: Path) -> None:
    graph = known.read(example(known, tmp_path / "one")).graph
    (tmp_path / "two").mkdir()
    written = known.write(graph, tmp_path / "two")
    back = known.read(Source(written.files, (SHAPE,))).graph
    rehearsed = known.rehearse(graph)
    assert [node.operator for node in rehearsed.nodes] == [node.operator for node in back.nodes]
    assert [value.shape for value in rehearsed.outputs] == [value.shape for value in back.outputs]


@WRITTEN
def test_an_artifact_is_found_again_in_its_folder(known: Format, tmp_path: Path) -> None:
    source = example(known, tmp_path)
    assert known.in_folder(tmp_path) == source.files
    assert {role: tmp_path / name for name, role in _names(known, source).items()} == source.files
    assert formats.in_folder(tmp_path) == ((known, source.files),)
    assert set(known.listed({path.name for path in source.files.values()})) <= {*source.files}


def _names(known: Format, source: Source) -> dict[str, str]:
    placed = known.artifact(source.files)
    return {name: next(r for r, path in source.files.items() if path == given) for name, given in placed.items()}


@EVERY
@pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
def test_a_file_cut_short_is_damaged_input(known: Format, share: float, tmp_path: Path) -> None:
    files = example(known, tmp_path).files
    for path in files.values():
        whole = path.read_bytes()
        path.write_bytes(_cut(whole, share))
        with pytest.raises(InvalidInputError) as caught:
            known.read(Source(files, (SHAPE,)))
        assert caught.value.exit_code == 5
        path.write_bytes(whole)


def _cut(data: bytes, share: float) -> bytes:
    """Return the first part of a file; a text ends within a word, as what ends behind a layer may be a network."""
    end = int(len(data) * share)
    while end and not data[end - 1 : end + 1].isalnum() and b"\0" not in data:
        end -= 1
    return data[:end]


@EVERY
def test_everything_unknown_is_listed_at_once(known: Format, tmp_path: Path) -> None:
    source = EXAMPLES[known.name].unknown(tmp_path)
    with pytest.raises(UnsupportedError) as caught:
        known.read(source)
    told = " ".join(f"{problem.origin} {problem.reason}" for problem in caught.value.problems)
    assert [kind for kind in UNKNOWN if kind not in told] == []


@EVERY
def test_its_inventory_lists_parts_that_it_knows(known: Format, tmp_path: Path) -> None:
    found = known.inventory(example(known, tmp_path))
    assert found.parts
    kinds = known.known(found.parts)
    assert [part.kind for part in found.parts if part.kind not in kinds] == []
    assert found.parameters > 0


def test_every_format_has_an_example_and_a_name_of_its_own() -> None:
    assert EXAMPLES.keys() == {known.name for known in READ}
    assert len({known.name for known in FORMATS}) == len(FORMATS)
    names = [name for known in FORMATS for role in known.roles for name in role.files]
    assert len(set(names)) == len(names)
