from itertools import product

import numpy as np
import pytest

from tests.caffe.write.check import Case, check, numbers, single


def cases() -> dict[str, Case]:
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
        cases[f"LayerNormalization {shape}"] = single(
            "LayerNormalization", shape, numbers(shape[-1]), numbers(shape[-1])
        )
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


CASES = cases()


@pytest.mark.parametrize("name", CASES)
def test_the_layers_compute_what_the_graph_does(name):
    check(CASES[name])
