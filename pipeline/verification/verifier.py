"""Checks runtimes, one after the other, against the values of the reference."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from pipeline.errors import MachineError
from pipeline.graph.comparison import Difference, compare
from pipeline.graph.evaluation import evaluate
from pipeline.graph.values import Shape, Value
from pipeline.runtimes.runtime import Job, Runtime
from pipeline.runtimes.runtime import run as run_files
from pipeline.verification.check import Candidate, Check
from pipeline.verification.tolerance import NOISES, Tolerance

Array = np.ndarray[Any, Any]
Stream = Iterable[tuple[str, Array]]


class Verifier:
    """Holds the values of the reference for the given inputs, and checks runtimes against them."""

    def __init__(self, reference: Candidate, feeds: Sequence[Array], tolerance: Tolerance) -> None:
        assert reference.graph is not None
        self.graph = reference.graph
        self.feeds = feeds
        self.tolerance = tolerance
        self.known = {value.name: array for value, array in evaluate(self.graph, feeds)}
        self.known |= {value.name: array for value, array in zip(self.graph.inputs, feeds, strict=True)}
        self.known |= {v.name: np.asarray(self.graph.weights[v.name]) for v in self._constant_outputs()}
        self.values: dict[str, dict[str, Difference]] = {name: {} for name in self.known}
        self.original: tuple[Array, ...] = ()
        self.order = {name: place for place, name in enumerate(self.known)}

    def _constant_outputs(self) -> list[Value]:
        return [value for value in self.graph.outputs if value.name in self.graph.weights]

    def check(self, runner: str, artifact: Candidate, stream: Stream, *, independent: bool, binding: bool) -> Check:
        """Compare the values from a runtime with the reference, by name; outputs are matched by position."""
        if not binding and len(artifact.output_blobs) != len(self.graph.outputs):
            why = f"it gives {len(artifact.output_blobs)} outputs, not {len(self.graph.outputs)}"
            return Check(runner, artifact.kind, independent, binding, skipped=why)
        outputs = dict(zip(artifact.output_blobs, (v.name for v in self.graph.outputs), strict=True))
        found: dict[str, Difference] = {}
        reshaped: dict[str, str] = {}
        for blob, array in stream:
            name = outputs.get(blob, blob)
            if name in self.known and (array.shape == self.known[name].shape or blob in outputs):
                found[name] = compare(array, self.known[name])
                if array.shape != self.known[name].shape:
                    reshaped[name] = f"it is {_spelt(array.shape)}, not {_spelt(self.known[name].shape)}"
        missing = [name for name in outputs.values() if name not in found]
        if missing:
            why = f"it gives no output {', '.join(missing)}"
            return Check(runner, artifact.kind, independent, binding, skipped=why)
        worst_at = max(found, key=lambda name: found[name].relative, default="")
        apart = [name for name, difference in found.items() if not self._allows(name, difference)]
        diverges_at = min(apart, key=self.order.__getitem__, default="")
        check = Check(
            runner,
            artifact.kind,
            independent,
            binding,
            seen=len(found),
            worst=found.get(worst_at, Difference(0.0, 0.0)),
            worst_at=worst_at if found and found[worst_at].maximum else "",
            to_largest=max((found[name].to_largest for name in outputs.values()), default=0.0),
            diverges_at=diverges_at,
            reshaped=reshaped.get(diverges_at, ""),
        )
        for name, difference in found.items():
            self.values[name][check.series] = difference
        return check

    def _allows(self, name: str, difference: Difference) -> bool:
        """Return whether a difference is within the tolerance, for outputs also relative to their own max |b|."""
        strict = self.tolerance.to_largest
        if not difference.within(self.tolerance.relative) or all(value.name != name for value in self.graph.outputs):
            return difference.within(self.tolerance.relative)
        if strict is not None:
            return difference.to_largest <= strict
        if difference.to_largest <= self.tolerance.relative:
            return True
        return difference.maximum <= NOISES * self.noise.get(name, math.inf)

    @cached_property
    def noise(self) -> Mapping[str, float]:
        """The rounding error of float32 for each output: its difference from the same network in float64."""
        outputs = {value.name for value in self.graph.outputs}
        exact = {v.name: a for v, a in evaluate(self.graph, self.feeds, double=True) if v.name in outputs}
        return {name: compare(self.known[name], array).maximum for name, array in exact.items()}

    def read_back(self, artifact: Candidate) -> Check:
        """Check our own evaluator on the graph of an artifact that was read back."""
        assert artifact.graph is not None
        graph, title = artifact.graph, artifact.title or f"{artifact.kind} read back"
        if not artifact.binding and [v.shape for v in graph.inputs] != [feed.shape for feed in self.feeds]:
            shapes = ", ".join("x".join(map(str, value.shape)) for value in graph.inputs)
            return Check(title, artifact.kind, False, artifact.binding, skipped=f"it takes {shapes}")
        inputs = zip((value.name for value in graph.inputs), self.feeds, strict=True)
        weights = ((v.name, np.asarray(graph.weights[v.name])) for v in graph.outputs if v.name in graph.weights)
        stream = [*inputs, *weights]
        values = ((value.name, array) for value, array in evaluate(graph, self.feeds))
        return self.check(
            title, artifact, (pair for part in (stream, values) for pair in part),
            independent=False, binding=artifact.binding,
        )  # fmt: skip

    def run(self, runtime: Runtime, artifact: Candidate) -> Check:
        """Check an independent runtime on the files of an artifact, unless it is known to be wrong about a layer."""
        binding = artifact.binding and not runtime.guesses

        def skip(why: str) -> Check:
            return Check(runtime.title, artifact.kind, True, binding, skipped=why)

        if doubt := runtime.doubt(artifact.files):
            return skip(doubt)
        feeds = dict(zip(artifact.input_blobs, self.feeds, strict=True))
        try:
            (result,) = run_files(runtime, [Job(artifact.files, feeds, artifact.output_blobs)])
        except MachineError as error:
            return skip(error.why or error.what)
        if not result.ok:
            return skip(f"{result.stage}: {result.error}")
        if runtime.executes:
            self.original = tuple(result.blobs[blob] for blob in artifact.output_blobs)
        blobs = self._squeezed(result.blobs, artifact) if runtime.pads_shapes else result.blobs
        return self.check(runtime.title, artifact, blobs.items(), independent=True, binding=binding)

    def _squeezed(self, blobs: Mapping[str, Array], artifact: Candidate) -> dict[str, Array]:
        """Remove axes of size 1 that a runtime adds to outputs."""
        shapes = {blob: v.shape for blob, v in zip(artifact.output_blobs, self.graph.outputs, strict=True)}
        return {
            blob: array.reshape(shapes[blob]) if blob in shapes and _same_but_ones(array.shape, shapes[blob]) else array
            for blob, array in blobs.items()
        }

    def known_outputs(self, runner: str, artifact: Candidate, outputs: Sequence[Array], binding: bool) -> Check:
        """Check outputs of the original network from a reference. For an edited net, a difference is no error."""
        stream = zip(artifact.output_blobs, outputs, strict=binding)
        return self.check(runner, artifact, stream, independent=True, binding=binding)


def _spelt(shape: Shape) -> str:
    return "x".join(map(str, shape)) or "a number"


def _same_but_ones(a: Shape, b: Shape) -> bool:
    return [extent for extent in a if extent != 1] == [extent for extent in b if extent != 1]
