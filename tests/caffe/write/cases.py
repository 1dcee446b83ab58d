"""Small graphs for every operator that Caffe can express."""

from itertools import product

import numpy as np

from pipeline.graph.builder import Builder
from pipeline.graph.values import Value
from tests.caffe.write.check import Case

RANDOM = np.random.default_rng(3)


def numbers(*shape: int) -> np.ndarray:
    return np.array(RANDOM.uniform(-1, 1, shape), np.float32)


def single(operator: str, *shapes, low: float = -3, high: float = 3, **attributes) -> Case:
    """One operator: a shape is an input of float32, ("int64", shape) one of another type, an array a weight."""

    def build(b: Builder):
        inputs = []
        for index, shape in enumerate(shapes):
            if shape is None:
                inputs.append(None)
            elif isinstance(shape, np.ndarray):
                inputs.append(b.weight(shape, name=f"w{index}"))
            elif shape and isinstance(shape[0], str):
                inputs.append(b.input(f"x{index}", shape[1], shape[0]))
            else:
                inputs.append(b.input(f"x{index}", shape))
        return b.add_many(operator, *inputs, name="y", **attributes)

    return Case(build, low, high)


def _activations() -> dict[str, Case]:
    image, flat = (2, 3, 4, 5), (6,)
    cases = {}
    for operator in ("Relu", "LeakyRelu", "Elu", "Selu", "Sigmoid", "HardSigmoid", "Tanh", "Softplus", "Softsign"):
        cases[operator] = single(operator, image)
        cases[f"{operator} of a vector"] = single(operator, flat)
    for axis in range(4):
        cases[f"Softmax {axis}"] = single("Softmax", image, axis=axis)
        cases[f"LogSoftmax {axis}"] = single("LogSoftmax", image, axis=axis, low=-120, high=120)
    cases |= {
        "LogSoftmax of rows": single("LogSoftmax", (2, 5), axis=-1),
        "LogSoftmax of a vector": single("LogSoftmax", flat, axis=0),
        "Softmax of a vector": single("Softmax", flat),
        "PRelu per channel": single("PRelu", image, numbers(3, 1, 1)),
        "PRelu shared": single("PRelu", image, numbers(1)),
        "PRelu of rows": single("PRelu", (2, 3), numbers(3)),
        "PRelu of a vector": single("PRelu", flat, numbers(1)),
        "PRelu by place": single("PRelu", image, numbers(3, 4, 5)),
        "PRelu computed": single("PRelu", image, (3, 1, 1)),
        "Clip": single("Clip", image, min=-1.0, max=1.5),
        "Clip at 0": single("Clip", image, min=0.0, max=2.0),
        "Clip below": single("Clip", image, min=-1e10, max=float("inf")),
        "Clip above": single("Clip", image, min=float("-inf"), max=0.5),
        "ThresholdedRelu": single("ThresholdedRelu", image, alpha=0.7),
        "ThresholdedRelu 0": single("ThresholdedRelu", image, alpha=0.0),
        "Dropout": single("Dropout", image),
    }
    return cases


