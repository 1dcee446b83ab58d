"""Layers over windows with any geometry, made by hypothesis."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.graph.operators import ShapeError
from pipeline.graph.values import Value
from tests.graph.nets import Case, Net


def made(strategy: st.SearchStrategy[Case], count: int) -> list[Case]:
    """Return `count` cases, always the same ones."""
    found: list[Case] = []

    @settings(max_examples=count, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def collect(case: Case) -> None:
        found.append(case)

    collect()
    return found


def _several(draw: st.DrawFn, count: int, low: int, high: int) -> tuple[int, ...]:
    return tuple(draw(st.integers(low, high)) for _ in range(count))


def _pads(draw: st.DrawFn, axes: int, high: int) -> tuple[int, ...]:
    begins = _several(draw, axes, 0, high)
    return begins + (begins if draw(st.booleans()) else _several(draw, axes, 0, high))


@st.composite
def convolutions(draw: st.DrawFn) -> Case:
    axes, group = draw(st.sampled_from([1, 2, 2, 2, 3])), draw(st.integers(1, 3))
    maps, channels = group * draw(st.integers(1, 2)), group * draw(st.integers(1, 2))
    x = (draw(st.integers(1, 2)), channels, *_several(draw, axes, 1, 7))
    kernel = _several(draw, axes, 1, 4)
    how = {
        "kernel_shape": kernel,
        "strides": _several(draw, axes, 1, 3),
        "pads": _pads(draw, axes, 3),
        "dilations": _several(draw, axes, 1, 3),
        "group": group,
    }
    bias = draw(st.booleans())
    return Case(
        f"Conv {x} {maps} {how} {bias}",
        (x,),
        lambda net, v: net.add(
            "Conv", v, net.w(maps, channels // group, *kernel), net.w(maps) if bias else None, **how
        ),
    )


@st.composite
def transposed_convolutions(draw: st.DrawFn) -> Case:
    axes, group = draw(st.sampled_from([1, 2, 2, 2, 3])), draw(st.integers(1, 3))
    maps, channels = draw(st.integers(1, 2)), group * draw(st.integers(1, 2))
    x = (draw(st.integers(1, 2)), channels, *_several(draw, axes, 1, 5))
    kernel = _several(draw, axes, 1, 4)
    strides, dilations = _several(draw, axes, 1, 3), _several(draw, axes, 1, 3)
    largest = [max(pair) - 1 for pair in zip(strides, dilations, strict=True)]
    reach = [(k - 1) * d for k, d in zip(kernel, dilations, strict=True)]
    how = {
        "kernel_shape": kernel,
        "strides": strides,
        "pads": tuple(draw(st.integers(0, most)) for most in reach + reach),
        "dilations": dilations,
        "group": group,
        "output_padding": tuple(draw(st.integers(0, n)) for n in largest),
    }
    bias = draw(st.booleans())
    return Case(
        f"ConvTranspose {x} {maps} {how} {bias}",
        (x,),
        lambda net, v: net.add(
            "ConvTranspose", v, net.w(channels, maps, *kernel), net.w(maps * group) if bias else None, **how
        ),
    )


@st.composite
def poolings(draw: st.DrawFn) -> Case:
    operator = draw(st.sampled_from(["MaxPool", "MaxPool", "AveragePool", "AveragePool", "LpPool"]))
    axes = draw(st.sampled_from([1, 2, 2, 2, 3]))
    x = (draw(st.integers(1, 2)), draw(st.integers(1, 3)), *_several(draw, axes, 2, 9))
    kernel = _several(draw, axes, 1, 4)
    begins = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    ends = begins if draw(st.booleans()) else tuple(draw(st.integers(0, k // 2)) for k in kernel)
    how: dict = {"kernel_shape": kernel, "strides": _several(draw, axes, 1, 4), "pads": begins + ends}
    if operator == "LpPool":
        how["p"] = draw(st.integers(1, 3))
    else:
        how["ceil_mode"] = draw(st.integers(0, 1))
    if operator == "AveragePool":
        how["count_include_pad"] = draw(st.integers(0, 1))
    if operator == "MaxPool":
        how["dilations"] = (1,) * axes if draw(st.booleans()) else _several(draw, axes, 1, 3)
        if draw(st.booleans()):
            how["pads"] = begins + tuple(draw(st.integers(-3, 3)) for _ in kernel)
    return Case(f"{operator} {x} {how}", (x,), lambda net, v: net.add(operator, v, **how))


@st.composite
def paddings(draw: st.DrawFn) -> Case:
    rank = draw(st.sampled_from([2, 3, 4, 4, 4, 5]))
    x = _several(draw, rank, 1, 5)
    mode = draw(st.sampled_from(["constant", "edge", "reflect"]))
    pads = tuple(draw(st.integers(-2, 4)) if draw(st.booleans()) else 0 for _ in range(2 * rank))
    value = draw(st.sampled_from([0.0, -1.5, 3e38]))
    return Case(
        f"Pad {x} {pads} {mode} {value}",
        (x,),
        lambda net, v: net.add("Pad", v, pads=pads, mode=mode, value=value if mode == "constant" else 0.0),
    )


@st.composite
def resizings(draw: st.DrawFn) -> Case:
    rank = draw(st.sampled_from([3, 4, 4, 4, 5]))
    x = (draw(st.integers(1, 2)), draw(st.integers(1, 2)), *_several(draw, rank - 2, 1, 9))
    how: dict = {
        "mode": draw(st.sampled_from(["nearest", "linear"])),
        "coordinate_transformation_mode": draw(st.sampled_from(["asymmetric", "align_corners"])),
    }
    if draw(st.booleans()):
        how["sizes"] = (*x[:2], *_several(draw, rank - 2, 1, 20))
    else:
        scale = st.sampled_from([0.3, 0.5, 1.0, 1.1, 1.7, 2.0, 3.0, 7 / 3])
        how["scales"] = (1.0, 1.0, *(draw(scale) for _ in range(rank - 2)))
    return Case(f"Resize {x} {how}", (x,), lambda net, v: net.add("Resize", v, **how))


@st.composite
def broadcasts(draw: st.DrawFn) -> Case:
    operator = draw(st.sampled_from(["Add", "Sub", "Mul", "Div", "Greater", "Equal", "Max", "Sum", "Pow", "MatMul"]))
    shape = _several(draw, draw(st.integers(0, 5)), 1, 3)
    inputs = []
    for _ in range(2):
        kept = shape[draw(st.integers(0, len(shape))) :] if draw(st.booleans()) else shape
        inputs.append(tuple(1 if draw(st.integers(0, 2)) == 0 else size for size in kept))
    if operator == "MatMul":
        inner = draw(st.integers(1, 3))
        inputs = [(*inputs[0], 2, inner), (*inputs[1], inner, 3)]
    constant = draw(st.sampled_from([None, 0, 1]))
    fed = tuple(one for i, one in enumerate(inputs) if i != constant)

    def build(net: Net, *values: Value) -> Value:
        given = list(values)
        if constant is not None:
            given.insert(constant, net.w(*inputs[constant], low=0.2))
        return net.add(operator, *given)

    return Case(f"{operator} {inputs} constant {constant}", fed, build, low=0.2)


def fits(case: Case) -> bool:
    try:
        return all(value.size for value in case.graph().values())
    except ShapeError:
        return False


LAYERS = (convolutions() | transposed_convolutions() | poolings() | paddings() | resizings() | broadcasts()).filter(
    fits
)
