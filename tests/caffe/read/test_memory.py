"""Networks that overwrite a blob by way of another one are refused where Caffe would read the difference."""

import pytest

from pipeline.caffe.read import read
from pipeline.errors import UnsupportedError
from tests.caffe.read.nets import inputs, net

SPLIT = 'layer { name: "split" type: "Split" bottom: "x" top: "a" top: "b" }'
WRITE = 'layer { name: "write" type: "TanH" bottom: "a" top: "a" }'
READ = 'layer { name: "read" type: "AbsVal" bottom: "b" top: "y" }'


def problems(*layers):
    network = net(inputs(x=(2, 3)) + "".join(layers))
    with pytest.raises(UnsupportedError) as error:
        read(network)
    return [(problem.origin, problem.reason) for problem in error.value.problems]


def reason(blob, writer="write (TanH)"):
    return f"it takes '{blob}', which lies in memory that {writer} has overwritten in place"


def test_a_copy_that_is_overwritten_by_way_of_its_sibling_cannot_be_read():
    assert problems(SPLIT, WRITE, READ) == [("read (AbsVal)", reason("b"))]
    assert problems(SPLIT, WRITE) == [("the network's outputs", reason("b"))]


def test_a_copy_that_was_read_before_is_fine():
    graph = read(net(inputs(x=(2, 3)) + SPLIT + READ + WRITE))
    assert [value.name for value in graph.outputs] == ["a", "y"]


def test_an_overwritten_copy_that_nobody_looks_at_is_fine():
    read(net(inputs(x=(2, 3)) + SPLIT + WRITE + 'layer { name: "s" type: "Silence" bottom: "b" }'))


def test_a_layer_that_changes_nothing_in_place_is_fine():
    read(net(inputs(x=(2, 3)) + SPLIT + WRITE.replace("TanH", "Dropout") + READ))


@pytest.mark.parametrize(
    "view",
    [
        'layer { name: "v" type: "Flatten" bottom: "x" top: "a" }',
        'layer { name: "v" type: "Reshape" bottom: "x" top: "a" reshape_param { shape { dim: 0 dim: -1 } } }',
        'layer { name: "v" type: "Concat" bottom: "x" top: "a" }',
        'layer { name: "v" type: "Slice" bottom: "x" top: "a" }',
    ],
)
def test_another_view_of_a_blob_is_the_blob(view):
    reader = READ.replace('bottom: "b"', 'bottom: "x"')
    assert problems(view, WRITE, reader) == [("read (AbsVal)", reason("x"))]
    read(net(inputs(x=(2, 3)) + view + reader + WRITE))


def test_a_blob_of_its_own_is_not_the_one_it_was_made_from():
    own = 'layer { name: "own" type: "AbsVal" bottom: "x" top: "a" }'
    read(net(inputs(x=(2, 3)) + own + WRITE + READ.replace('bottom: "b"', 'bottom: "x"')))
