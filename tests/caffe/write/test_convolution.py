import pytest

from tests.caffe.write.check import Case, check, numbers, single, window


def cases() -> dict[str, Case]:
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
        "Conv, more pads behind a stride": single(
            "Conv", image, numbers(6, 4, 3, 3), **window(2, 3, 2, (0, 0, 1, 2)), **one
        ),
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
            "LocallyConnected", (2, 3, 5, 6), numbers(3, 3, 4, 3, 3, 2), numbers(4, 3, 3),
            **window(2, (3, 2), (2, 3), 1),
        ),
        "LocallyConnected without bias": single(
            "LocallyConnected", (1, 2, 4, 4), numbers(3, 3, 2, 2, 2, 2), **window(2, 2, 1)
        ),
    }  # fmt: skip
    small = (2, 4, 3, 5)
    for stride, extra, pads, dilation in (
        (1, (0, 0), 0, 1), (2, (0, 0), 1, 1), (2, (1, 1), 1, 1), (3, (2, 2), (0, 1, 0, 1), 1),
        (2, (1, 1), (1, 0, 1, 0), 2),
        (2, (0, 0), (1, 1, 0, 0), 1), (2, (0, 0), (0, 0, 1, 2), 1), (3, (1, 2), (2, 1, 1, 2), 1), (2, (1, 1), 0, 2),
        (2, (1, 1), 1, 2),
    ):  # fmt: skip
        geometry = window(2, (3, 4), stride, pads) | {"dilations": (dilation,) * 2, "output_padding": extra}
        name = f"ConvTranspose {stride} {extra} {pads} {dilation}"
        cases[name] = single("ConvTranspose", small, numbers(4, 3, 3, 4), numbers(3), **geometry)
        cases[f"{name} in groups"] = single(
            "ConvTranspose", small, numbers(4, 3, 3, 4), numbers(6), **geometry, group=2
        )
    cases["ConvTranspose over one axis"] = single(
        "ConvTranspose", (2, 4, 5), numbers(4, 3, 3), **window(1, 3, 2, (1, 1)), dilations=(1,), output_padding=(1,)
    )
    cases["ConvTranspose over three axes"] = single(
        "ConvTranspose", (1, 2, 2, 3, 4), numbers(2, 3, 2, 3, 2), numbers(3),
        **window(3, (2, 3, 2), (1, 2, 3), (0, 1, 0, 0, 1, 0)), dilations=(1, 1, 1), output_padding=(0, 1, 2),
    )  # fmt: skip
    return cases


CASES = cases()


@pytest.mark.parametrize("name", CASES)
def test_the_layers_compute_what_the_graph_does(name):
    check(CASES[name])
