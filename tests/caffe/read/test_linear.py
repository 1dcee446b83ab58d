"""InnerProduct and Embed against numpy."""

import numpy as np
import pytest

from pipeline.errors import InvalidInputError
from tests.caffe.read.nets import layer, result
from tests.support import numbers, operators


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(
    ("axis", "shape"),
    [(1, (2, 12)), (1, (2, 3, 4)), (2, (2, 3, 4)), (-1, (2, 3, 2, 4)), (2, (2, 3, 2, 2)), (0, (3, 4)), (0, (5,))],
)
def test_axes_from_one_on_are_multiplied_by_a_matrix(axis, shape, bias, transpose):
    x, first = numbers(*shape), axis % len(shape)
    inner = int(np.prod(shape[first:]))
    w, b = numbers(5, inner, seed=1), numbers(5, seed=2)
    fields = f"num_output: 5 axis: {axis} bias_term: {str(bias).lower()} transpose: {str(transpose).lower()}"
    blobs = [w.T if transpose else w, b][: 1 + bias]
    graph = layer("InnerProduct", "x", param=f"inner_product_param {{ {fields} }}", blobs=blobs, x=shape)
    expected = (x.reshape(-1, inner) @ w.T + (b if bias else 0)).reshape(*shape[:first], 5)
    assert graph.outputs[0].shape == expected.shape
    np.testing.assert_allclose(result(graph, x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("axis", [1, 2])
def test_the_batch_is_free(axis):
    small, large = (
        layer(
            "InnerProduct", "x", param=f"inner_product_param {{ num_output: 5 axis: {axis} bias_term: false }}",
            blobs=[numbers(5, 12 if axis == 1 else 4)], x=(batch, 3, 4),
        )
        for batch in (1, 7)
    )  # fmt: skip
    assert [node.operator.attributes for node in small.nodes] == [node.operator.attributes for node in large.nodes]


def test_a_matrix_on_rows_is_one_node():
    param = "inner_product_param { num_output: 5 }"
    assert operators(layer("InnerProduct", "x", param=param, blobs=[numbers(5, 3), numbers(5)], x=(2, 3))) == ["Gemm"]


def test_a_product_without_outputs_is_an_error_of_the_file():
    with pytest.raises(InvalidInputError) as error:
        layer("InnerProduct", "x", x=(2, 3))
    assert error.value.why == "it has no num_output"


@pytest.mark.parametrize("shape", [(5,), (2, 3)])
@pytest.mark.parametrize("bias", [False, True])
def test_indices_from_zero_choose_rows(shape, bias):
    table, term = numbers(7, 4), numbers(4, seed=1)
    x = np.random.default_rng(0).integers(0, 7, shape).astype(np.float32)
    param = f"embed_param {{ input_dim: 7 num_output: 4 bias_term: {str(bias).lower()} }}"
    graph = layer("Embed", "x", param=param, blobs=[table, term][: 1 + bias], x=shape)
    np.testing.assert_allclose(result(graph, x), table[x.astype(int)] + (term if bias else 0), rtol=1e-6)