def _arithmetic() -> dict[str, Case]:
    image = (2, 3, 4, 5)
    cases = {}
    others = [(2, 3, 4, 5), (3, 1, 1), (1, 3, 1, 1), (2, 3), (2, 3, 1, 1), (4, 5), (5,), (1,), (), (2, 1, 4, 5), (3, 1, 5)]
    for operator, other in product(("Add", "Sub", "Mul", "Div"), others):
        if other == (2, 3):
            continue
        kinds = {"computed": other, "constant": np.array(numbers(*other) + 2, np.float32)}
        for kind, second in kinds.items():
            low = 0.5 if operator == "Div" else -3
            cases[f"{operator} {kind} {other}"] = single(operator, image, second, low=low)
            cases[f"{operator} {kind} {other} first"] = single(operator, second, image, low=low)
    cases["Add enlarges both"] = single("Add", (2, 1, 4), (3, 1))
    cases["Mul enlarges a constant"] = single("Mul", (2, 1, 4), numbers(3, 1))
    cases["Add two constants"] = Case(lambda b: b.add("Add", b.weight(numbers(3, 1), name="v"), b.weight(numbers(4), name="w"), name="y"))
    cases["Add itself"] = Case(lambda b: (lambda x: b.add("Add", x, x, name="y"))(b.input("x", (2, 3))))
    for operator in ("Sum", "Max", "Min", "Mean"):
        cases[operator] = single(operator, image, image, image)
        cases[f"{operator} of one"] = single(operator, image)
        cases[f"{operator} broadcast"] = single(operator, image, (3, 1, 1), (5,))
        cases[f"{operator} with constants"] = single(operator, image, numbers(1), numbers(3, 1, 1))
        cases[f"{operator} twice the same"] = Case(
            lambda b, operator=operator: (lambda x: b.add(operator, x, x, name="y"))(b.input("x", (2, 3)))
        )
    for operator in ("Abs", "Neg", "Exp", "Reciprocal", "Sign", "Identity"):
        cases[operator] = single(operator, image)
    cases |= {
        "Log": single("Log", image, low=0.1),
        "Sqrt": single("Sqrt", image, low=0),
        "Pow number": single("Pow", image, np.array(3.0, np.float32)),
        "Pow root": single("Pow", image, np.array([0.5], np.float32), low=0),
        "Pow base": single("Pow", np.array(2.5, np.float32), image),
        "Identity of a constant": Case(lambda b: b.add("Identity", b.weight(numbers(3, 4), name="w"), name="y")),
        "Cast to bool": single("Cast", image, to="bool"),
        "Cast an index": single("Cast", ("int64", (2, 3)), to="float32"),
        "scalar": Case(lambda b: b.add("Exp", b.add("ReduceSum", b.input("x", (3,)), axes=(0,), keepdims=0, name="s"), name="y")),
    }
    return cases


def _comparisons() -> dict[str, Case]:
    image = (2, 3, 4)
    cases = {}
    for operator in ("Greater", "Less", "GreaterOrEqual", "Equal"):
        cases[operator] = single(operator, ("int64", image), ("int64", image), high=3)
        cases[f"{operator} broadcast"] = single(operator, image, (3, 1))
        cases[f"{operator} number"] = single(operator, image, np.array(0.5, np.float32))
        cases[f"{operator} number first"] = single(operator, np.array(0.5, np.float32), image)
        cases[f"{operator} constant"] = single(operator, image, numbers(3, 1))
    cases |= {
        "And": single("And", ("bool", image), ("bool", (3, 1))),
        "Or": single("Or", ("bool", image), ("bool", (4,))),
        "Not": single("Not", ("bool", image)),
        "IsNaN": Case(
            lambda b: b.add("IsNaN", b.input("x", (4,)), name="y"),
            feeds={"x": np.array([1, np.nan, -np.inf, 0], np.float32)},
        ),
        "Where": single("Where", ("bool", image), image, image),
        "Where broadcast": single("Where", ("bool", (3, 1)), image, (4,)),
        "Where number": single("Where", ("bool", image), image, np.array(-2, np.float32)),
        "Where 0": single("Where", ("bool", image), image, np.array(0, np.float32)),
        "Where numbers": single("Where", ("bool", image), np.array(3, np.float32), np.array(-2, np.float32)),
        "Where constants": single("Where", ("bool", image), numbers(3, 4), numbers(4)),
    }
    return cases


def _matrices() -> dict[str, Case]:
    cases = {
        "Gemm": single("Gemm", (2, 3), numbers(3, 4), numbers(4)),
        "Gemm transposed": single("Gemm", (2, 3), numbers(4, 3), numbers(4), transB=1),
        "Gemm without bias": single("Gemm", (2, 3), numbers(4, 3), transB=1),
        "Gemm of one row": single("Gemm", (1, 3), numbers(4, 3), numbers(1, 4), transB=1),
        "Gemm both transposed": single("Gemm", (3, 2), numbers(4, 3), numbers(1), transA=1, transB=1),
        "Gemm scaled": single("Gemm", (2, 3), numbers(4, 3), numbers(4), transB=1, alpha=0.5, beta=-2.0),
        "Gemm with a bias by row": single("Gemm", (2, 3), numbers(4, 3), numbers(2, 1), transB=1),
        "Gemm with a computed bias": single("Gemm", (2, 3), numbers(4, 3), (4,), transB=1, beta=3.0),
        "Gemm computed": single("Gemm", (2, 3), (3, 4), (4,)),
        "Gemm computed, transposed": single("Gemm", (3, 2), (4, 3), transA=1, transB=1),
        "Gemm constant first": single("Gemm", numbers(2, 3), (3, 4)),
    }
    shapes = [((2, 3), (3, 4)), ((3,), (3, 4)), ((2, 3), (3,)), ((3,), (3,)), ((2, 5, 3), (2, 3, 4)), ((2, 5, 3), (3, 4))]
    shapes += [((5, 3), (2, 3, 4)), ((2, 1, 5, 3), (6, 3, 1)), ((2, 5, 3), (3,)), ((2, 2, 5, 3), (3, 4))]
    for left, right in shapes:
        cases[f"MatMul {left} {right}"] = single("MatMul", left, right)
        cases[f"MatMul {left} constant {right}"] = single("MatMul", left, numbers(*right))
        cases[f"MatMul constant {left} {right}"] = single("MatMul", numbers(*left), right)
    return cases


