from itertools import product

import pytest

from tests.caffe.write.check import Case, check, single


def cases() -> dict[str, Case]:
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


CASES = cases()


@pytest.mark.parametrize("name", CASES)
def test_the_layers_compute_what_the_graph_does(name):
    check(CASES[name])
