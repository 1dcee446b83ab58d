import pytest
from google.protobuf import text_format

from pipeline.caffe.phase import in_test_phase
from pipeline.caffe.schema import NetParameter
from pipeline.errors import InvalidInputError


def kept(rules: str, state: str = "", **selection) -> bool:
    net = text_format.Parse(f'{state} layer {{ name: "l" {rules} }}', NetParameter())
    return [layer.name for layer in in_test_phase(net, **selection).layer] == ["l"]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("", True),
        ("include { phase: TEST }", True),
        ("include { phase: TRAIN }", False),
        ("include { phase: TRAIN } include { phase: TEST }", True),
        ("exclude { phase: TEST }", False),
        ("exclude { phase: TRAIN }", True),
        ("exclude { phase: TRAIN } exclude { phase: TEST }", False),
        ("include { }", True),
        ("exclude { }", False),
        ("include { phase: TEST min_level: 1 }", False),
        ("include { max_level: -1 }", False),
        ("include { min_level: 0 max_level: 0 }", True),
        ('include { stage: "a" }', False),
        ('include { not_stage: "a" }', True),
    ],
)
def test_rules_decide_as_in_caffe(rules, expected):
    assert kept(rules) is expected


def test_levels_and_stages_come_from_the_caller_or_the_net():
    assert kept("include { min_level: 2 }", level=2)
    assert kept("include { min_level: 2 }", state="state { level: 2 }")
    assert not kept("include { min_level: 2 }", state="state { level: 2 }", level=0)
    assert kept('include { stage: "a" stage: "b" }', stages=("b", "a"))
    assert not kept('include { stage: "a" stage: "b" }', stages=("a",))
    assert not kept('include { stage: "a" not_stage: "b" }', stages=("a", "b"))
    assert kept('include { stage: "a" }', state='state { stage: "a" }')


def test_a_nets_own_phase_does_not_count():
    assert kept("include { phase: TEST }", state="state { phase: TRAIN }")


def test_rules_of_both_kinds_are_refused():
    with pytest.raises(InvalidInputError) as caught:
        kept("include { } exclude { }")
    assert caught.value.where == "layer l"


def test_what_has_decided_is_gone_and_the_given_net_untouched():
    net = text_format.Parse('state { level: 1 } layer { name: "l" phase: TEST include { } }', NetParameter())
    before = net.SerializeToString()
    assert str(in_test_phase(net)) == 'layer {\n  name: "l"\n}\n'
    assert net.SerializeToString() == before


def test_data_of_training_stay_where_the_rest_lacks_them():
    text = """
        layer { name: "train" top: "x" include { phase: TRAIN } }
        layer { name: "more" top: "x" include { phase: TRAIN } }
        layer { name: "other" top: "z" include { phase: TRAIN } }
        layer { name: "augment" bottom: "x" top: "w" include { phase: TRAIN } }
        layer { name: "rest" bottom: "x" bottom: "w" }
    """
    notes: list[str] = []
    net = in_test_phase(text_format.Parse(text, NetParameter()), notes=notes)
    assert [layer.name for layer in net.layer] == ["train", "rest"]
    assert notes == ["train (): the TEST phase has no such data; its tops are inputs"]
