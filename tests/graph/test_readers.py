"""What is told of a net whose operators cannot all be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from pipeline.errors import InvalidInputError, Problem
from pipeline.graph.readers import MissingValue, NetReader, Readers
from tests.support import refused


@dataclass(frozen=True)
class Step:
    type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    left: tuple[str, ...] = ()  # what its reader does not use

    def __str__(self) -> str:
        return f"{self.outputs[0]} ({self.type})"

    def unused(self) -> Iterator[Problem]:
        for name in self.left:
            yield Problem(str(self), f"{name} is not supported")


class Net(NetReader):
    def __init__(self) -> None:
        super().__init__("net")
        self.values = {"x": self.input("x", (2, 3))}

    def read(self, operator: Step, reader: Callable[[Step, Net], None]) -> None:
        reader(operator, self)

    def forget(self, names: tuple[str, ...]) -> None:
        for name in names:
            self.values.pop(name, None)


READS: Readers[Step, Net] = Readers("step")


@READS.register("Relu")
def _relu(step: Step, net: Net) -> None:
    (name,) = step.inputs
    if name not in net.values:
        raise MissingValue(name)
    net.values[step.outputs[0]] = net.add("Relu", net.values[name])


def told(*steps: Step) -> list[str]:
    return [f"{problem.origin}: {problem.reason}" for problem in refused(lambda given: READS.read(given, Net()), steps)]


def test_everything_that_is_not_understood_is_told_at_once() -> None:
    steps = (Step("Loop", ("x",), ("a",)), Step("Relu", ("x",), ("b",), left=("slope", "mode")))
    assert told(*steps) == [
        "a (Loop): operator Loop is not supported",
        "b (Relu): slope is not supported",
        "b (Relu): mode is not supported",
    ]


def test_what_follows_from_an_operator_that_is_not_read_is_not_told() -> None:
    follows = (Step("Relu", ("a",), ("b",)), Step("Relu", ("b",), ("c",)))
    assert told(Step("Loop", ("x",), ("a",)), *follows) == ["a (Loop): operator Loop is not supported"]
    assert told(*follows) == ["b (Relu): its input a holds nothing that is supported"]


def test_a_value_is_forgotten_where_its_next_writer_is_not_read() -> None:
    assert told(Step("Loop", ("x",), ("x",)), Step("Relu", ("x",), ("y",))) == [
        "x (Loop): operator Loop is not supported"
    ]


def test_an_operator_of_another_form_is_a_fault_of_the_file() -> None:
    with pytest.raises(InvalidInputError, match="an operator is not what it should be") as caught:
        READS.read([Step("Relu", ("x", "x"), ("y",))], Net())
    assert caught.value.where == "y (Relu)" and "2 inputs and 1 outputs" in caught.value.why
