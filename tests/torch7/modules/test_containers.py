from __future__ import annotations

import contextlib

import pytest

from pipeline.errors import PipelineError
from pipeline.torch7 import modules  # noqa: F401 - defines the classes
from pipeline.torch7.module import MODULES
from tests.torch7.fixtures import check_fixture, fixtures, graph_of
from tests.torch7.writer import nn, sequential


@pytest.mark.parametrize("name", fixtures("containers"))
def test_computes_what_torch7_computed(name):
    check_fixture(name)


@pytest.mark.parametrize("x", [(2, 3, 4, 4), [(2, 3), (2, 3)]], ids=["tensor", "table"])
@pytest.mark.parametrize("inside", [[], [nn("Identity")]], ids=["none", "one"])
def test_a_class_that_holds_fewer_modules_than_it_runs_is_no_bug(inside, x):
    for kind in MODULES:
        with contextlib.suppress(PipelineError):
            graph_of(sequential(*inside, kind=kind), x)
