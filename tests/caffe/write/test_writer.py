import pytest

from pipeline.graph.builder import Builder
from pipeline.graph.values import Value
from tests.caffe.write.check import Case, check, numbers, window


def cases() -> dict[str, Case]:
    def residual(b: Builder) -> Value:
        x = b.input("x", (2, 3, 8, 8))
        w = b.weight(numbers(3, 3, 3, 3), name="w")
        geometry = window(2, 3, 1, 1, dilations=(1, 1))
        y = b.add("Relu", b.add("Conv", x, w, name="a", **geometry), name="b")
        return b.add("Add", x, b.add("Conv", y, w, name="c", **geometry), name="d")

    def outputs(b: Builder) -> list[Value]:
        x, unused = b.input("x", (2, 3)), b.input("unused", (2,))
        y = b.add("Exp", x, name="y")
        z = b.add("Neg", y, name="a")
        b.add("Abs", unused, name="dead")
        return [y, z, x, y, b.weight(numbers(2, 2), name="w")]

    def tied(b: Builder) -> Value:
        w = numbers(3, 3)
        x = b.add("Gemm", b.input("x", (2, 3)), b.weight(w, name="w"), transB=1, name="a")
        return b.add(
            "Mul", b.add("Gemm", x, b.weight(w, name="w"), transB=1, name="b"), b.weight(w[:2], name="v"), name="c"
        )

    return {"residual": Case(residual), "outputs": Case(outputs), "tied": Case(tied)}


CASES = cases()


@pytest.mark.parametrize("name", CASES)
def test_the_layers_compute_what_the_graph_does(name):
    check(CASES[name])
