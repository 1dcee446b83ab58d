"""Adding nodes by operator, or by an operator's name as plugins do."""

from __future__ import annotations

import pytest

from pipeline.graph.builder import Builder
from pipeline.graph.operators import LeakyRelu


def test_an_operator_is_given_itself_or_by_its_name_and_attributes() -> None:
    net = Builder()
    x = net.input("x", (2, 3))
    by_name = net.add("LeakyRelu", x, alpha=0.1)
    itself = net.add(LeakyRelu(alpha=0.1), x)
    nodes = net.finish([by_name, itself]).nodes
    assert nodes[0].operator == nodes[1].operator == LeakyRelu(alpha=0.1)


@pytest.mark.parametrize(
    ("operator", "attributes", "message"),
    [
        ("LeakyRelu", {"beta": 0.1}, r"LeakyRelu: unknown \['beta'\], missing \[\]; it has alpha"),
        ("Clip", {"min": 0.0}, r"Clip: unknown \[\], missing \['max'\]; it has max, min"),
        ("Rleu", {}, "there is no operator 'Rleu'; did you mean Relu"),
    ],
)
def test_an_operator_or_attribute_that_is_misspelt_is_refused(
    operator: str, attributes: dict[str, float], message: str
) -> None:
    net = Builder()
    with pytest.raises(TypeError, match=message):
        net.add(operator, net.input("x", (2, 3)), **attributes)