def window(axes: int, kernel=3, stride=1, pads=0, **more) -> dict:
    def each(number):
        return (number,) * axes if isinstance(number, int) else number

    pads = each(pads) if not isinstance(pads, int) else (pads,) * (2 * axes)
    return {"kernel_shape": each(kernel), "strides": each(stride), "pads": pads} | more


def _convolutions() -> dict[str, Case]:
    one = {"dilations": (1, 1)}
    image = (2, 4, 9, 7)
    cases = {
        "Conv": single("Conv", image, numbers(6, 4, 3, 3), numbers(6), **window(2), **one),
        "Conv without bias": single("Conv", image, numbers(6, 4, 3, 3), **window(2), **one),
        "Conv of other numbers": single(
            "Conv", image, numbers(6, 4, 3, 2), numbers(6), **window(2, (3, 2), (2, 3), (2, 1, 2, 1)), **one
        ),
        "Conv in groups": single("Conv", image, numbers(6, 2, 3, 3), numbers(6), **window(2, pads=1), **one, group=2),
        "Conv depthwise": single("Conv", image, numbers(4, 1, 3, 3), numbers(4), **window(2, pads=1), **one, group=4),
        "Conv dilated": single("Conv", image, numbers(6, 4, 3, 3), **window(2, pads=2), dilations=(2, 1)),
        "Conv, more pads behind": single("Conv", image, numbers(6, 4, 3, 3), **window(2, pads=(0, 1, 1, 2)), **one),
        "Conv, more pads before": single("Conv", image, numbers(6, 4, 3, 3), **window(2, 3, 2, (2, 1, 0, 0)), **one),
        "Conv, more pads behind a stride": single("Conv", image, numbers(6, 4, 3, 3), **window(2, 3, 2, (0, 0, 1, 2)), **one),
        "Conv over one axis": single(
            "Conv", (2, 4, 9), numbers(6, 4, 3), numbers(6), **window(1, 3, 2, (1, 1)), dilations=(1,)
        ),
        "Conv over one axis, pads behind": single(
            "Conv", (2, 4, 9), numbers(6, 4, 3), numbers(6), **window(1, 3, 2, (0, 1)), dilations=(2,)
        ),
        "Conv over three axes": single(
            "Conv", (2, 4, 5, 6, 7), numbers(6, 2, 2, 3, 1), numbers(6),
            **window(3, (2, 3, 1), (1, 2, 3), (1, 0, 2, 1, 0, 2)), dilations=(2, 1, 1), group=2,
        ),
        "Conv over three axes, pads behind": single(
            "Conv", (1, 2, 5, 6, 7), numbers(3, 2, 2, 2, 2), **window(3, 2, 2, (0, 0, 0, 1, 0, 1)), dilations=(1, 1, 1)
        ),
        "Conv with a computed bias": single("Conv", image, numbers(6, 4, 3, 3), (6,), **window(2), **one),
        "Im2Col": single("Im2Col", image, **window(2, (3, 2), (2, 1), (1, 0, 1, 0)), dilations=(2, 1)),
        "Im2Col, pads behind": single("Im2Col", image, **window(2, 3, 2, (0, 1, 1, 0)), **one),
        "LocallyConnected": single(
            "LocallyConnected", (2, 3, 5, 6), numbers(3, 3, 4, 3, 3, 2), numbers(4, 3, 3), **window(2, (3, 2), (2, 3), 1)
        ),
        "LocallyConnected without bias": single(
            "LocallyConnected", (1, 2, 4, 4), numbers(3, 3, 2, 2, 2, 2), **window(2, 2, 1)
        ),
    }  # fmt: skip
    small = (2, 4, 3, 5)
    for stride, extra, pads, dilation in (
        (1, 0, 0, 1), (2, 0, (1, 1, 1, 1), 1), (2, 1, (1, 1, 1, 1), 1), (3, 2, (0, 1, 0, 1), 1), (2, 1, (1, 0, 1, 0), 2),
        (2, 0, (1, 1, 0, 0), 1), (2, 0, (0, 0, 1, 2), 1), (3, (1, 2), (2, 1, 1, 2), 1), (2, 1, 0, 2), (2, 1, 1, 2),
    ):  # fmt: skip
        extra = (extra,) * 2 if isinstance(extra, int) else extra
        geometry = window(2, (3, 4), stride, pads) | {"dilations": (dilation,) * 2, "output_padding": extra}
        name = f"ConvTranspose {stride} {extra} {pads} {dilation}"
        cases[name] = single("ConvTranspose", small, numbers(4, 3, 3, 4), numbers(3), **geometry)
        cases[f"{name} in groups"] = single("ConvTranspose", small, numbers(4, 3, 3, 4), numbers(6), **geometry, group=2)
    cases["ConvTranspose over one axis"] = single(
        "ConvTranspose", (2, 4, 5), numbers(4, 3, 3), **window(1, 3, 2, (1, 1)), dilations=(1,), output_padding=(1,)
    )
    cases["ConvTranspose over three axes"] = single(
        "ConvTranspose", (1, 2, 2, 3, 4), numbers(2, 3, 2, 3, 2), numbers(3),
        **window(3, (2, 3, 2), (1, 2, 3), (0, 1, 0, 0, 1, 0)), dilations=(1, 1, 1), output_padding=(0, 1, 2),
    )  # fmt: skip
    return cases


