from itertools import product

import numpy as np
import pytest

from tests.caffe.write.check import Case, check, numbers, single, twice


def cases() -> dict[str, Case]:
    image = (2, 3, 4, 5)
    cases = {}
    others = [
        (2, 3, 4, 5),
        (3, 1, 1),
        (1, 3, 1, 1),
        (2, 3),
        (2, 3, 1, 1),
        (4, 5),
        (5,),
        (1,),
        (),
        (2, 1, 4, 5),
        (3, 1, 5),
    ]
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
    cases["Add two constants"] = Case(
        lambda b: b.add("Add", b.weight(numbers(3, 1), name="v"), b.weight(numbers(4), name="w"), name="y")
    )
    cases["Add itself"] = twice("Add")
    for operator in ("Sum", "Max", "Min", "Mean"):
        cases[operator] = single(operator, image, image, image)
        cases[f"{operator} of one"] = single(operator, image)
        cases[f"{operator} broadcast"] = single(operator, image, (3, 1, 1), (5,))
        cases[f"{operator} with constants"] = single(operator, image, numbers(1), numbers(3, 1, 1))
        cases[f"{operator} twice the same"] = twice(operator)
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
        "scalar": Case(
            lambda b: b.add("Exp", b.add("ReduceSum", b.input("x", (3,)), axes=(0,), keepdims=0, name="s"), name="y")
        ),
    }
    return cases


CASES = cases()


@pytest.mark.parametrize("name", CASES)
def test_the_layers_compute_what_the_graph_does(name):
    check(CASES[name])
