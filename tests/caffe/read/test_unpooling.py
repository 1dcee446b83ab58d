"""Max pooling undone by its mask, beside references that follow the definitions of the forks."""

import numpy as np
import pytest

from pipeline.caffe.read import read
from pipeline.errors import UnsupportedError
from pipeline.graph.evaluation import run
from tests.caffe.forks import FORKS
from tests.caffe.read.nets import inputs, net
from tests.support import numbers

POOL = 'layer { name: "p" type: "Pooling" bottom: "x" top: "p" top: "m" pooling_param { %s } }\n'
WINDOWS = "kernel_size: 2 stride: 2"


def masked(x):
    """Return the mask of 2 x 2 windows side by side, by the definition of pooling_layer.cpp."""
    n, c, h, w = x.shape
    found = np.zeros((n, c, -(-h // 2), -(-w // 2)), np.float32)
    for place in np.ndindex(*found.shape):
        i, j = 2 * place[2], 2 * place[3]
        window = x[place[0], place[1], i : i + 2, j : j + 2]
        row, column = np.unravel_index(window.argmax(), window.shape)
        found[place] = (i + row) * w + j + column
    return found


def unpooled(kind, param, x):
    text = inputs(x=x.shape, t=(*x.shape[:2], -(-x.shape[2] // 2), -(-x.shape[3] // 2))) + POOL % WINDOWS
    text += f'layer {{ name: "u" type: "{kind}" bottom: "t" bottom: "m" top: "u" {param} }}\n'
    graph = read(net(text))
    assert [value.name for value in graph.outputs] == ["p", "u"]
    taken = numbers(*graph.inputs[1].shape, seed=1) if graph.inputs[1].name == "t" else None
    return run(graph, [x, taken])[1], taken


EQUALS = np.array([[[[1, 1, 0], [1, 1, 0], [-1, -1, 2], [0, 0, 2]]]], np.float32)


@pytest.mark.parametrize(
    ("kind", "param", "x"),
    [
        ("Upsample", "upsample_param { scale: 2 }", numbers(2, 3, 6, 8)),
        ("Upsample", "upsample_param { scale: 2 pad_out_h: true }", numbers(1, 2, 5, 4)),
        ("Upsample", "upsample_param { upsample_h: 5 upsample_w: 7 }", numbers(1, 2, 5, 7)),
        ("Upsample", "upsample_param { upsample_h: 4 upsample_w: 3 }", EQUALS),
        ("Unpooling", "unpooling_param { unpool: MAX kernel_size: 2 stride: 2 unpool_size: 6 }", numbers(1, 2, 6, 6)),
        ("UnPooling", "unpooling_param { kernel_size: 2 stride: 2 unpool_h: 4 unpool_w: 6 }", numbers(1, 2, 4, 6)),
    ],
)
def test_numbers_go_where_the_maxima_were(kind, param, x):
    found, taken = unpooled(kind, param, x)
    name = "upsample_param" if kind == "Upsample" else "unpooling_param"
    words = param[param.index("{") + 1 : -1].replace(": ", ":").split()
    given = {
        key: value == "true" if value in ("true", "false") else value for key, value in (w.split(":") for w in words)
    }
    given = {key: int(value) if str(value).isdigit() else value for key, value in given.items()}
    (expected,) = FORKS[kind].run({name: given}, [taken, masked(x)], [], 1)
    np.testing.assert_array_equal(found, expected)


def test_the_mask_is_a_blob_like_others():
    x = numbers(1, 2, 5, 6)
    text = inputs(x=x.shape) + POOL % WINDOWS + 'layer { name: "r" type: "Power" bottom: "m" top: "r" }'
    _, mask = run(read(net(text)), [x])
    np.testing.assert_array_equal(mask, masked(x))


@pytest.mark.parametrize(
    "windows", ["kernel_size: 3 stride: 2", "kernel_size: 2 stride: 2 pad: 1", "global_pooling: true"]
)
def test_the_mask_of_windows_that_do_not_lie_side_by_side_is_refused(windows):
    with pytest.raises(UnsupportedError) as caught:
        read(net(inputs(x=(1, 2, 6, 6)) + POOL % windows))
    assert "the second top" in caught.value.problems[0].reason


@pytest.mark.parametrize(
    ("kind", "param", "bottoms"),
    [
        ("Upsample", "upsample_param { scale: 3 }", ("p", "m")),
        ("Upsample", "upsample_param { scale: 2 }", ("p", "p")),
        ("Unpooling", "unpooling_param { kernel_size: 2 stride: 2 }", ("p", "m")),
        ("Unpooling", "unpooling_param { kernel_size: 2 unpool_size: 6 unpool: AVE }", ("p", "m")),
        ("Unpooling", "unpooling_param { kernel_size: 2 unpool_size: 6 pad: 1 }", ("p", "m")),
        ("Unpooling", "unpooling_param { kernel_size: 2 unpool_size: 6 }", ("p",)),
    ],
)
def test_what_the_mask_does_not_fit_is_refused(kind, param, bottoms):
    wires = "".join(f' bottom: "{name}"' for name in bottoms)
    text = inputs(x=(1, 2, 6, 6)) + POOL % WINDOWS + f'layer {{ name: "u" type: "{kind}"{wires} top: "u" {param} }}'
    with pytest.raises(UnsupportedError) as caught:
        read(net(text))
    assert caught.value.problems[0].origin.startswith("u")