def _poolings() -> dict[str, Case]:
    cases = {}
    image = (2, 3, 9, 7)
    one = {"dilations": (1, 1)}
    settings = [
        window(2, 2, 2), window(2, 3, 2), window(2, 3, 2, 1), window(2, (3, 2), (2, 1), (1, 0, 1, 0)), window(2, 1, 2),
        window(2, 1, 3), window(2, 3, 2, (0, 0, 1, 1)), window(2, 3, 2, (1, 1, 0, 0)), window(2, 2, 3, (1, 0, 1, 0)),
        window(2, (9, 7), 1), window(2, 2, 2, (0, 0, 3, 3)), window(2, 2, 1, (2, 1, 2, 1)), window(2, 4, 4, (1, 1, 2, 1)),
    ]  # fmt: skip
    for index, (setting, ceil) in enumerate(product(settings, (0, 1))):
        cases[f"MaxPool {index} {ceil}"] = single("MaxPool", image, **setting, **one, ceil_mode=ceil, high=-1)
        for padding in (0, 1):
            if setting["pads"] not in ((0, 0, 3, 3), (2, 1, 2, 1)) or padding:
                cases[f"AveragePool {index} {ceil} {padding}"] = single(
                    "AveragePool", image, **setting, ceil_mode=ceil, count_include_pad=padding
                )
    cases |= {
        "MaxPool cut": single("MaxPool", image, **window(2, 2, 2, (0, 0, -2, -1)), **one),
        "MaxPool dilated": single("MaxPool", image, **window(2, 3, 2, 1), dilations=(2, 2)),
        "MaxPool dilated, ceil": single("MaxPool", image, **window(2, (2, 3), (1, 2), 1), dilations=(3, 2), ceil_mode=1),
        "MaxPool over one axis": single("MaxPool", (2, 3, 9), **window(1, 3, 2, 1), dilations=(1,)),
        "MaxPool over one axis, ceil": single("MaxPool", (2, 3, 10), **window(1, 3, 2), dilations=(1,), ceil_mode=1),
        "MaxPool over three axes": single(
            "MaxPool", (2, 3, 5, 6, 7), **window(3, (2, 3, 2), (2, 1, 3), (1, 0, 0, 1, 0, 0)), dilations=(1, 1, 1)
        ),
        "MaxPool over three axes, dilated": single(
            "MaxPool", (1, 2, 5, 6, 7), **window(3, 2, 1), dilations=(2, 1, 3), ceil_mode=1
        ),
        "AveragePool over one axis": single("AveragePool", (2, 3, 9), **window(1, 3, 2, 1)),
        "AveragePool over three axes": single(
            "AveragePool", (2, 3, 5, 6, 7), **window(3, (2, 3, 2), (2, 1, 3), 1), ceil_mode=1, count_include_pad=0
        ),
        "AveragePool over three axes, padding": single(
            "AveragePool", (2, 3, 5, 6, 7), **window(3, (2, 3, 2), (2, 1, 3), 1), count_include_pad=1
        ),
        "LpPool": single("LpPool", image, **window(2, 2, 2), p=2),
        "LpPool 3, pads": single("LpPool", image, **window(2, 3, 2, 1), p=3),
        "LpPool 1": single("LpPool", image, **window(2, 2, 2), p=1),
    }
    for operator, shape in product(("GlobalAveragePool", "GlobalMaxPool"), (image, (2, 3, 5), (1, 3, 4, 5, 2))):
        cases[f"{operator} {shape}"] = single(operator, shape)
    return cases


