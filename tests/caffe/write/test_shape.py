from itertools import product

import numpy as np
import pytest

from pipeline.caffe.write import write
from pipeline.errors import OverBudget
from tests.caffe.write.check import Case, check, graph_of, numbers, single
from tests.support import taking_less_than


def cases() -> dict[str, Case]:
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
            lambda b: b.add(
                "Gather", b.input("x", (2, 5, 3)), b.weight(np.array([[3, 0], [0, 4]]), name="i"), axis=1, name="y"
            )
        ),
        "Gather many": Case(
            lambda b: b.add(
                "Gather", b.input("x", (2, 5, 3)), b.weight(np.arange(30) * 7 % 5, name="i"), axis=1, name="y"
            )
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


CASES = cases()


@pytest.mark.parametrize("name", CASES)
def test_the_layers_compute_what_the_graph_does(name):
    check(CASES[name])


def test_a_layer_of_more_blobs_than_a_reader_takes_is_refused_at_once():
    backwards = np.arange(30_000)[::-1]
    with taking_less_than(1), pytest.raises(OverBudget, match="30,000 tensors in one table"):
        write(graph_of(lambda b: b.add("Gather", b.input("x", (2, 30_000)), b.weight(backwards), axis=1)))
