"""Every field that is set is used or refused."""

from contextlib import suppress
from random import Random

import pytest

from pipeline.caffe.read import READS, outline, read
from pipeline.caffe.schema import LayerParameter
from pipeline.errors import InvalidInputError, OverBudget
from tests.caffe.read.nets import inputs, layer, net
from tests.support import numbers, operators, refused


def origins(network):
    return [problem.origin for problem in refused(read, network)]


@pytest.mark.parametrize(
    ("kind", "param", "field"),
    [
        ("ReLU", "convolution_param { axis: 2 }", "y.convolution_param.axis"),
        ("Sigmoid", "relu_param { negative_slope: 0.1 }", "y.relu_param.negative_slope"),
        ("TanH", "power_param { power: 1 }", "y.power_param.power"),
        ("AbsVal", "hinge_loss_param { norm: L2 }", "y.hinge_loss_param.norm"),
        ("Upsample", "upsample_param { scale: 2 pad_out_h: true }", "y.upsample_param.pad_out_h"),
        ("Flatten", "concat_param { axis: 1 }", "y.concat_param.axis"),
        ("Pooling", "pooling_param { kernel_size: 2 } spp_param { pyramid_height: 1 }", "y.spp_param.pyramid_height"),
    ],
)
def test_a_field_that_nothing_uses_is_named(kind, param, field):
    text = inputs(x=(1, 2, 4, 4)) + f'layer {{ name: "y" type: "{kind}" bottom: "x" top: "y" {param} }}'
    assert origins(net(text)) == [field]


def test_every_parameter_message_on_a_layer_without_parameters_is_refused_or_only_for_training():
    descriptor = LayerParameter.DESCRIPTOR
    messages = [field for field in descriptor.fields if field.name.endswith("_param")]
    assert len(messages) > 50
    for message in messages:
        for field in message.message_type.fields:
            parameter = LayerParameter(name="y", type="AbsVal", bottom=["x"], top=["y"])
            inner = getattr(parameter, message.name)
            value = getattr(inner, field.name)
            if field.message_type:
                (value.add() if field.is_repeated else value).SetInParent()
            elif field.is_repeated:
                value.append(1)
            else:
                setattr(inner, field.name, field.default_value)
            whole = net(inputs(x=(1, 2)))
            whole.net.layer.append(parameter)
            training = ("filler", "engine", "debug_info", "nd_im2col", "prod_grad", "average_fraction")
            expected = (
                []
                if (field.name.endswith(training) and field.name != "data_filler")
                or message.name in ("transform_param", "loss_param")
                else [f"y.{message.name}.{field.name}"]
            )
            assert origins(whole) == expected


def test_what_only_training_reads_is_no_problem():
    graph = layer(
        "Convolution",
        "x",
        param="""param { lr_mult: 1 decay_mult: 0 } param { lr_mult: 2 } loss_weight: 0 propagate_down: true
            convolution_param { num_output: 1 kernel_size: 1 engine: CUDNN weight_filler { type: "msra" std: 3 }
            bias_filler { value: 1 } force_nd_im2col: true }""",
        blobs=[numbers(1, 2, 1, 1), numbers(1)],
        x=(1, 2, 3, 3),
    )
    assert operators(graph) == ["Conv"]


def test_all_problems_of_a_network_come_at_once():
    text = (
        inputs(x=(1, 2, 4, 4))
        + """
        layer { name: "odd" type: "Odd" bottom: "x" top: "a" }
        layer { name: "act" type: "ReLU" bottom: "a" top: "a" tanh_param { engine: CAFFE } power_param { scale: 2 } }
        layer { name: "draw" type: "Pooling" bottom: "a" top: "b" pooling_param { pool: STOCHASTIC kernel_size: 2 } }
        layer { name: "code" type: "Python" bottom: "b" top: "c" python_param { module: "m" layer: "L" } }
        layer { name: "some" type: "Filter" bottom: "c" bottom: "x" top: "d" }
        """
    )
    expected = ["odd (Odd)", "act.power_param.scale", "draw (Pooling)", "code (Python)", "some (Filter)"]
    assert origins(net(text)) == expected


def test_a_shape_that_follows_from_a_guess_is_no_second_problem():
    text = (
        inputs(x=(1, 2, 4, 4))
        + """
        layer { name: "odd" type: "Odd" bottom: "x" top: "a" }
        layer { name: "cut" type: "Slice" bottom: "a" top: "b" top: "c" top: "d" slice_param { slice_point: [3, 9] } }
        """
    )
    assert origins(net(text)) == ["odd (Odd)"]