def _normalizations() -> dict[str, Case]:
    cases = {}
    for shape in ((2, 3, 4, 5), (4, 3), (2, 3, 5), (1, 3, 2, 3, 2)):
        statistics = numbers(3), np.abs(numbers(3)) + np.float32(0.2)
        both = numbers(3), numbers(3)
        cases[f"BatchNormalization {shape}"] = single("BatchNormalization", shape, *both, *statistics, epsilon=1e-3)
        cases[f"BatchNormalization alone {shape}"] = single("BatchNormalization", shape, None, None, *statistics)
    cases["BatchNormalization, scale only"] = single("BatchNormalization", (2, 3, 4, 5), both[0], None, *statistics)
    cases["BatchNormalization, bias only"] = single("BatchNormalization", (2, 3, 4, 5), None, both[0], *statistics)
    for shape in ((2, 3, 4, 5), (2, 3, 7), (1, 3, 2, 3, 4)):
        cases[f"InstanceNormalization {shape}"] = single("InstanceNormalization", shape, *both, epsilon=1e-3)
        cases[f"InstanceNormalization alone {shape}"] = single("InstanceNormalization", shape)
        cases[f"LayerNormalization {shape}"] = single("LayerNormalization", shape, numbers(shape[-1]), numbers(shape[-1]))
    cases["LayerNormalization of images"] = single("LayerNormalization", (2, 3, 4, 5), numbers(3, 4, 5), None, axis=1)
    cases["LayerNormalization of a vector"] = single("LayerNormalization", (7,))
    for shape, size in product(((2, 7, 3, 4), (2, 7), (2, 7, 5), (1, 7, 2, 3, 2)), (3, 4)):
        cases[f"LRN {shape} {size}"] = single("LRN", shape, size=size, alpha=0.3, beta=0.7, bias=1.5)
    for axis, p in product(range(4), (1, 2, 3)):
        cases[f"LpNormalization {axis} {p}"] = single("LpNormalization", (2, 3, 4, 5), axis=axis, p=p)
    cases["LpNormalization of 0"] = Case(
        lambda b: b.add("LpNormalization", b.input("x", (2, 3)), name="y"),
        feeds={"x": np.array([[0, 0, 0], [1e-12, 0, 0]], np.float32)},
    )
    for axes in ((2, 3), (1, 2, 3), (0, 2, 3), (1,), (0,), (3,)):
        cases[f"MeanVarianceNormalization {axes}"] = single("MeanVarianceNormalization", (2, 3, 4, 5), axes=axes)
    return cases


def _reductions() -> dict[str, Case]:
    cases = {}
    kinds = ("Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSumExp")
    for kind, keep, axes in product(kinds, (0, 1), ((3,), (1,), (0,), (2, 3), (0, 2), (0, 1, 2, 3), (1, 3), (-3, -2))):
        cases[f"Reduce{kind} {axes} {keep}"] = single(f"Reduce{kind}", (2, 3, 4, 5), axes=axes, keepdims=keep)
    cases["ReduceSum of a vector"] = single("ReduceSum", (5,), axes=(0,), keepdims=0)
    for operator, axis, keep in product(("ArgMax", "ArgMin"), (0, 1, 3), (0, 1)):
        cases[f"{operator} {axis} {keep}"] = single(operator, (2, 3, 4, 5), axis=axis, keepdims=keep)
    cases["ArgMax of equal ones"] = single("ArgMax", ("int64", (3, 40)), axis=1, high=4)
    for axis, largest in product((-1, 1, 0), (0, 1)):
        cases[f"TopK {axis} {largest}"] = single("TopK", (3, 5, 4), k=2, axis=axis, largest=largest)
    cases["TopK of equal ones"] = single("TopK", ("int64", (3, 9)), k=4, axis=1, high=3)
    return cases


