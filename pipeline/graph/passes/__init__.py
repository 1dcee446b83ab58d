"""Passes: functions from a graph to a graph that computes the same numbers. None runs unless it is asked for."""

from pipeline.graph.passes import cleanup, folding
from pipeline.graph.passes.registry import PASSES, Pass, apply

__all__ = ["PASSES", "Pass", "apply", "cleanup", "folding"]
