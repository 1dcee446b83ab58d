import pytest

from tests.caffe.write.check import Case, check, numbers, single


def cases() -> dict[str, Case]:
    cases = {
        "Gemm": single("Gemm", (2, 3), numbers(3, 4), numbers(4)),
        "Gemm transposed": single("Gemm", (2, 3), numbers(4, 3), numbers(4), transB=1),
        "Gemm without bias": single("Gemm", (2, 3), numbers(4, 3), transB=1),
        "Gemm of one row": single("Gemm", (1, 3), numbers(4, 3), numbers(1, 4), transB=1),
        "Gemm both transposed": single("Gemm", (3, 2), numbers(4, 3), numbers(1), transA=1, transB=1),
        "Gemm scaled": single("Gemm", (2, 3), numbers(4, 3), numbers(4), transB=1, alpha=0.5, beta=-2.0),
        "Gemm with a bias by row": single("Gemm", (2, 3), numbers(4, 3), numbers(2, 1), transB=1),
        "Gemm with a computed bias": single("Gemm", (2, 3), numbers(4, 3), (4,), transB=1, beta=3.0),
        "Gemm computed": single("Gemm", (2, 3), (3, 4), (4,)),
        "Gemm computed, transposed": single("Gemm", (3, 2), (4, 3), transA=1, transB=1),
        "Gemm constant first": single("Gemm", numbers(2, 3), (3, 4)),
    }
    shapes = [
        ((2, 3), (3, 4)),
        ((3,), (3, 4)),
        ((2, 3), (3,)),
        ((3,), (3,)),
        ((2, 5, 3), (2, 3, 4)),
        ((2, 5, 3), (3, 4)),
    ]
    shapes += [((5, 3), (2, 3, 4)), ((2, 1, 5, 3), (6, 3, 1)), ((2, 5, 3), (3,)), ((2, 2, 5, 3), (3, 4))]
    for left, right in shapes:
        cases[f"MatMul {left} {right}"] = single("MatMul", left, right)
        cases[f"MatMul {left} constant {right}"] = single("MatMul", left, numbers(*right))
        cases[f"MatMul constant {left} {right}"] = single("MatMul", numbers(*left), right)
    return cases


CASES = cases()


@pytest.mark.parametrize("name", CASES)
def test_the_layers_compute_what_the_graph_does(name):
    check(CASES[name])
