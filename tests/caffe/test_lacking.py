"""What the schema lacks is refused with its line and the name that may be meant."""

import pytest

from pipeline.caffe.lacking import refused, shown_field
from pipeline.caffe.schema import LayerParameter, NetParameter, UnknownField


@pytest.mark.parametrize(
    ("message", "path", "text", "reason", "hint"),
    [
        (NetParameter(), "layr", "{ }", "field: { }", "line 3: did you mean layer?"),
        (LayerParameter(), "botom", '"a"', 'field: "a"', "line 3: did you mean bottom?"),
        (LayerParameter(), "pooling_param.kernal_size", "2", "field: 2", "line 3: did you mean kernel_size?"),
        (LayerParameter(), "pooling_param.pool", "MAXX", "value: MAXX", "line 3: did you mean MAX?"),
        (LayerParameter(), "pooling_param.pool", "QUITE_DIFFERENT", "value: QUITE_DIFFERENT", "line 3"),
        (LayerParameter(), "quantum", "3", "field: 3", "line 3"),
    ],
)
def test_the_nearest_name_is_asked_for(message, path, text, reason, hint):
    told = refused(message, UnknownField(path=path, text=text, line=3))
    assert told == (f"no Caffe that is known has this {reason}", hint)


def test_a_long_value_is_shortened():
    assert shown_field(UnknownField(text="{ a:\n  1 }")) == "{ a: 1 }"
    assert shown_field(UnknownField(text="x" * 100)).endswith("x...")
