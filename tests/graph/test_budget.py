from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import OverBudget, UnsupportedError, UsageError
from pipeline.graph import budget
from pipeline.graph.builder import Builder
from pipeline.graph.operators import AveragePool, Conv, ConvTranspose, MaxPool, Pad, Split, Tile

PAGE = Path(__file__).parents[2] / "docs" / "limits.md"


def test_the_page_tells_every_limit():
    rows = re.findall(r"^\| ([\w-]+) \| ([^|]+) \| ([\d,]+)(?:, and ([\d,]+) times [^|]+)? \|$", PAGE.read_text(), re.M)
    told = {name: (int(number.replace(",", "")), int(share.replace(",", "") or 0)) for name, _, number, share in rows}
    assert told == {name: (limit.number, limit.share) for name, limit in budget.LIMITS.items()}


def test_a_tensor_is_refused_by_its_shape():
    net = Builder()
    x = net.input("x", (1, 3, 8, 8))
    with net.at("pad", "3 (nn.Pad)"), pytest.raises(OverBudget) as error:
        net.add(Pad(pads=(0, 0, 10**6, 10**6, 0, 0, 10**6, 10**6)), x)
    assert error.value.where == "3 (nn.Pad)"
    assert error.value.exit_code == 4
    assert error.value.advice.endswith(f"--limit value={3 * (2 * 10**6 + 8) ** 2 * 4}")


@pytest.mark.parametrize(
    ("operator", "more"),
    [
        (MaxPool(kernel_shape=(1, 1), strides=(40000,) * 2, pads=(0, 0, 40000, 40000), dilations=(1, 1)), ()),
        (AveragePool(kernel_shape=(1, 1), strides=(40000,) * 2, pads=(0, 0, 40000, 40000)), ()),
        (Conv(kernel_shape=(1, 1), strides=(40000,) * 2, pads=(40000,) * 4, dilations=(1, 1)), ((1, 1, 1, 1),)),
        (
            ConvTranspose(
                **{"kernel_shape": (1, 1), "strides": (40000,) * 2, "pads": (100000,) * 4, "dilations": (1, 1)},
                output_padding=(0, 0),
            ),
            ((1, 1, 1, 1),),
        ),
    ],
    ids=lambda each: getattr(each, "name", ""),
)
def test_what_windows_span_is_refused_however_few_there_are(operator, more):
    net = Builder()
    x = net.input("x", (1, 1, 8, 8))
    weights = [net.weight(np.ones(shape, np.float32)) for shape in more]
    with pytest.raises(OverBudget, match="bytes of one tensor"):
        net.add(operator, x, *weights)


def test_all_tensors_together_may_be_so_much_larger_than_the_inputs():
    net = Builder()
    x = net.input("x", (10**4,))  # 40 kB, of which 10,000 times are allowed, and 268 MB
    for _ in range(5):
        net.add(Tile(repeats=(2800,)), x)
    with pytest.raises(OverBudget, match="672,000,000 bytes of all tensors"):
        net.add(Tile(repeats=(2800,)), x)


def test_a_weight_that_repeats_a_number_counts_in_full():
    with pytest.raises(OverBudget, match="1,600,000,000 bytes of weights"):
        Builder().weight(np.broadcast_to(np.float32(1), (20_000, 20_000)))


def test_weights_may_be_larger_where_more_was_given():
    net = Builder()
    net.budget.grow("weights", 10**7)
    net.weight(np.broadcast_to(np.float32(1), (10**8,)))


def test_a_network_has_so_many_nodes():
    with budget.allowing(["nodes=10"]):
        net = Builder()
    x = net.input("x", (1,))
    for _ in range(10):
        net.add("Neg", x)
    with pytest.raises(OverBudget) as error:
        net.add("Neg", x)
    assert error.value.advice.endswith("--limit nodes=20")


def test_a_limit_holds_inside_its_block_only():
    with budget.allowing(["value=8"]), pytest.raises(OverBudget):
        Builder().input("x", (3,))
    Builder().input("x", (3,))


def test_more_axes_than_any_format_has_are_refused():
    with pytest.raises(UnsupportedError, match="1 part"):
        Builder().input("x", (1,) * 33)


@pytest.mark.parametrize("text", ["nodes", "nodes=", "nodes=1.5", "nodes=-1", "noodles=3", "=3"])
def test_a_limit_is_a_name_and_a_number(text):
    with pytest.raises(UsageError, match="--limit cannot be"):
        budget.parse([text])


def test_a_shape_that_no_array_has_is_refused_though_it_holds_no_number():
    with pytest.raises(UnsupportedError) as error:
        Builder().input("x", (0, 2**62))
    assert "no array" in error.value.problems[0].reason


def test_a_node_gives_so_many_tensors():
    net = Builder()
    with pytest.raises(OverBudget, match="20,000 tensors in one table"):
        net.add_many(Split(axis=1, split=(1,) * 20_000), net.input("x", (1, 20_000)))
