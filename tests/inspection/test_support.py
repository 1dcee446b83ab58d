from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.inspection.inventory import Inventory, Part
from pipeline.inspection.networks import Source
from pipeline.inspection.summary import inspect
from pipeline.inspection.support import Missing, markdown, missing

PAGE = Path(__file__).parents[2] / "docs" / "operators.md"


def test_the_page_in_the_docs_is_what_the_registries_give() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(), "torch2caffe2 operators --markdown > docs/operators.md"


def test_the_page_has_a_row_for_each_module_layer_and_operator() -> None:
    from pipeline.caffe.read import READS
    from pipeline.graph.operators import OPERATORS
    from pipeline.torch7.modules import MODULES

    page = markdown()
    for registry in (MODULES, READS, OPERATORS):
        assert [name for name in registry if f"\n| `{name}` | " not in page] == []


def test_every_row_has_five_cells() -> None:
    rows = [line for line in markdown().splitlines() if line.startswith("| `")]
    assert {len(row.replace("\\|", "").strip("|").split("|")) for row in rows} == {5}


def inventory(form: str, *kinds: str) -> Inventory:
    return Inventory("net", form, "parts", tuple(Part(f"p{i}", kind) for i, kind in enumerate(kinds)))


@pytest.mark.parametrize(
    ("form", "known"),
    [("t7", "nn.Linear"), ("caffe", "Pooling"), ("caffemodel", "Accuracy"), ("netdef", "Conv"), ("graph", "Conv")],
)
def test_what_is_not_supported_is_listed_with_its_count_and_first_place(form: str, known: str) -> None:
    found = missing(inventory(form, known, "Odd", "Odd", "Other"))
    assert found == (Missing("Odd", 2, "p1"), Missing("Other", 1, "p3"))


@pytest.mark.parametrize("file", ["graph.json", "deploy.prototxt", "predict_net.pb", "init_net.pb", "model.caffemodel"])
def test_a_converted_network_lacks_nothing(run_folder: Path, file: str) -> None:
    assert missing(inspect(Source(run_folder / file))) == ()


def test_a_file_that_tells_no_types_is_refused() -> None:
    with pytest.raises(UsageError, match="does not tell the types"):
        missing(inventory("hdf5", ""))
