from __future__ import annotations

from pipeline.inspection.operators import RECORD, module_rows
from tests import recorded


def test_the_record_is_what_the_fixtures_become_today() -> None:
    assert RECORD.read_text(encoding="utf-8") == recorded.record().as_text(), "python -m tests.recorded"


def test_the_usual_form_of_a_module_comes_first() -> None:
    (linear,) = (row for row in module_rows() if row.name == "nn.Linear")
    assert linear.forms["caffe"][0] == ("InnerProduct",)
    assert linear.shown("caffe2").split(" or ")[0] == "FC"


def test_names_of_one_class_share_what_was_recorded_for_one_of_them() -> None:
    forms = {row.name: row.forms for row in module_rows()}
    assert forms["cudnn.Tanh"] == forms["nn.Tanh"] != {}
