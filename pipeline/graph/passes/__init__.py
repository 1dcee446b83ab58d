"""Passes: functions from a graph to a graph that computes the same numbers. None runs unless it is asked for."""

from pipeline.graph.passes import cleanup, folding, pads
from pipeline.graph.passes.changes import Change, changes
from pipeline.graph.passes.registry import PASSES, Pass, apply, check

__all__ = ["PASSES", "Change", "Pass", "apply", "changes", "check", "cleanup", "folding", "pads"]
