from __future__ import annotations

import pytest

from pipeline.errors import UsageError
from pipeline.graph.builder import Builder
from pipeline.graph.passes import apply
from pipeline.graph.values import Origin
from tests.support import numbers


def test_folded_and_removed_nodes_are_told_with_the_layers_they_were() -> None:
    net = Builder()
    x = net.input("x", (2, 3, 4, 4))
    with net.at("conv1", Origin("conv1", "Convolution")):
        how = {"kernel_shape": (1, 1), "strides": (1, 1), "pads": (0,) * 4, "dilations": (1, 1)}
        x = net.add("Conv", x, net.weight(numbers(3, 3, 1, 1)), **how)
    with net.at("bn1", Origin("bn1", "BatchNorm")):
        x = net.add("BatchNormalization", x, None, None, net.weight(numbers(3), "mean"), net.weight(numbers(3) ** 2))
    with net.at("scale1", Origin("scale1", "Scale")):
        x = net.add("Mul", x, net.weight(numbers(3, 1, 1), "factor"))
    with net.at("drop1", Origin("drop1", "Dropout")):
        x = net.add("Dropout", x)
    graph = net.finish([net.add("Relu", x, name="y")])
    _, changes = apply(graph, ["fold_batchnorm", "remove_identity"])
    assert [(change.by, change.origin, change.what) for change in changes] == [
        ("fold_batchnorm", "bn1 (BatchNorm)", "folded into conv1 (Convolution)"),
        ("fold_batchnorm", "scale1 (Scale)", "folded into conv1 (Convolution)"),
        ("remove_identity", "drop1 (Dropout)", "left out"),
    ]


def test_a_misspelt_pass_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError) as failure:
        apply(Builder().finish([]), ["fold_batchnrom"])
    assert failure.value.advice == "did you mean fold_batchnorm?"