def test_a_network_without_problems_needs_no_weights_to_be_scanned():
    text = (
        inputs(x=(1, 3, 4, 4)) + 'layer { name: "c" type: "Convolution" bottom: "x" top: "y" '
        "convolution_param { num_output: 1 kernel_size: 1 } }"
    )
    _, notes = outline(net(text))
    assert notes == ()


def test_an_input_whose_shape_is_a_guess_counts_for_the_limits_as_one_that_is_known():
    """Of 30 tensors of 13 MB, which an image of 224 x 224 allows."""
    text = 'layer { name: "d" type: "Data" top: "x" } layer { name: "t" type: "Tile" bottom: "x" top: "y" '
    text += "tile_param { tiles: 22 } }" + '\nlayer { name: "r" type: "Sigmoid" bottom: "y" top: "y" }' * 30
    _, notes = outline(net(text))
    assert notes == ("d (Data): the prototxt does not say what shape 'x' has",)


def test_a_wrong_number_of_bottoms_or_tops_is_an_error_of_the_file():
    with pytest.raises(InvalidInputError, match="not one that Caffe can run") as error:
        layer("ReLU", "x", "x", x=(2, 3))
    assert (error.value.where, error.value.why) == ("y (ReLU)", "it has 2 bottoms instead of 1")
    with pytest.raises(InvalidInputError) as error:
        layer("ReLU", "x", tops=("y", "z"), x=(2, 3))
    assert error.value.why == "it has 2 tops instead of 1"


@pytest.mark.parametrize("kind", sorted(READS))
def test_no_reader_fails_but_with_an_error_of_ours(kind):
    for shapes in ({"a": ()}, {"a": (3,)}, {"a": (2, 3), "b": (2, 3)}, {"a": (1, 2, 3, 4), "b": (1, 2), "c": (5,)}):
        bottoms = "".join(f' bottom: "{name}"' for name in shapes)
        text = inputs(**{name: shape or (1,) for name, shape in shapes.items()})
        for tops in ("", ' top: "y"', ' top: "y" top: "z"'):
            outline(net(text + f'layer {{ name: "y" type: "{kind}"{bottoms}{tops} }}'), keep_loss=True)
            outline(net(f'layer {{ name: "y" type: "{kind}"{tops} }}'), keep_loss=True)


EXTREMES = {
    "int": [-(2**31), -2, -1, 0, 1, 2, 3, 2**31 - 1],
    "uint": [0, 1, 2, 3, 2**32 - 1],
    "float": [0.0, -0.0, 1.0, -1.0, 0.5, 3e38, -3e38, 1e-38, float("inf"), float("nan")],
    "bool": [False, True],
    "string": ["", "constant", "gaussian"],
}


def fill(random, message, depth=0):
    """Set about half of the fields of a message to numbers at the edges of what it can hold."""
    for field in message.DESCRIPTOR.fields:
        if random.random() < 0.5 or depth > 1:
            continue
        target = getattr(message, field.name)
        if field.message_type:
            for _ in range(random.randint(1, 2)):
                fill(random, target.add() if field.is_repeated else target, depth + 1)
            continue
        kind = {5: "float", 6: "float", 7: "bool", 9: "string", 3: "uint", 4: "uint"}.get(field.cpp_type, "int")
        pool = list(field.enum_type.values_by_number) if field.enum_type else EXTREMES[kind]
        if field.is_repeated:
            target.extend(random.choice(pool) for _ in range(random.randint(0, 3)))
        else:
            setattr(message, field.name, random.choice(pool))


@pytest.mark.parametrize("kind", sorted(READS))
def test_no_reader_fails_whatever_its_fields_hold(kind):
    random = Random(kind)
    parameters = [field.name for field in LayerParameter.DESCRIPTOR.fields if field.name.endswith("_param")]
    own = [name for name in parameters if kind.lower() in name.replace("_", "")] or parameters
    for _ in range(30):
        shape = tuple(random.choice([1, 2, 3, 6, 10**6]) for _ in range(random.randint(1, 5)))
        names = ["a", "b", "c"][: random.randint(0, 3)]
        whole = net(inputs(**dict.fromkeys(names, shape)))
        tops = ["y", "z"][: random.randint(0, 2)]
        fill(random, getattr(whole.net.layer.add(name="y", type=kind, bottom=names, top=tops), random.choice(own)))
        with suppress(OverBudget):
            outline(whole, keep_loss=True)
