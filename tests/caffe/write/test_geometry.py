"""Windows, pads and shapes as they come: kernel, stride, pad and dilation all different, H and W too."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipeline.caffe.write import write
from pipeline.graph.operators import ShapeError
from tests.caffe.write.check import Case, check, graph_of, numbers, single
from tests.support import refused

EXAMPLES = settings(max_examples=40)


def several(count: int, low: int, high: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.tuples(*[st.integers(low, high)] * count)


@st.composite
def windows(draw, *, pads: int = 3, dilated: bool = True):
    axes = draw(st.sampled_from([1, 2, 2, 2, 3]))
    shape = draw(several(axes, 1, 9 if axes < 3 else 5))
    window = {
        "kernel_shape": draw(several(axes, 1, 4)),
        "strides": draw(several(axes, 1, 3)),
        "pads": draw(several(2 * axes, 0, pads)),
    }
    if dilated:
        window["dilations"] = draw(st.one_of(st.just((1,) * axes), several(axes, 1, 3)))
    return shape, window


def check_if_possible(case: Case, *, in_opencv: bool = True) -> None:
    try:
        graph = graph_of(case.build)
    except ShapeError:
        assume(False)
    assume(all(value.size for value in graph.values()))
    assume(not refused(write, graph))
    check(case, in_opencv=in_opencv)


@EXAMPLES
@given(windows(), st.sampled_from([1, 1, 2, 3]), st.booleans())
def test_convolutions(drawn, group, biased):
    shape, window = drawn
    weight, bias = numbers(2 * group, 2, *window["kernel_shape"]), numbers(2 * group)
    given_ = (weight, bias) if biased else (weight,)
    check_if_possible(single("Conv", (2, 2 * group, *shape), *given_, **window, group=group))


@EXAMPLES
@given(windows(pads=2), st.sampled_from([1, 1, 2, 3]), st.data())
def test_transposed_convolutions(drawn, group, data):
    shape, window = drawn
    extra = data.draw(several(len(shape), 0, 2))
    weight, bias = numbers(2 * group, 3, *window["kernel_shape"]), numbers(3 * group)
    case = single("ConvTranspose", (1, 2 * group, *shape), weight, bias, **window, group=group, output_padding=extra)
    check_if_possible(case, in_opencv=False)  # which reads beyond its memory for some of these


@EXAMPLES
@given(windows(), st.integers(0, 1), st.data())
def test_max_poolings(drawn, ceil_mode, data):
    shape, window = drawn
    axes = len(shape)
    window["pads"] = window["pads"][:axes] + data.draw(several(axes, -1, 3))
    # Negative numbers: a padding of 0 would win.
    check_if_possible(single("MaxPool", (2, 3, *shape), **window, ceil_mode=ceil_mode, low=-3, high=-1))


@EXAMPLES
@given(windows(dilated=False), st.integers(0, 1), st.integers(0, 1))
def test_average_poolings(drawn, ceil_mode, padding):
    shape, window = drawn
    check_if_possible(single("AveragePool", (2, 3, *shape), **window, ceil_mode=ceil_mode, count_include_pad=padding))


@EXAMPLES
@given(windows(dilated=False), st.integers(1, 3))
def test_lp_poolings(drawn, p):
    shape, window = drawn
    check_if_possible(single("LpPool", (2, 3, *shape), **window, p=p))


@EXAMPLES
@given(st.data(), st.integers(1, 5), st.sampled_from(["constant", "reflect", "edge"]), st.sampled_from([0.0, -1.5]))
def test_paddings(data, rank, mode, value):
    shape, pads = data.draw(several(rank, 1, 5)), data.draw(several(2 * rank, -2, 3))
    check_if_possible(single("Pad", shape, pads=pads, mode=mode, value=value))


@EXAMPLES
@given(st.data(), st.integers(1, 5))
def test_transpositions(data, rank):
    shape, perm = data.draw(several(rank, 1, 4)), data.draw(st.permutations(range(rank)))
    check_if_possible(single("Transpose", shape, perm=tuple(perm)))


@EXAMPLES
@given(st.data(), st.sampled_from(["nearest", "linear"]), st.sampled_from(["asymmetric", "align_corners"]))
def test_resizings(data, mode, transformation):
    shape = data.draw(several(4, 1, 5))
    scales = data.draw(st.tuples(*[st.sampled_from([1.0, 2.0, 3.0, 0.5, 1.3])] * 4))
    check_if_possible(single("Resize", shape, scales=scales, mode=mode, coordinate_transformation_mode=transformation))
