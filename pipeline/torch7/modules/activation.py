"""Element-wise activations, and the softmaxes."""

from __future__ import annotations

from pipeline.graph.operators import Clip, Elu, LeakyRelu, LogSoftmax, Softmax, ThresholdedRelu
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, module


def in_place(m: Module, x: Value, y: Value, net: Lowering) -> Value:
    """Return `y`. If its field `inplace` is set, the module writes it into the memory of its input."""
    return net.overwrite(x, y) if m.flag("inplace") else y


@module("nn.ReLU", "nn.Threshold", "cudnn.ReLU")
def threshold(m: Module, x: Value, net: Lowering) -> Value:
    """y = x where x > threshold, else val; ReLU is the Threshold of 0, 0."""
    default = 1e-6 if m.kind == "nn.Threshold" else 0.0
    limit, other = m.float("threshold", default), m.float("val", 0.0)
    if limit == other == 0:
        y = net.add("Relu", x)
    elif other == 0:
        y = net.add(ThresholdedRelu(alpha=limit), x)
    else:
        above = net.add("Greater", x, net.constant(limit, "threshold"), part="above")
        y = net.add("Where", above, x, net.constant(other, "val"))
    return in_place(m, x, y, net)


@module("nn.LeakyReLU")
def leaky_relu(m: Module, x: Value, net: Lowering) -> Value:
    """y = x where x > 0, else negval x."""
    return in_place(m, x, net.add(LeakyRelu(alpha=m.float("negval", 0.01)), x), net)


@module("nn.RReLU")
def randomized_relu(m: Module, x: Value, net: Lowering) -> Value:
    """In evaluation the slope is the mean of its range (RReLU.c)."""
    slope = (m.float("lower", 1 / 8) + m.float("upper", 1 / 3)) / 2
    return in_place(m, x, net.add(LeakyRelu(alpha=slope), x), net)


def slopes(m: Module) -> dict[int, int]:
    """Return the size of the axis along which each index has a slope of its own."""
    return {1: m.weight().size} if m.int("nOutputPlane", 0) else {}


@module("nn.PReLU", sizes=slopes)
def prelu(m: Module, x: Value, net: Lowering) -> Value:
    """y = x where x > 0, else slope x; one slope, or one for each index of the second of several axes (PReLU.c)."""
    slope = m.weight()
    if m.int("nOutputPlane", 0) == 0:
        return net.add("PRelu", x, net.weight(slope.reshape(1)[:1], "slope"))
    axis = int(x.rank > 1)
    if x.shape[axis] != slope.size:
        net.misfit(f"{slope.size} channels along dimension {axis + 1}", x)
    return net.add("PRelu", x, net.weight(slope.reshape(-1, *[1] * (x.rank - axis - 1)), "slope"))


@module("nn.ELU")
def elu(m: Module, x: Value, net: Lowering) -> Value:
    """y = x where x > 0, else alpha (exp(x) - 1)."""
    return in_place(m, x, net.add(Elu(alpha=m.float("alpha", 1.0)), x), net)


@module("nn.Tanh", "cudnn.Tanh")
def tanh(m: Module, x: Value, net: Lowering) -> Value:
    """y = tanh(x)."""
    return in_place(m, x, net.add("Tanh", x), net)


@module("nn.Sigmoid", "cudnn.Sigmoid")
def sigmoid(m: Module, x: Value, net: Lowering) -> Value:
    """y = 1 / (1 + exp(-x))."""
    return in_place(m, x, net.add("Sigmoid", x), net)


@module("nn.HardTanh", "nn.Clamp")
def hard_tanh(m: Module, x: Value, net: Lowering) -> Value:
    """Clip x to [min_val, max_val]."""
    return in_place(m, x, net.add(Clip(min=m.float("min_val", -1.0), max=m.float("max_val", 1.0)), x), net)


@module("nn.ReLU6")
def relu6(m: Module, x: Value, net: Lowering) -> Value:
    """Clip x to [0, 6]."""
    return in_place(m, x, net.add(Clip(min=0.0, max=6.0), x), net)


@module("cudnn.ClippedReLU")
def clipped_relu(m: Module, x: Value, net: Lowering) -> Value:
    """Clip x to [0, ceiling]."""
    return in_place(m, x, net.add(Clip(min=0.0, max=m.float("ceiling")), x), net)


@module("nn.Clip")
def clip(m: Module, x: Value, net: Lowering) -> Value:
    """Clip x to [minval, maxval] (dpnn)."""
    return net.add(Clip(min=m.float("minval"), max=m.float("maxval")), x)


@module("nn.SoftPlus")
def softplus(m: Module, x: Value, net: Lowering) -> Value:
    """y = log(1 + exp(beta x)) / beta; Torch's linear branch above beta x = 20 differs by less than 1e-8."""
    beta = m.float("beta", 1.0)
    if beta == 1:
        return net.add("Softplus", x)
    scaled = net.add("Mul", x, net.constant(beta, "beta"), part="scaled")
    return net.add("Mul", net.add("Softplus", scaled, part="softplus"), net.constant(1 / beta, "inverse"))


