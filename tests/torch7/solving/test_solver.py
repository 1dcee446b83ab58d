"""The solver over networks made for a test; that what it finds is what Torch was given is in test_fixtures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pipeline.graph.registry import collected, laid_over
from pipeline.graph.values import Value
from pipeline.torch7 import importer
from pipeline.torch7.module import Module, module
from pipeline.torch7.solving.solution import Solution, options
from pipeline.torch7.solving.solver import solve
from tests.support import numbers
from tests.torch7.fixtures import as_read
from tests.torch7.writer import nn, save, sequential, storage


def conv(inputs, outputs, kernel, **fields):
    fields = {"dW": 1, "dH": 1, "padW": 0, "padH": 0} | fields
    weight = numbers(outputs, inputs, kernel, kernel)
    return nn(
        "SpatialConvolution", nInputPlane=inputs, nOutputPlane=outputs, kW=kernel, kH=kernel, weight=weight, **fields
    )


def pooling(size, **fields):
    return nn("SpatialMaxPooling", kW=size, kH=size, dW=size, dH=size, padW=0, padH=0, **fields)


def view(*size):
    return nn("View", size=storage(np.array(size)), numElements=int(np.prod(size)))


def linear(inputs, outputs):
    return nn("Linear", weight=numbers(outputs, inputs), bias=numbers(outputs))


def solved(net, checkpoint=None) -> Solution:
    return solve(Module(as_read(net)), as_read(checkpoint))


def typed(solution: Solution) -> str:
    """Return the options for a solution that is settled."""
    assert solution.settled, solution.cause
    return options(solution.inputs)


def test_a_linear_network_takes_vectors_of_its_width():
    assert typed(solution := solved(sequential(nn("Dropout", v2=True), linear(7, 2)))) == "--input 1x7"
    assert solution.note.endswith("no other shape fits (any batch size would do)")


def test_a_size_that_pooling_remembers_leads_back_through_the_convolutions():
    net = sequential(conv(3, 4, 5, padW=1, padH=1), nn("ReLU"), pooling(2, iheight=20, iwidth=26))
    assert typed(solution := solved(net)) == "--input 1x3x22x28"
    assert "module 3 (nn.SpatialMaxPooling) kept the input size 20x26 from its last run" in solution.note


def test_a_dilated_convolution_took_as_much_more_as_its_windows_reach():
    dilated = conv(3, 4, 3, dilationW=4, dilationH=2)
    dilated.class_name = "nn.SpatialDilatedConvolution"
    assert typed(solved(sequential(dilated, pooling(2, iheight=20, iwidth=26)))) == "--input 1x3x24x34"


def test_the_size_that_cudnn_remembers_is_that_of_the_input():
    module = conv(3, 4, 3)
    module.class_name = "cudnn.SpatialConvolution"
    module.fields["iSize"] = storage(np.array([128, 3, 32, 40], np.int64))
    assert typed(solved(sequential(module))) == "--input 1x3x32x40"


def test_an_image_of_any_size_gets_a_default_that_is_told():
    solution = solved(sequential(conv(3, 4, 3), nn("ReLU")))
    assert typed(solution) == "--input 1x3x224x224"
    told = "nothing in the file tells the height and width, so 224x224 was chosen; use --input for another size"
    assert f"{told} (any batch size, any height and width of 3 or more would do)" in solution.note


def test_several_sizes_that_fit_are_listed_with_the_likeliest_first():
    solution = solved(sequential(conv(1, 4, 5), pooling(4), conv(4, 8, 7), view(8), linear(8, 2)))
    assert not solution.settled and "any height and width from 32 to 35" in solution.cause
    assert solution.advice.splitlines()[0] == "--input 1x1x32x32" and len(solution.choices) == 4
    assert "convert needs the shape, such as --input 1x1x32x32" in solution.note


def test_a_square_is_taken_before_other_rectangles_and_said_to_be_one():
    solution = solved(sequential(conv(3, 4, 3), view(4 * 6 * 6), linear(4 * 6 * 6, 2)))
    assert typed(solution) == "--input 1x3x8x8" and "no other square fits" in solution.note


def test_an_option_of_the_checkpoint_decides_and_is_named():
    net = sequential(conv(1, 4, 5), pooling(4), conv(4, 8, 7), view(8), linear(8, 2))
    solution = solved(net, {"opt": {"image_size": 34, "batchSize": 33}, "net": net})
    assert typed(solution) == "--input 1x1x34x34" and "opt.image_size is 34" in solution.note


def test_the_shape_of_a_mean_image_decides_and_is_named():
    net = sequential(conv(1, 4, 5), pooling(4), conv(4, 8, 7), view(8), linear(8, 2))
    solution = solved(net, {"mean": numbers(1, 33, 33), "net": net})
    assert typed(solution) == "--input 1x1x33x33" and "the file's mean is of 1x33x33" in solution.note


def test_a_number_of_planes_that_is_free_is_that_of_the_checkpoint():
    solution = solved(sequential(pooling(2)), {"opt": {"input_channels": 5, "imageSize": 40}})
    assert typed(solution) == "--input 1x5x40x40" and "opt.input_channels is 5" in solution.note


def test_an_option_that_does_not_fit_decides_nothing():
    net = sequential(conv(1, 4, 5), pooling(4), conv(4, 8, 7), view(8), linear(8, 2))
    assert not solved(net, {"opt": {"imageSize": 64}}).settled


def test_what_a_module_remembers_outranks_an_option():
    net = sequential(conv(1, 4, 5, gradInput=numbers(1, 33, 35)), pooling(4), conv(4, 8, 7), view(8), linear(8, 2))
    assert typed(solved(net, {"opt": {"imageSize": 34}})) == "--input 1x1x33x35"


def test_an_image_that_is_no_square_is_found_and_asked_for():
    solution = solved(sequential(conv(1, 2, 1), view(2 * 3 * 5), linear(30, 2)))
    assert not solution.settled and "1x1x3x5" in solution.advice + solution.advice.replace("5x3", "3x5")


def test_samples_must_not_be_mixed_to_fit():
    # 9x9 images make 4 samples of 9 numbers each of every 2x2 block: Torch does that, but nobody means it
    solution = solved(sequential(conv(1, 1, 2, dW=2, dH=2), view(9), linear(9, 1)))
    assert "from 6 to 7" in solution.cause


def test_a_table_is_found_with_what_each_of_its_items_is():
    images = sequential(conv(3, 2, 3), view(2), linear(2, 4))
    net = sequential(sequential(images, linear(5, 4), kind="ParallelTable"), nn("CAddTable"))
    assert typed(solved(net)) == "--input 1x3x3x3 --input 1x5"


def test_a_sequence_of_any_length_is_a_table():
    net = nn("Sequencer", modules=[sequential(nn("ParallelTable", modules=[linear(3, 2), linear(4, 2)]))])
    solution = solved(net)
    assert typed(solution).startswith("--input '[1x3,1x4]' --input '[1x3,1x4]'") and "any length" in solution.note


def test_indices_are_a_batch_of_sequences():
    solution = solved(sequential(nn("LookupTable", weight=numbers(9, 6)), nn("Mean", dimension=2), linear(6, 2)))
    assert len(solution.inputs) == 1 and len(solution.inputs[0].shape) == 2


@pytest.mark.parametrize("kinds", [["Tanh"], ["ReLU", "Sigmoid"]])
def test_a_network_that_takes_anything_asks(kinds):
    solution = solved(sequential(*map(nn, kinds)))
    assert not solution.settled and "how many dimensions" in solution.cause and len(solution.choices) > 1


def test_a_table_of_any_number_of_items_asks():
    solution = solved(sequential(sequential(conv(1, 1, 1), kind="MapTable", module=conv(1, 1, 1)), nn("CAddTable")))
    assert not solution.settled


def test_any_shape_of_as_many_elements_asks_and_offers_vectors_and_images():
    solution = solved(sequential(nn("Reshape", size=storage(np.array([784]))), linear(784, 10)))
    assert "any shape of 784 elements" in solution.cause
    assert solution.advice.splitlines() == ["--input 1x784", "or --input 1x1x28x28"]


def test_a_shape_that_does_not_fit_is_answered_with_those_that_do(tmp_path):
    path = save(tmp_path / "net.t7", sequential(conv(1, 4, 5), pooling(4), conv(4, 8, 7), view(8), linear(8, 2)))
    with pytest.raises(UsageError) as failure:
        importer.read(path, importer_inputs("1x3x224x224"))
    assert failure.value.advice.startswith("--input 1x1x32x32")


def importer_inputs(*texts):
    from pipeline.graph.input_spec import parse_inputs

    return parse_inputs(texts)


def test_a_forgotten_batch_is_noted(tmp_path):
    path = save(tmp_path / "net.t7", sequential(conv(1, 4, 5), nn("ReLU")))
    notes: list[str] = []
    importer.read(path, importer_inputs("1x32x32"), note=notes.append)
    assert "without its batch dimension" in notes[0] and "--input 1x1x32x32" in notes[0]
    notes.clear()
    importer.read(path, importer_inputs("1x1x32x32"), note=notes.append)
    assert notes == []


def test_inputs_in_a_row_are_nested_as_the_network_has_them(tmp_path):
    net = nn("Sequencer", modules=[sequential(nn("ParallelTable", modules=[linear(3, 2), linear(4, 2)]))])
    graph = importer.read(save(tmp_path / "net.t7", net), importer_inputs("5x3", "5x4", "5x3", "5x4"))
    assert [value.shape for value in graph.inputs] == [(5, 3), (5, 4)] * 2


def test_a_search_ends_where_nothing_fits():
    solution = solved(sequential(linear(3, 2), conv(4, 4, 3), linear(5, 5)))
    assert not solution.fits and solution.trouble is not None and "does not fit" in solution.advice


def test_a_plugin_that_fails_on_odd_shapes_does_not_end_the_search():
    def lower(m, x: Value, net):
        return net.reshape(x, (x.shape[0], {2: 1}[x.rank], x.size // (x.rank - 1)))

    with collected() as layer:
        module("my.Picky")(lower)
    with laid_over(layer):
        assert solved(sequential(nn("my.Picky"), view(5), linear(5, 2))).advice == "--input 1x5"


LAYERS = st.lists(
    st.one_of(
        st.tuples(st.just("conv"), st.integers(1, 5), st.integers(1, 3), st.integers(0, 2)),
        st.tuples(st.just("pool"), st.integers(1, 3), st.just(0), st.just(0)),
    ),
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(LAYERS, st.integers(1, 4), st.integers(8, 48), st.booleans())
def test_the_shape_that_a_network_was_built_for_is_found(layers, planes, side, remembers):
    modules, channels, size = [], planes, side
    for kind, kernel, stride, pad in layers:
        if size + 2 * pad < kernel or pad > kernel // 2:
            return
        if kind == "conv":
            modules.append(conv(channels, channels + 1, kernel, dW=stride, dH=stride, padW=pad, padH=pad))
            channels, size = channels + 1, (size + 2 * pad - kernel) // stride + 1
        else:
            modules.append(pooling(kernel))
            size = (size - kernel) // kernel + 1
    modules.insert(0, conv(planes, planes, 1))
    if remembers:
        modules[0].fields["gradInput"] = numbers(planes, side, side)
    count = channels * size * size
    solution = solved(sequential(*modules, view(count), linear(count, 2)))
    assert solution.fits
    (spec,) = solution.inputs
    assert spec.shape[:2] == (1, planes)
    if remembers or solution.settled:
        assert spec.shape == (1, planes, side, side)
    else:
        (free,) = solution.free
        assert free.least <= side <= free.largest
