import pytest
from google.protobuf import text_format

from pipeline.caffe.phase import State, in_state
from pipeline.caffe.schema import NetParameter
from pipeline.errors import InvalidInputError


def kept(rules: str, state: str = "", **selection) -> bool:
    always = 'layer { name: "always" bottom: "x" }'
    net = text_format.Parse(f'{state} {always} layer {{ name: "l" {rules} }}', NetParameter())
    return [layer.name for layer in in_state(net, State(**selection)).layer] == ["always", "l"]


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


def test_a_stage_of_the_net_can_be_taken_from_it():
    assert not kept('include { stage: "a" }', state='state { stage: "a" }', not_stages=("a",))
    assert kept('include { not_stage: "a" }', state='state { stage: "a" stage: "b" }', not_stages=("a",))


def test_a_phase_is_test_unless_the_caller_names_one():
    assert kept("include { phase: TRAIN }", phase="TRAIN")
    assert not kept("include { phase: TEST }", phase="TRAIN")


def test_layers_that_a_stage_or_a_level_leaves_out_are_told():
    text = """
        layer { name: "rest" bottom: "x" }
        layer { name: "a" type: "ReLU" include { stage: "train" not_stage: "b" } }
        layer { name: "c" type: "ReLU" include { min_level: 3 } }
        layer { name: "d" type: "ReLU" include { phase: TRAIN } }
    """
    notes: list[str] = []
    in_state(text_format.Parse(text, NetParameter()), notes=notes)
    assert notes == [
        "a (ReLU): left out by its rules; they ask for stage train, stage b",
        "c (ReLU): left out by its rules; they ask for a level",
    ]


def test_where_nothing_remains_the_stages_that_the_file_knows_are_listed():
    text = """
        layer { name: "data" top: "x" }
        layer { name: "a" bottom: "x" include { stage: "deploy" } }
        layer { name: "b" bottom: "x" exclude { not_stage: "eval" } }
    """
    with pytest.raises(InvalidInputError) as caught:
        in_state(text_format.Parse(text, NetParameter()))
    assert caught.value.why == "the stages that the file knows are deploy, eval"


def test_a_nets_own_phase_does_not_count():
    assert kept("include { phase: TEST }", state="state { phase: TRAIN }")


def test_rules_of_both_kinds_are_refused():
    with pytest.raises(InvalidInputError) as caught:
        kept("include { } exclude { }")
    assert caught.value.where == "layer l"


def test_what_has_decided_is_gone_and_the_given_net_untouched():
    text = 'state { level: 1 } layer { name: "l" bottom: "x" phase: TEST include { } }'
    net = text_format.Parse(text, NetParameter())
    before = net.SerializeToString()
    assert str(in_state(net)) == 'layer {\n  name: "l"\n  bottom: "x"\n}\n'
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
    net = in_state(text_format.Parse(text, NetParameter()), notes=notes)
    assert [layer.name for layer in net.layer] == ["train", "rest"]
    assert notes == ["train (): the TEST phase has no such data; its tops are inputs"]