@module("nn.SoftSign")
def softsign(m: Module, x: Value, net: Lowering) -> Value:
    """y = x / (1 + |x|)."""
    return net.add("Softsign", x)


@module("nn.SoftShrink")
def soft_shrink(m: Module, x: Value, net: Lowering) -> Value:
    """Move x towards 0 by lambda: max(x - lambda, 0) - max(-x - lambda, 0)."""
    distance = net.constant(m.float("lambda", 0.5), "lambda")
    above = net.add("Relu", net.add("Sub", x, distance, part="x_lambda"), part="above")
    opposite = net.add("Neg", x, part="neg")
    below = net.add("Relu", net.add("Sub", opposite, distance, part="neg_lambda"), part="below")
    return net.add("Sub", above, below)


@module("nn.HardShrink")
def hard_shrink(m: Module, x: Value, net: Lowering) -> Value:
    """y = x where |x| > lambda, else 0."""
    distance = m.float("lambda", 0.5)
    if distance < 0:
        return net.copy(x)
    above = net.add(ThresholdedRelu(alpha=distance), x, part="above")
    below = net.add(ThresholdedRelu(alpha=distance), net.add("Neg", x, part="neg"), part="below")
    return net.add("Sub", above, below)


@module("nn.TanhShrink")
def tanh_shrink(m: Module, x: Value, net: Lowering) -> Value:
    """y = x - tanh(x)."""
    return net.add("Sub", x, net.add("Tanh", x, part="tanh"))


@module("nn.LogSigmoid")
def log_sigmoid(m: Module, x: Value, net: Lowering) -> Value:
    """y = -log(1 + exp(-x))."""
    return net.add("Neg", net.add("Softplus", net.add("Neg", x, part="neg"), part="softplus"))


def feature_axis(x: Value, net: Lowering) -> int:
    """Return the axis of the features: the first of 1 or 3 dimensions, the second of 2 or 4 (SoftMax.c)."""
    if not 1 <= x.rank <= 4:
        net.misfit("a tensor of 1 to 4 dimensions", x)
    return (x.rank + 1) % 2


@module("nn.SoftMax", "nn.SpatialSoftMax", "cudnn.SpatialSoftMax")
def softmax(m: Module, x: Value, net: Lowering) -> Value:
    """y = exp(x) / sum exp(x) over the features."""
    return net.add(Softmax(axis=feature_axis(x, net)), x)


@module("nn.LogSoftMax", "nn.SpatialLogSoftMax", "cudnn.SpatialLogSoftMax")
def log_softmax(m: Module, x: Value, net: Lowering) -> Value:
    """y = x - log(sum exp(x)) over the features."""
    return net.add(LogSoftmax(axis=feature_axis(x, net)), x)


@module("nn.SoftMin")
def softmin(m: Module, x: Value, net: Lowering) -> Value:
    """The softmax of -x."""
    return net.add(Softmax(axis=feature_axis(x, net)), net.add("Neg", x, part="neg"))


@module("cudnn.SoftMax", "cudnn.LogSoftMax")
def whole_softmax(m: Module, x: Value, net: Lowering) -> Value:
    """The softmax over all channels and pixels of a sample together (CUDNN_SOFTMAX_MODE_INSTANCE)."""
    operator = LogSoftmax() if m.kind == "cudnn.LogSoftMax" else Softmax()
    if x.rank <= 2:
        return net.add(operator, x)
    kept = x.shape[:1] if x.rank == 4 else ()
    with net.inside("whole"):
        y = net.add(operator, net.reshape(x, (*kept, -1), part="input"))
    return net.reshape(y, x.shape)


@module("cudnn.VolumetricSoftMax", rank=5)
def volumetric_softmax(m: Module, x: Value, net: Lowering) -> Value:
    """The softmax over the channels of a volume."""
    return net.add(Softmax(axis=1), x)


@module("cudnn.VolumetricLogSoftMax", rank=5)
def volumetric_log_softmax(m: Module, x: Value, net: Lowering) -> Value:
    """The log-softmax over the channels of a volume."""
    return net.add(LogSoftmax(axis=1), x)


@module("nn.MultiSoftMax")
def multi_softmax(m: Module, x: Value, net: Lowering) -> Value:
    """The softmax over the last of 3 dimensions (nnx)."""
    if x.rank != 3:
        net.misfit("a tensor of 3 dimensions", x)
    return net.add(Softmax(axis=2), x)


@module("nn.SaturatedLU")
def saturated_lu(m: Module, x: Value, net: Lowering) -> Value:
    """y = x, but `val` below `threshold` and `val2` above `threshold2` (nnx)."""
    low, high = m.float("threshold", -1.0), m.float("threshold2", 1.0)
    below, above = m.float("val", -1.0), m.float("val2", 1.0)
    if (low, high) == (below, above):
        return net.add(Clip(min=low, max=high), x)
    is_below = net.add("Less", x, net.constant(low, "threshold"), part="is_below")
    y = net.add("Where", is_below, net.constant(below, "val"), x, part="not_below")
    is_above = net.add("Greater", y, net.constant(high, "threshold2"), part="is_above")
    return net.add("Where", is_above, net.constant(above, "val2"), y)
