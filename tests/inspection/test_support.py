from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import formats
from pipeline.errors import UsageError
from pipeline.formats import Location
from pipeline.graph.inventory import Inventory, Part
from pipeline.inspection.support import Unknown, markdown, missing, unknown

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


def test_every_row_has_six_cells() -> None:
    rows = [line for line in markdown().splitlines() if line.startswith("| `")]
    assert {len(row.replace("\\|", "").strip("|").split("|")) for row in rows} == {6}


def inventory(*kinds: str) -> Inventory:
    return Inventory("net", "any", "parts", tuple(Part(f"p{i}", kind) for i, kind in enumerate(kinds)))


@pytest.mark.parametrize(
    ("form", "known"),
    [("t7", "nn.Linear"), ("caffe", "Pooling"), ("caffe", "Accuracy"), ("caffe2", "Conv"), ("graph", "Conv")],
)
def test_what_is_not_supported_is_listed_with_its_count_and_first_place(form: str, known: str) -> None:
    supported = next(each for each in formats.FORMATS if each.name == form)
    found = inventory(known, "Odd", "Odd", "Other")
    assert unknown(found, supported.known(found.parts)) == (Unknown("Odd", 2, "p1"), Unknown("Other", 1, "p3"))


@pytest.mark.parametrize("file", ["graph.json", "deploy.prototxt", "predict_net.pb", "init_net.pb", "model.caffemodel"])
def test_a_converted_network_lacks_nothing(run_folder: Path, file: str) -> None:
    assert missing(Location(run_folder / file)) == ()


def test_a_file_that_tells_no_types_is_refused() -> None:
    with pytest.raises(UsageError, match="does not tell the types"):
        unknown(inventory(""), ())