def _shapes() -> dict[str, Case]:
    cases = {
        "Reshape": single("Reshape", (2, 3, 4), shape=(0, -1)),
        "Reshape to a column": single("Reshape", (2, 3, 4), shape=(-1, 1)),
        "Reshape to a number": single("Reshape", (1, 1), shape=()),
        "Flatten": single("Flatten", (2, 3, 4, 5)),
        "Flatten 0": single("Flatten", (2, 3, 4), axis=0),
        "Flatten 2": single("Flatten", (2, 3, 4), axis=2),
        "Flatten a vector": single("Flatten", (5,), axis=1),
        "Squeeze": single("Squeeze", (2, 1, 3, 1), axes=(1, -1)),
        "Unsqueeze": single("Unsqueeze", (2, 3), axes=(0, -1)),
        "Concat": single("Concat", (2, 3, 4), (2, 5, 4), axis=1),
        "Concat the batch": single("Concat", (2, 3), (1, 3), numbers(2, 3), axis=-2),
        "Split": single("Split", (2, 6, 3), split=(1, 3, 2), axis=1),
        "Split into one": single("Split", (2, 6), split=(6,), axis=1),
        "Slice": single("Slice", (2, 6, 5), starts=(1, -3), ends=(4, 100), axes=(1, 2)),
        "Slice all": single("Slice", (2, 6, 5), starts=(0,), ends=(2**40,), axes=(1,)),
        "Expand": single("Expand", (3, 1), shape=(2, 3, 4)),
        "Expand a number": single("Expand", (), shape=(2, 3)),
        "Tile": single("Tile", (2, 3, 1), repeats=(2, 1, 3)),
        "Gather constant rows": Case(
            lambda b: b.add("Gather", b.input("x", (2, 5, 3)), b.weight(np.array([[3, 0], [0, 4]]), name="i"), axis=1, name="y")
        ),
        "Gather many": Case(
            lambda b: b.add("Gather", b.input("x", (2, 5, 3)), b.weight(np.arange(30) * 7 % 5, name="i"), axis=1, name="y")
        ),
        "Gather from a table": single("Gather", numbers(5, 4), ("int64", (2, 3)), high=5),
        "Gather from a list": single("Gather", numbers(5), ("int64", (2,)), high=5),
        "Gather columns of a table": single("Gather", numbers(3, 5, 2), ("int64", (2, 2)), axis=1, high=5),
        "Gather at run time": single("Gather", (5, 3), ("int64", (4,)), high=5),
        "Gather at run time, axis 1": single("Gather", (2, 5, 3), ("int64", (2, 2)), axis=1, high=5),
        "OneHot": single("OneHot", ("int64", (2, 3)), depth=4, high=6),
        "OneHot of a float": Case(
            lambda b: b.add("OneHot", b.add("Cast", b.input("x", (5,)), to="int64", name="c"), depth=4, name="y"),
            feeds={"x": np.array([0, 3, 2, 7, 1], np.float32)},
        ),
        "DepthToSpace CRD": single("DepthToSpace", (2, 12, 3, 4), blocksize=2, mode="CRD"),
        "DepthToSpace DCR": single("DepthToSpace", (2, 18, 3, 4), blocksize=3, mode="DCR"),
        "SpaceToDepth": single("SpaceToDepth", (2, 3, 4, 6), blocksize=2),
    }
    for perm in ((0, 2, 3, 1), (0, 3, 1, 2), (1, 0, 2, 3), (3, 2, 1, 0), (0, 1, 3, 2), (2, 0, 3, 1), (0, 3, 2, 1)):
        cases[f"Transpose {perm}"] = single("Transpose", (2, 3, 4, 5), perm=perm)
    cases["Transpose rows"] = single("Transpose", (3, 4), perm=(1, 0))
    cases["Transpose sizes 1"] = single("Transpose", (2, 1, 5), perm=(0, 2, 1))
    cases["Transpose five"] = single("Transpose", (2, 3, 1, 2, 2), perm=(0, 3, 1, 4, 2))
    for mode, pads in product(
        ("constant", "reflect", "edge"),
        ((0, 0, 1, 2, 0, 0, 2, 1), (0, 0, -1, 2, 0, 0, 2, -2), (0, 1, 0, 0, 0, 2, 1, 0), (0, 0, -1, -2, 0, 0, -1, 0)),
    ):
        for value in (0.0, 2.5) if mode == "constant" else (0.0,):
            cases[f"Pad {mode} {pads} {value}"] = single("Pad", (2, 3, 5, 6), pads=pads, mode=mode, value=value)
    cases["Pad one axis"] = single("Pad", (2, 3, 5), pads=(0, 0, 2, 0, 0, 1), value=-1.0)
    cases["Pad rows"] = single("Pad", (2, 3), pads=(1, 0, 0, 2))
    cases["Pad three axes"] = single("Pad", (1, 2, 3, 4, 3), pads=(0, 0, 1, 2, 0, 0, 0, 1, 1, 2))
    cases["Pad much"] = single("Pad", (1, 2, 24, 25), pads=(0, 0, 20, 20, 0, 0, 20, 20), mode="reflect")
    return cases


