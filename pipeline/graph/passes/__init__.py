"""Optimization passes, which map a graph to a graph that computes the same numbers. They run only on request."""

from pipeline.graph.passes import cleanup, folding, pads
from pipeline.graph.passes.changes import Change, changes
from pipeline.graph.passes.registry import PASSES, Pass, apply, check

__all__ = ["PASSES", "Change", "Pass", "apply", "changes", "check", "cleanup", "folding", "pads"]
