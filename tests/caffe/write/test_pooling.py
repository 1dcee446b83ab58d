from itertools import product

import pytest

from tests.caffe.write.check import Case, check, single, window


def cases() -> dict[str, Case]:
    cases = {}
    image = (2, 3, 9, 7)
    one = {"dilations": (1, 1)}
    settings = [
        window(2, 2, 2), window(2, 3, 2), window(2, 3, 2, 1), window(2, (3, 2), (2, 1), (1, 0, 1, 0)), window(2, 1, 2),
        window(2, 1, 3), window(2, 3, 2, (0, 0, 1, 1)), window(2, 3, 2, (1, 1, 0, 0)), window(2, 2, 3, (1, 0, 1, 0)),
        window(2, (9, 7), 1), window(2, 2, 2, (0, 0, 3, 3)), window(2, 2, 1, (2, 1, 2, 1)),
        window(2, 4, 4, (1, 1, 2, 1)),
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
        "MaxPool dilated, ceil": single(
            "MaxPool", image, **window(2, (2, 3), (1, 2), 1), dilations=(3, 2), ceil_mode=1
        ),
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


CASES = cases()


@pytest.mark.parametrize("name", CASES)
def test_the_layers_compute_what_the_graph_does(name):
    check(CASES[name])
