"""Losses as modules of a graph (nngraph's ModuleFromCriterion), which map {prediction, target} to a number."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipeline.graph.operators import LogSoftmax, OneHot, ReduceMean, ReduceSum
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, TorchValue, module
from pipeline.torch7.modules.table import alike, alike_pair, zero_based

Loss = Callable[[Module, tuple[TorchValue, ...], Lowering], Value]


@module("nn.ModuleFromCriterion", holds=("criterion",))
def module_from_criterion(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """The loss of {prediction, target}, a tensor of one element (nngraph)."""
    criterion = m.child("criterion")
    return net.tensor(net.run(criterion, x[:2]))


def whole(m: Module, terms: Value, net: Lowering) -> Value:
    """Return the mean of all terms, or their sum if `sizeAverage` is false, as a tensor of one element."""
    operator = ReduceMean if m.flag("sizeAverage", True) else ReduceSum
    return net.add(operator(axes=(1,), keepdims=0), net.reshape(terms, (1, -1), part="terms_row"))


def unweighted(m: Module, net: Lowering) -> None:
    """Raise UnsupportedError for a loss with weights."""
    if m.has("weights"):
        net.refuse("is a loss that weighs its terms, which is not known here", "--drop-loss leaves it out")


@module("nn.MSECriterion")
def mean_square_error(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """The mean of (x - y)^2."""
    difference = net.add("Sub", *alike(x, net, 2), part="difference")
    return whole(m, net.add("Mul", difference, difference, part="terms"), net)


@module("nn.AbsCriterion")
def mean_absolute_error(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """The mean of |x - y|."""
    return whole(m, net.add("Abs", net.add("Sub", *alike(x, net, 2), part="difference"), part="terms"), net)


@module("nn.SmoothL1Criterion")
def smooth_absolute_error(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """The mean of d^2 / 2 where d = |x - y| is below 1, else of d - 1/2: c (d - c / 2) with c = min(d, 1)."""
    distance = net.add("Abs", net.add("Sub", *alike(x, net, 2), part="difference"), part="distance")
    cut = net.add("Min", distance, net.constant(1.0, "one"), part="cut")
    half = net.add("Mul", cut, net.constant(0.5, "half"), part="half_cut")
    return whole(m, net.add("Mul", cut, net.add("Sub", distance, half, part="rest"), part="terms"), net)


@module("nn.BCECriterion")
def binary_cross_entropy(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """The mean of -y log(x + 1e-12) - (1 - y) log(1 - x + 1e-12)."""
    unweighted(m, net)
    given, target = alike(x, net, 2)
    one, eps = net.constant(1.0, "one"), net.constant(1e-12, "eps")

    def term(value: Value, weight: Value, part: str) -> Value:
        log = net.add("Log", net.add("Add", value, eps, part=f"{part}_eps"), part=f"{part}_log")
        return net.add("Mul", weight, log, part=part)

    yes = term(given, target, "yes")
    no = term(net.add("Sub", one, given, part="not_given"), net.add("Sub", one, target, part="not_target"), "no")
    return whole(m, net.add("Neg", net.add("Add", yes, no, part="logs"), part="terms"), net)


@module("nn.ClassNLLCriterion")
def negative_log_likelihood(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """The mean of -x at the class of each row, from 1 on, weighted by class; rows of `ignoreIndex` do not count."""
    rows, classes = alike_pair(x, net)
    if rows.rank == 1:
        rows = net.reshape(rows, (1, rows.shape[0]), part="rows")
    if rows.rank != 2 or classes.shape != rows.shape[:1]:
        net.misfit("rows, and a class for each", x)
    count, ignored = rows.shape[1], m.int("ignoreIndex", -100)
    weights = np.ones(count, np.float32) if m.array("weights") is None else np.array(m.weight("weights"))
    if weights.shape != (count,):
        net.damaged(f"{count} weights", "x".join(map(str, weights.shape)))
    if 1 <= ignored <= count:
        weights[ignored - 1] = 0
    chosen = net.add(OneHot(depth=count), zero_based(classes, net), part="chosen")
    if (weights != 1).any():
        chosen = net.add("Mul", chosen, net.weight(weights, "weights"), part="weighed")
    terms = net.add("Neg", net.add("Mul", rows, chosen, part="picked"), part="terms")
    sums = ReduceSum(axes=(1,), keepdims=0)
    average = m.flag("sizeAverage", True)
    loss = net.add(sums, net.reshape(terms, (1, -1), part="terms_row"), part="sum" if average else "")
    if not average:
        return loss
    total = net.add(sums, net.reshape(chosen, (1, -1), part="weights_row"), part="total")
    least = net.constant(float(np.finfo(np.float32).tiny), "least")  # so that the loss of nothing is 0, not NaN
    return net.add("Div", loss, net.add("Max", total, least, part="not_zero"))


@module("nn.CrossEntropyCriterion", holds=("nll",))
def cross_entropy(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """ClassNLLCriterion of the logarithms of a softmax."""
    rows, classes = alike_pair(x, net)
    rows = net.reshape(rows, tuple(size for size in rows.shape if size > 1) or (1,), part="squeezed")
    logs = net.add(LogSoftmax(axis=rows.rank - 1), rows, part="logs")
    return net.tensor(net.run(m.child("nll"), (logs, net.reshape(classes, (-1,), part="classes"))))
