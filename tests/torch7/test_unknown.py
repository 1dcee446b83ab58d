from __future__ import annotations

import pytest

from pipeline.torch7.importer import unsupported
from pipeline.torch7.module import Module
from pipeline.torch7.reader import read_bytes
from pipeline.torch7.unknown import resembled
from tests.support import numbers
from tests.torch7.writer import dumps, nn, sequential


def as_read(module):
    return read_bytes(memoryview(dumps(module))).root


@pytest.mark.parametrize(
    ("module", "known"),
    [
        (
            nn("My", weight=numbers(4, 12), bias=numbers(4), nOutputPlane=4, nInputPlane=3, kW=2, kH=2),
            "nn.SpatialConvolution",
        ),
        (nn("My", weight=numbers(4, 3, 2, 2), nOutputPlane=4, nInputPlane=3, kW=2, kH=2), "nn.SpatialConvolution"),
        (nn("My", weight=numbers(4, 3, 2, 2), nOutputPlane=4, nInputPlane=6, kW=2, kH=2), ""),
        (nn("MySpatialAveragePooling", kW=2, kH=2, dW=2, dH=2, weight=numbers(3)), ""),
        (nn("My", weight=numbers(4, 3), bias=numbers(4)), "nn.Linear"),
        (nn("My", weight=numbers(4, 3), bias=numbers(3)), ""),
        (nn("My", weight=numbers(4, 3)), ""),
        (nn("MySpatialNorm", running_mean=numbers(4), running_var=numbers(4)), "nn.SpatialBatchNormalization"),
        (nn("MyNorm", running_mean=numbers(4), running_var=numbers(4), weight=numbers(4)), "nn.BatchNormalization"),
        (nn("MyNorm", running_mean=numbers(4), running_var=numbers(3)), ""),
        (sequential(nn("Tanh"), kind="My", train=False), "nn.Sequential"),
        (sequential(nn("Tanh"), kind="My", dimension=2), ""),
    ],
)
def test_a_class_resembles_another_whose_fields_and_shapes_it_has(module, known):
    assert resembled(as_read(module)) == known


def advice(module, path=""):
    (problem,) = unsupported(Module(as_read(module), path))
    return problem.advice


def test_the_networks_in_the_fields_of_an_unknown_class_are_named():
    model = nn("My", trunk=sequential(nn("Tanh")), heads={"mask": nn("Tanh"), "score": nn("Tanh")}, n=3)
    named = "--root model.trunk or --root model.heads.mask or --root model.heads.score"
    assert advice(model, "model") == f"lower it by a --plugin; or convert a network that it holds: {named}"


def test_of_many_networks_the_first_are_named_and_all_are_counted():
    model = nn("My", clones=[nn("Tanh") for _ in range(7)])
    assert advice(model).endswith("--root clones[3] or --root clones[4] (there are 7)")


def test_the_modules_of_an_unknown_container_are_no_networks_of_their_own():
    assert "--root" not in advice(sequential(nn("Tanh"), kind="My"))


def test_a_refused_class_names_what_it_holds_too():
    assert advice(nn("DenseCapModel", nets={"conv": nn("Tanh")})).endswith("--root nets.conv")
