import numpy as np
import pytest

from tests.caffe.write.check import Case, check, numbers, single


def cases() -> dict[str, Case]:
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


CASES = cases()


@pytest.mark.parametrize("name", CASES)
def test_the_layers_compute_what_the_graph_does(name):
    check(CASES[name])