def _resizes() -> dict[str, Case]:
    image = (2, 3, 4, 5)
    aligned = {"mode": "linear", "coordinate_transformation_mode": "align_corners"}
    return {
        "Resize": single("Resize", image, scales=(1.0, 1.0, 2.0, 3.0)),
        "Resize one axis": single("Resize", (2, 3, 5), scales=(1.0, 1.0, 2.0)),
        "Resize three axes": single("Resize", (1, 2, 2, 3, 2), scales=(1.0, 1.0, 2.0, 1.0, 3.0)),
        "Resize by a fraction": single("Resize", image, scales=(1.0, 1.0, 1.5, 0.6)),
        "Resize many by a fraction": single("Resize", (1, 2, 24, 3), scales=(1.0, 1.0, 1.7, 1.0)),
        "Resize to sizes": single("Resize", image, sizes=(2, 3, 7, 3)),
        "Resize linear": single("Resize", image, scales=(1.0, 1.0, 2.0, 2.0), **aligned),
        "Resize linear to sizes": single("Resize", image, sizes=(2, 3, 9, 3), **aligned),
        "Resize linear, asymmetric": single("Resize", image, scales=(1.0, 1.0, 2.0, 1.5), mode="linear"),
        "Resize to one": single("Resize", image, sizes=(2, 3, 1, 1), **aligned),
    }


def _whole_nets() -> dict[str, Case]:
    def residual(b: Builder) -> Value:
        x = b.input("x", (2, 3, 8, 8))
        w = b.weight(numbers(3, 3, 3, 3), name="w")
        geometry = window(2, 3, 1, 1, dilations=(1, 1))
        y = b.add("Relu", b.add("Conv", x, w, name="a", **geometry), name="b")
        return b.add("Add", x, b.add("Conv", y, w, name="c", **geometry), name="d")

    def outputs(b: Builder) -> list[Value]:
        x, unused = b.input("x", (2, 3)), b.input("unused", (2,))
        y = b.add("Exp", x, name="y")
        z = b.add("Neg", y, name="a")
        b.add("Abs", unused, name="dead")
        return [y, z, x, y, b.weight(numbers(2, 2), name="w")]

    def tied(b: Builder) -> Value:
        w = numbers(3, 3)
        x = b.add("Gemm", b.input("x", (2, 3)), b.weight(w, name="w"), transB=1, name="a")
        return b.add("Mul", b.add("Gemm", x, b.weight(w, name="w"), transB=1, name="b"), b.weight(w[:2], name="v"), name="c")

    return {"residual": Case(residual), "outputs": Case(outputs), "tied": Case(tied)}


FAMILIES = {
    "activation": _activations(),
    "arithmetic": _arithmetic(),
    "comparison": _comparisons(),
    "matrix": _matrices(),
    "convolution": _convolutions(),
    "pooling": _poolings(),
    "normalization": _normalizations(),
    "reduction": _reductions(),
    "shape": _shapes(),
    "resize": _resizes(),
    "nets": _whole_nets(),
}
