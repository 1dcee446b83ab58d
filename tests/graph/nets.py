"""Small networks, one or more for every operator of the graph, that writer, reader and real runtimes are tried on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.graph.builder import Builder
from pipeline.graph.values import Attribute, Graph, Origin, Shape, Value


class Net(Builder):
    """A builder that makes weights of random numbers."""

    def w(self, *shape: int, low: float = -1.5, high: float = 1.5) -> Value:
        random = np.random.default_rng(len(self.weights) + sum(shape))
        return self.weight(random.uniform(low, high, shape).astype(np.float32), name="w")

    def c(self, values: object, dtype: str = "float32") -> Value:
        return self.weight(np.array(values, dtype), name="c")


Build = Callable[..., Value | Sequence[Value]]


@dataclass(frozen=True)
class Case:
    name: str
    shapes: tuple[Shape, ...]
    build: Build
    low: float = -2.0
    high: float = 2.0

    def graph(self) -> Graph:
        return together([self])

    def feeds(self, seed: int = 1) -> list[np.ndarray]:
        random = np.random.default_rng(seed)
        return [random.uniform(self.low, self.high, shape).astype(np.float32) for shape in self.shapes]


def together(cases: Sequence[Case]) -> Graph:
    """Return one net that holds several, since a process that runs a net costs time."""
    net = Net("net")
    outputs: list[Value] = []
    for number, one in enumerate(cases):
        inputs = [net.input(f"x{number}_{i}", shape) for i, shape in enumerate(one.shapes)]
        with net.at(f"y{number}", Origin(str(number), one.name)):
            made = one.build(net, *inputs)
        outputs += [made] if isinstance(made, Value) else made
    return net.finish(outputs)


CASES: list[Case] = []


def case(name: str, *shapes: Shape, low: float = -2.0, high: float = 2.0) -> Callable[[Build], Build]:
    def add(build: Build) -> Build:
        CASES.append(Case(name, shapes, build, low, high))
        return build

    return add


def plain(operator: str, *shapes: Shape, low: float = -2.0, high: float = 2.0, **attributes: Attribute) -> None:
    """A net of one operator whose inputs are all fed."""
    title = " ".join([operator, *(f"{k}={v}" for k, v in attributes.items()), *map(str, shapes)])
    CASES.append(Case(title, shapes, lambda net, *xs: net.add(operator, *xs, **attributes), low, high))


IMAGE, MATRIX, VOLUME, SEQUENCE = (2, 3, 5, 4), (3, 4), (2, 3, 4, 3, 5), (2, 3, 7)

for _shape in (IMAGE, MATRIX, (5,), VOLUME):
    for _name in (
        "Relu",
        "Sigmoid",
        "Tanh",
        "Softplus",
        "Softsign",
        "Abs",
        "Neg",
        "Exp",
        "Sign",
        "Floor",
        "Ceil",
        "Identity",
    ):
        plain(_name, _shape)
    plain("Log", _shape, low=0.1)
    plain("Sqrt", _shape, low=0.0)
    plain("Reciprocal", _shape, low=0.2)
    plain("Elu", _shape, alpha=0.7)
    plain("LeakyRelu", _shape, alpha=0.2)
    plain("Selu", _shape)
    plain("Selu", _shape, alpha=1.5, gamma=0.5)
    plain("HardSigmoid", _shape, alpha=0.3, beta=0.4)
    plain("Clip", _shape, min=-0.5, max=1.0)
    plain("ThresholdedRelu", _shape, alpha=0.5)
    plain("ThresholdedRelu", _shape, alpha=-0.5)
    plain("Dropout", _shape, ratio=0.3)
    plain("FeatureDropout", _shape, ratio=0.3, map_rank=2)
    for _axis in range(-len(_shape), len(_shape)):
        plain("Softmax", _shape, axis=_axis, low=-9.0, high=9.0)
        plain("LogSoftmax", _shape, axis=_axis, low=-90.0, high=90.0)
plain("Softplus", MATRIX, low=-400.0, high=400.0)
plain("Softmax", (2, 5, 1, 1), axis=1)
plain("Clip", MATRIX, min=float("-inf"), max=0.5)
plain("Clip", MATRIX, min=0.25, max=float("inf"))
for _shape, _slope in (
    (IMAGE, (3, 1, 1)),
    (IMAGE, (1,)),
    (IMAGE, ()),
    (MATRIX, (4,)),
    (VOLUME, (3, 1, 1, 1)),
    (IMAGE, (5, 1)),
    ((5,), (5,)),
):
    case(f"PRelu {_shape} {_slope}", _shape)(lambda net, x, s=_slope: net.add("PRelu", x, net.w(*s)))
case("PRelu with a computed slope", IMAGE, (3, 1, 1))(lambda net, x, s: net.add("PRelu", x, s))

for _name in ("Add", "Sub", "Mul", "Div", "Greater", "GreaterOrEqual", "Less", "Equal"):
    for _a, _b in (
        (IMAGE, IMAGE), (IMAGE, (3, 1, 1)), (IMAGE, (1, 3, 5, 1)), (IMAGE, (1,)), (IMAGE, ()), (IMAGE, (4,)),
        (IMAGE, (2, 1, 5, 1)), (IMAGE, (1, 1, 5, 1)), (IMAGE, (2, 3, 1, 1)), (MATRIX, (3, 1)), (SEQUENCE, (7,)),
        (VOLUME, (3, 1, 1, 1)), ((3, 1), (1, 4)), ((4,), (3, 4)), ((), (2, 3)), ((1, 1), (1, 1, 1)),
    ):  # fmt: skip
        _low = 0.3 if _name == "Div" else -2.0
        plain(_name, _a, _b, low=_low)
        case(f"{_name} {_a} constant {_b}", _a)(
            lambda net, x, n=_name, s=_b, low=_low: net.add(n, x, net.w(*s, low=low))
        )
        case(f"{_name} constant {_b} {_a}", _a, low=_low)(lambda net, x, n=_name, s=_b: net.add(n, net.w(*s), x))
for _exponent in (2.0, 3.0, -1.0, 0.5, 1.0, 1.7):
    case(f"Pow {_exponent}", IMAGE, low=0.2)(lambda net, x, e=_exponent: net.add("Pow", x, net.c(e)))
case("Pow of negative numbers", IMAGE)(lambda net, x: net.add("Pow", x, net.c([3.0])))
for _a, _b in ((MATRIX, MATRIX), (MATRIX, (4,)), (MATRIX, (3, 1)), ((4,), MATRIX)):
    plain("Pow", _a, _b, low=0.2)
    case(f"Pow {_a} constant {_b}", _a, low=0.2)(lambda net, x, s=_b: net.add("Pow", x, net.w(*s)))
for _name in ("Sum", "Max", "Min", "Mean"):
    plain(_name, IMAGE)
    plain(_name, IMAGE, IMAGE, IMAGE)
    plain(_name, IMAGE, (3, 1, 1))
    plain(_name, (3, 1), (1, 4), (4,))
    case(f"{_name} of a value with itself", IMAGE)(lambda net, x, n=_name: net.add(n, x, x))
    case(f"{_name} with a number", IMAGE)(lambda net, x, n=_name: net.add(n, x, net.c(0.5)))
    case(f"{_name} with a row", MATRIX)(lambda net, x, n=_name: net.add(n, x, net.w(4)))


@case("Cast", IMAGE)
def _casts(net: Net, x: Value) -> list[Value]:
    integers = net.add("Cast", x, to="int64", part="integers")
    bools = net.add("Cast", integers, to="bool", part="bools")
    back = net.add("Cast", bools, to="float32", part="back")
    return [
        integers,
        bools,
        back,
        net.add("Cast", x, to="bool", part="direct"),
        net.add("Cast", integers, to="float32"),
    ]


@case("bools", MATRIX, (4,))
def _bools(net: Net, a: Value, b: Value) -> list[Value]:
    one, other = net.add("Greater", a, b, part="one"), net.add("Less", a, net.c(0.5), part="other")
    column = net.add("Greater", net.w(3, 1), net.c(0.0), part="column")
    results = [net.add(n, one, other, part=n.lower()) for n in ("And", "Or", "Equal")]
    results += [net.add("Or", one, column, part="wide"), net.add("Not", one, part="not")]
    turned = net.add("Transpose", one, perm=(1, 0), part="turned")
    more = net.add("Expand", column, shape=(3, 2), part="more")
    twice = net.add("Tile", one, repeats=(2, 1), part="twice")
    joined = net.add("Concat", one, other, axis=1, part="joined")
    results += net.add_many("Split", joined, axis=1, split=(1, 7), part="halves")
    return [*results, turned, more, twice, joined, net.add("Where", one, other, net.add("Not", other, part="nor"))]


@case("IsNaN", MATRIX)
def _is_nan(net: Net, x: Value) -> Value:
    return net.add("IsNaN", net.add("Log", x, part="log"))


for _b in (MATRIX, (4,), (3, 1), ()):
    case(f"Where with a constant {_b}", MATRIX)(
        lambda net, x, s=_b: net.add("Where", net.add("Greater", x, net.c(0.2), part="positive"), x, net.w(*s))
    )
    case(f"Where with a value {_b}", MATRIX, _b)(
        lambda net, x, y: net.add("Where", net.add("Greater", x, net.c(0.2), part="positive"), y, x)
    )
case("Where of two numbers", MATRIX)(
    lambda net, x: net.add("Where", net.add("Greater", x, net.c(0.2), part="positive"), net.c(1.5), net.c(-7.0))
)
case("Where with a narrow condition", MATRIX)(
    lambda net, x: net.add("Where", net.add("Greater", net.w(4), net.c(0.2), part="positive"), x, net.c(-7.0))
)


@case("integers", MATRIX)
def _integers(net: Net, x: Value) -> list[Value]:
    a = net.add("Cast", net.add("Mul", x, net.c(9.0), part="large"), to="int64", part="a")
    b = net.c([3, -2, 5, 1], "int64")
    results = [net.add(n, a, b, part=n.lower()) for n in ("Add", "Sub", "Mul", "Div", "Greater", "Equal", "Sum")]
    results += [net.add(n, a, part=n.lower()) for n in ("Abs", "Neg", "Sign", "Identity")]
    results += [net.add(n, a, axes=(1,), part=n.lower()) for n in ("ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd")]
    results += [net.add("ArgMax", a, axis=1, part="argmax"), net.add("Concat", a, a, axis=0, part="concat")]
    results += [net.add("Tile", a, repeats=(2, 3), part="tile"), net.add("Transpose", a, perm=(1, 0), part="turn")]
    chosen = net.add("Where", net.add("Greater", a, b, part="more"), a, net.add("Neg", a, part="less"), part="chosen")
    return [*results, chosen, net.add("Slice", a, starts=(1,), ends=(3,), axes=(1,))]


for _c in (None, (4,), (1, 4), (2, 4), (2, 1), (1,), ()):
    for _attributes in (
        {},
        {"transA": 1},
        {"transB": 1},
        {"transA": 1, "transB": 1},
        {"alpha": 0.5},
        {"alpha": 2.0, "beta": 3.0},
    ):
        _x = (3, 2) if _attributes.get("transA") else (2, 3)
        _w = (4, 3) if _attributes.get("transB") else (3, 4)
        case(f"Gemm {_c} {_attributes}", _x)(
            lambda net, x, w=_w, c=_c, a=_attributes: net.add(
                "Gemm", x, net.w(*w), None if c is None else net.w(*c), **a
            )
        )
plain("Gemm", (2, 3), (3, 4), (2, 4))
plain("Gemm", (2, 3), (4, 3), (4,), transB=1)
for _a, _b in (
    ((2, 3), (3, 4)), ((3,), (3, 4)), ((2, 3), (3,)), ((3,), (3,)), ((2, 3, 4), (2, 4, 5)), ((2, 3, 4), (4, 5)),
    ((3, 4), (2, 4, 5)),
    ((2, 1, 3, 4), (3, 4, 5)), ((2, 3, 4), (1, 4, 5)), ((1, 3, 4), (2, 4, 5)), ((2, 3, 4), (4,)), ((4,), (2, 4, 3)),
    ((2, 3, 1, 4), (1, 1, 4, 1)), ((2, 3, 4, 5), (2, 3, 5, 2)), ((2, 3, 4, 5), (5, 2)),
):  # fmt: skip
    plain("MatMul", _a, _b)
    case(f"MatMul {_a} constant {_b}", _a)(lambda net, x, s=_b: net.add("MatMul", x, net.w(*s)))

for _x, _w, _geometry in (
    ((2, 3, 9, 8), (4, 3, 3, 2), {"strides": (2, 1), "pads": (1, 0, 2, 1)}),
    ((2, 4, 9, 8), (4, 2, 3, 2), {"strides": (2, 1), "pads": (1, 0, 2, 1), "dilations": (2, 3), "group": 2}),
    ((2, 3, 5, 5), (4, 3, 1, 1), {"pads": (2, 2, 2, 2)}),
    ((2, 4, 9), (6, 2, 3), {"strides": (3,), "pads": (1, 2), "dilations": (2,), "group": 2}),
    (
        (2, 4, 5, 6, 7), (6, 2, 3, 2, 1),
        {"strides": (1, 2, 1), "pads": (1, 0, 0, 1, 1, 0), "dilations": (1, 2, 1), "group": 2},
    ),
    ((2, 4, 6, 6), (8, 1, 3, 3), {"pads": (1, 1, 1, 1), "group": 4}),
):  # fmt: skip
    for _bias in (True, False):
        _n = len(_w) - 2
        _how = {"kernel_shape": _w[2:], "strides": (1,) * _n, "pads": (0, 0) * _n, "dilations": (1,) * _n, **_geometry}
        case(f"Conv {_x} {_w} {_geometry} {_bias}", _x)(
            lambda net, x, w=_w, how=_how, b=_bias: net.add("Conv", x, net.w(*w), net.w(w[0]) if b else None, **how)
        )

for _x, _w, _geometry in (
    ((2, 3, 4, 5), (3, 2, 3, 2), {"strides": (2, 1), "pads": (1, 0, 1, 0), "output_padding": (1, 0)}),
    ((2, 3, 4, 5), (3, 2, 4, 4), {"strides": (2, 3), "pads": (0, 1, 1, 2), "output_padding": (0, 2)}),
    ((2, 3, 4, 5), (3, 2, 3, 3), {"strides": (2, 2), "dilations": (2, 3), "pads": (1, 1, 1, 1)}),
    ((2, 3, 4, 5), (3, 2, 3, 3), {"strides": (1, 2), "dilations": (3, 1), "output_padding": (2, 0)}),
    ((2, 4, 4, 5), (4, 3, 3, 3), {"strides": (2, 2), "pads": (1, 1, 1, 1), "group": 2, "output_padding": (1, 1)}),
    ((2, 4, 4, 5), (4, 1, 3, 3), {"strides": (2, 2), "dilations": (2, 1), "group": 4}),
    ((2, 3, 5), (3, 2, 4), {"strides": (2,), "pads": (1, 1)}),
    ((2, 4, 5), (4, 2, 3), {"strides": (2,), "pads": (1, 0), "dilations": (2,), "group": 2, "output_padding": (1,)}),
    (
        (2, 4, 3, 4, 3), (4, 2, 3, 2, 3),
        {"strides": (2, 1, 3), "pads": (1, 0, 1, 1, 1, 0), "output_padding": (1, 0, 2), "group": 2},
    ),
    ((2, 3, 3, 4, 3), (3, 2, 2, 2, 2), {"strides": (2, 2, 2), "dilations": (1, 2, 1), "pads": (2, 3, 0, 2, 0, 3)}),
    ((2, 3, 3, 4, 3), (3, 2, 1, 1, 1), {}),
):  # fmt: skip
    for _bias in (True, False):
        _n = len(_w) - 2
        _how = {
            "kernel_shape": _w[2:], "strides": (1,) * _n, "pads": (0, 0) * _n, "dilations": (1,) * _n,
            "output_padding": (0,) * _n, **_geometry,
        }  # fmt: skip
        case(f"ConvTranspose {_x} {_w} {_geometry} {_bias}", _x)(
            lambda net, x, w=_w, how=_how, b=_bias: net.add(
                "ConvTranspose", x, net.w(*w), net.w(w[1] * how.get("group", 1)) if b else None, **how
            )
        )
_SQUARE = {"kernel_shape": (3, 3), "strides": (2, 2), "pads": (1, 1, 1, 1), "dilations": (1, 1)}
case("ConvTranspose with computed weights", (1, 4, 4, 4), (4, 2, 3, 3), (4,))(
    lambda net, x, w, b: net.add("ConvTranspose", x, w, b, output_padding=(1, 1), group=2, **_SQUARE)
)
case("Conv with computed weights", (1, 4, 5, 5), (4, 2, 3, 3), (4,))(
    lambda net, x, w, b: net.add("Conv", x, w, b, group=2, **_SQUARE)
)
for _pads, _bias in (((0, 0, 0, 0), True), ((1, 0, 1, 2), False), ((1, 0, 1, 2), True)):
    _size = ((6 + _pads[0] + _pads[2] - 3) // 2 + 1, 5 + _pads[1] + _pads[3] - 1)
    case(f"LocallyConnected {_pads} {_bias}", (2, 3, 6, 5))(
        lambda net, x, p=_pads, b=_bias, o=_size: net.add(
            "LocallyConnected",
            x,
            net.w(*o, 4, 3, 3, 2),
            net.w(4, *o) if b else None,
            kernel_shape=(3, 2),
            strides=(2, 1),
            pads=p,
        )
    )
plain("Im2Col", (2, 3, 6, 7), kernel_shape=(3, 2), strides=(2, 1), pads=(1, 1, 1, 1), dilations=(1, 2))
plain("Im2Col", (2, 3, 6, 7), kernel_shape=(3, 2), strides=(2, 1), pads=(1, 0, 0, 2), dilations=(2, 1))

for _x, _geometry in (
    ((2, 3, 9, 8), {"kernel_shape": (3, 2), "strides": (2, 1), "pads": (1, 0, 1, 1)}),
    ((2, 3, 8, 9), {"kernel_shape": (3, 3), "strides": (2, 2), "pads": (1, 1, 1, 1)}),
    ((2, 3, 8, 9), {"kernel_shape": (2, 2), "strides": (3, 3), "pads": (0, 0, 0, 0)}),
    ((2, 3, 7), {"kernel_shape": (3,), "strides": (2,), "pads": (1, 1)}),
    ((2, 3, 6, 5, 7), {"kernel_shape": (3, 2, 2), "strides": (2, 1, 3), "pads": (1, 0, 1, 1, 1, 0)}),
):
    for _ceil in (0, 1):
        plain("MaxPool", _x, ceil_mode=_ceil, dilations=(1,) * (len(_x) - 2), **_geometry)
        plain("AveragePool", _x, ceil_mode=_ceil, count_include_pad=0, **_geometry)
        plain("AveragePool", _x, ceil_mode=_ceil, count_include_pad=1, **_geometry)
    for _p in (1, 2, 3):
        plain("LpPool", _x, p=_p, **_geometry)
for _pads, _ceil in (((0, 0, -2, -4), 0), ((0, 0, 4, 3), 0), ((1, 1, -3, 0), 1), ((0, 0, 0, 0), 0)):
    plain("MaxPool", (2, 3, 9, 8), kernel_shape=(2, 3), strides=(2, 3), pads=_pads, ceil_mode=_ceil, dilations=(1, 1))
    plain("MaxPool", (2, 3, 9, 8), kernel_shape=(2, 3), strides=(2, 1), pads=_pads, ceil_mode=_ceil, dilations=(2, 1))
plain("MaxPool", (2, 3, 9, 8), kernel_shape=(2, 3), strides=(1, 1), pads=(1, 1, 1, 1), dilations=(3, 2))
plain("MaxPool", (2, 3, 9), kernel_shape=(3,), strides=(2,), pads=(1, 1), dilations=(2,))
plain(
    "MaxPool", (2, 3, 6, 5, 7), kernel_shape=(2, 1, 3), strides=(1, 2, 1), pads=(0, 0, 1, 0, 0, 1), dilations=(2, 1, 2)
)
plain("AveragePool", (2, 3, 4, 4), kernel_shape=(2, 2), strides=(3, 3), pads=(1, 1, 1, 1), count_include_pad=1)
plain("LpPool", (2, 3, 4, 4), kernel_shape=(2, 2), strides=(1, 1), pads=(3, 2, 2, 3))
for _x in (SEQUENCE, IMAGE, VOLUME, (1, 2, 3, 2, 2, 3)):
    plain("GlobalAveragePool", _x)
    plain("GlobalMaxPool", _x)


@case("MaxRoiPool", (2, 3, 6, 7))
def _rois(net: Net, x: Value) -> Value:
    rois = net.c([[0, 0, 0, 7, 9], [1, 2, 2, 8, 8], [0, 20, 20, 30, 30]])
    return net.add("MaxRoiPool", x, rois, pooled_shape=(2, 3), spatial_scale=0.5)


@case("BoxSuppression", (3, 6, 2))
def _overlapping(net: Net, x: Value) -> Sequence[Value]:
    corners = net.add("Concat", x, net.add("Add", x, net.c(2.0), part="ends"), axis=2, part="corners")
    boxes = net.add("Reshape", net.add("Transpose", corners, perm=(1, 0, 2), part="turned"), shape=(0, -1), part="flat")
    numbers = net.c(np.arange(18, 0, -1, dtype=np.float32).reshape(3, 6).T)
    return net.add_many("BoxSuppression", numbers, boxes, iou_threshold=0.5, score_threshold=2.0)


@case("ScatterAdd", (4,))
def _scattered(net: Net, x: Value) -> Value:
    return net.add("ScatterAdd", net.c([6, 0, 2, 0], "int64"), x, size=7)


@case("Compress", (5, 2, 3))
def _rows(net: Net, x: Value) -> Value:
    positive = net.add("Greater", net.add("ReduceSum", x, axes=(1, 2), keepdims=0, part="sum"), net.c(0.0), part="some")
    return net.add("Compress", x, positive)


for _x in (MATRIX, SEQUENCE, IMAGE, VOLUME):
    for _scale, _bias in ((True, True), (True, False), (False, True), (False, False)):
        case(f"BatchNormalization {_x} {_scale} {_bias}", _x)(
            lambda net, x, s=_scale, b=_bias: net.add(
                "BatchNormalization",
                x,
                net.w(x.shape[1]) if s else None,
                net.w(x.shape[1]) if b else None,
                net.w(x.shape[1]),
                net.w(x.shape[1], low=0.1),
                epsilon=1e-3,
            )
        )
        if len(_x) > 2:
            case(f"InstanceNormalization {_x} {_scale} {_bias}", _x)(
                lambda net, x, s=_scale, b=_bias: net.add(
                    "InstanceNormalization",
                    x,
                    net.w(x.shape[1]) if s else None,
                    net.w(x.shape[1]) if b else None,
                    epsilon=1e-3,
                )
            )
        case(f"LayerNormalization {_x} {_scale} {_bias}", _x)(
            lambda net, x, s=_scale, b=_bias: net.add(
                "LayerNormalization",
                x,
                net.w(*x.shape[1:]) if s else None,
                net.w(*x.shape[1:]) if b else None,
                axis=1,
                epsilon=1e-3,
            )
        )
    plain("MeanVarianceNormalization", _x, axes=(1,))
    for _p in (1, 2, 3):
        plain("LpNormalization", _x, axis=1, p=_p)
case("LayerNormalization over one axis", IMAGE)(
    lambda net, x: net.add("LayerNormalization", x, net.w(4), net.w(1), axis=-1)
)
plain("MeanVarianceNormalization", IMAGE, axes=(0, 2, 3))
plain("MeanVarianceNormalization", IMAGE, axes=(-1, -2))
case("LpNormalization of zeros", MATRIX)(
    lambda net, x: net.add("LpNormalization", net.add("Clip", x, min=-9.0, max=-1.0, part="c"), axis=0, p=1)
)
for _p in (1, 2, 3):
    case(f"LpNormalization of zeros {_p}", MATRIX)(
        lambda net, x, p=_p: net.add(
            "LpNormalization", net.add("Mul", x, net.c([[0.0], [1.0], [2.0]]), part="m"), axis=1, p=p
        )
    )
for _x in ((2, 7, 3, 4), (2, 7, 3), (2, 7), (2, 7, 3, 2, 2)):
    for _size in (1, 3, 4, 5):
        plain("LRN", _x, size=_size, alpha=0.7, beta=0.75, bias=2.0)
for _alpha, _beta in ((0.0, 0.75), (0.7, 0.0), (-0.01, 0.75), (0.01, -0.75)):
    plain("LRN", IMAGE, size=3, alpha=_alpha, beta=_beta, bias=2.0)

for _name in (
    "ReduceSum",
    "ReduceMean",
    "ReduceMax",
    "ReduceMin",
    "ReduceL1",
    "ReduceL2",
    "ReduceSumSquare",
    "ReduceLogSumExp",
    "ReduceProd",
):
    for _x, _axes in (
        (IMAGE, (1,)),
        (IMAGE, (2, 3)),
        (IMAGE, (0, -1)),
        (MATRIX, (0, 1)),
        ((5,), (0,)),
        ((2, 1, 3), (1,)),
        (VOLUME, (0, 4)),
    ):
        for _keep in (0, 1):
            plain(_name, _x, axes=_axes, keepdims=_keep)
for _name in ("ArgMax", "ArgMin"):
    for _axis in (0, 1, -1):
        for _keep in (0, 1):
            case(f"{_name} {_axis} {_keep}", IMAGE)(
                lambda net, x, n=_name, a=_axis, k=_keep: net.add(
                    n, net.add("Floor", x, part="floor"), axis=a, keepdims=k
                )
            )
for _axis in (0, 1, -1):
    for _largest in (0, 1):
        case(f"TopK {_axis} {_largest}", (3, 4, 5))(
            lambda net, x, a=_axis, w=_largest: net.add_many(
                "TopK", net.add("Floor", x, part="floor"), k=2, axis=a, largest=w
            )
        )

plain("Reshape", IMAGE, shape=(0, -1))
plain("Reshape", IMAGE, shape=(0, 3, -1, 2, 2))
plain("Reshape", IMAGE, shape=(-1, 4))
plain("Reshape", (1,), shape=())
for _axis in (0, 1, 2, -1, 4):
    plain("Flatten", IMAGE, axis=_axis)
plain("Transpose", IMAGE, perm=(0, 3, 1, 2))
plain("Squeeze", (2, 1, 3, 1), axes=(1, -1))
plain("Unsqueeze", MATRIX, axes=(0, -1))
plain("Unsqueeze", MATRIX, axes=(3, 1))
for _axis in (0, 1, -1):
    plain("Concat", IMAGE, IMAGE, axis=_axis)
plain("Concat", (2, 1, 3), (2, 4, 3), (2, 2, 3), axis=1)
plain("Concat", MATRIX, axis=1)
case("Split", (2, 7, 3))(lambda net, x: net.add_many("Split", x, split=(1, 4, 2), axis=1))
case("Split into one", (2, 7, 3))(lambda net, x: net.add_many("Split", x, split=(7,), axis=-2))
plain("Slice", IMAGE, starts=(1,), ends=(2,), axes=(1,))
plain("Slice", IMAGE, starts=(1, -3, 0), ends=(2**31 - 1, -1, 1), axes=(2, 3, 0))
plain("Slice", IMAGE, starts=(0,), ends=(99,), axes=(1,))
plain("Expand", (3, 1), shape=(2, 3, 4))
plain("Expand", (3, 4), shape=(1,))
plain("Tile", MATRIX, repeats=(2, 3))
plain("Tile", MATRIX, repeats=(1, 1))
for _mode, _pads in (
    ("constant", (0, 0, 1, 2, 0, 0, 0, 3)), ("constant", (0, 0, -1, 2, 0, 0, 1, -2)),
    ("reflect", (0, 0, 1, 2, 0, 0, 3, 0)),
    ("edge", (0, 0, 1, 2, 0, 0, 7, 3)), ("constant", (1, 0, 0, 0, 0, 2, 0, 1)), ("edge", (0, 1, 0, 1, 0, 2, 0, 0)),
    ("reflect", (0, 1, 0, 1, 0, 2, 0, 0)), ("constant", (0, -1, 0, 0, 0, 0, 0, 0)),
    ("reflect", (0, 0, -1, 2, 0, 0, 1, -1)),
):  # fmt: skip
    plain("Pad", IMAGE, pads=_pads, mode=_mode, value=0.0 if _mode != "constant" else -1.5)
plain("Pad", (5,), pads=(1, 2))
plain("Pad", VOLUME, pads=(0, 0, 1, 0, 2, 0, 0, 0, 1, 1), mode="edge")
plain("Pad", SEQUENCE, pads=(0, 0, 1, 0, 0, 2), mode="reflect")


@case("Gather", MATRIX, (2,), low=0.0, high=2.9)
def _gather(net: Net, x: Value, places: Value) -> list[Value]:
    indices = net.add("Cast", places, to="int64", part="indices")
    rows = net.add("Gather", net.w(3, 5), indices, axis=0, part="rows")
    fixed = net.add("Gather", x, net.c([[3, 0], [1, 1]], "int64"), axis=-1, part="fixed")
    return [rows, fixed, net.add("OneHot", indices, depth=4, part="hot"), net.add("Gather", x, indices, axis=1)]


for _mode in ("CRD", "DCR"):
    plain("DepthToSpace", (2, 8, 3, 4), blocksize=2, mode=_mode)
plain("SpaceToDepth", (2, 3, 4, 6), blocksize=2)
for _mode in ("nearest", "linear"):
    for _transformation in ("asymmetric", "align_corners"):
        for _x, _how in (
            (IMAGE, {"scales": (1, 1, 2, 2)}), (IMAGE, {"scales": (1, 1, 3, 2)}), (IMAGE, {"scales": (1, 1, 1.5, 0.5)}),
            (IMAGE, {"sizes": (2, 3, 7, 9)}), (IMAGE, {"sizes": (2, 3, 5, 4)}), (IMAGE, {"sizes": (2, 3, 3, 4)}),
            (IMAGE, {"scales": (1, 2, 2, 1)}),
            (SEQUENCE, {"scales": (1, 1, 2)}), (VOLUME, {"scales": (1, 1, 2, 2, 3)}),
            ((1, 2, 1, 1), {"sizes": (1, 2, 3, 4)}),
            (IMAGE, {"sizes": (2, 3, 1, 1)}),
        ):  # fmt: skip
            plain("Resize", _x, mode=_mode, coordinate_transformation_mode=_transformation, **_how)


@case("outputs that are inputs, weights, or given twice", MATRIX)
def _outputs(net: Net, x: Value) -> list[Value]:
    y = net.add("Relu", x)
    return [x, y, net.w(2, 3), y]


@case("one weight in several forms", IMAGE)
def _shared_weight(net: Net, x: Value) -> Value:
    w = net.w(3, 1, 1)
    a = net.add("Mul", x, w, part="a")
    b = net.add("PRelu", a, w, part="b")
    return net.add("Add", b, net.add("Sub", w, x, part="c"))


@case("no parameter, no computation", MATRIX)
def _nothing(net: Net, x: Value) -> Value:
    return x


CHOOSING = ("BoxSuppression", "Compress", "ScatterAdd")  # which only Caffe2 has
STATIC = [each for each in CASES if not each.name.startswith(CHOOSING)]
