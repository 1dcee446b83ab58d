"""Uses the shapes in a `--reference` for the inputs, and saves a new reference for `--record`."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pipeline.config import Options
from pipeline.engine.sources import Entrance
from pipeline.errors import InvalidInputError, UsageError, VerificationError
from pipeline.graph import signature
from pipeline.graph.format import Source
from pipeline.graph.input_spec import TensorSpec
from pipeline.runtimes import discovery
from pipeline.stages.stage import RECORDED
from pipeline.store.machine import on_machine
from pipeline.store.store import Artifact
from pipeline.store.writing import confirm, write


def with_shapes(options: Options, source: Entrance) -> Options:
    """Return the options with the input shapes of the reference, if neither the options nor the files give any.

    They are a flat list, which the import nests as the network requires. Raises InvalidInputError for a bad reference.
    """
    if options.inputs or options.reference is None or source.format.tells_shapes(Source(source.roles)):
        return options
    from pipeline.verification.feeds import input_shapes

    return replace(options, inputs=tuple(str(TensorSpec(shape)) for shape in input_shapes(options.reference)))


def refuse_other_shapes(options: Options, folder: Path) -> None:
    """Raise UsageError if the networks in an output folder take inputs of other shapes than their new reference has.

    `with_shapes` would have them made again for these. Where there is no manifest, nothing was delivered.
    """
    if options.inputs or options.reference is None:
        return
    from pipeline.verification.feeds import input_shapes

    manifest, new = None, input_shapes(options.reference)
    with suppress(InvalidInputError):
        manifest = signature.read_manifest(folder)
    if manifest is None or new == (made := tuple(port.shape for port in manifest.signature.inputs)):
        return
    found, taken = (" and ".join(str(TensorSpec(shape)) for shape in shapes) for shapes in (new, made))
    words = [word for shape in new for word in ("--input", str(TensorSpec(shape)))]
    again = shlex.join(["torch2caffe2", "resume", str(folder), "--reference", str(options.reference), *words])
    raise UsageError(
        f"{options.reference} has inputs of {found}, but the networks in {folder} take {taken}",
        advice=f"give a reference of this shape, or make them again: {again}",
    )


def refuse_record(options: Options, place: Path) -> None:
    """Raise UsageError if a run could not save a reference at `place`: nothing computes it, or a file is in the way."""
    if "verify" in options.left_out:
        raise UsageError(
            "--record keeps what a verification computes, and there is none", advice="leave out --no-verify"
        )
    if not discovery.executing((*options.runtimes, *options.require_runtimes)):
        raise UsageError(
            "--record keeps what the original's own program computes, and none was asked for", advice="--runtime torch7"
        )
    if os.path.lexists(place) and not _may_be_recorded(place):
        raise _in_the_way(place)


def record(place: Path, artifacts: Iterable[Artifact]) -> None:
    """Save at `place` what the program of the original computed in a run. The same file may be there already.

    Raises VerificationError if it computed nothing, UsageError if another file is there.
    """
    found = next((artifact.path / RECORDED for artifact in artifacts if RECORDED in artifact.files), None)
    if found is None:
        raise VerificationError(f"{place} was not written", why="nobody could run the original: see verification.json")
    with on_machine("writing the reference", place):
        data = found.read_bytes()
        if not os.path.lexists(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            write(place, data)
            confirm(place)
        elif not _may_be_recorded(place) or place.read_bytes() != data:
            raise _in_the_way(place)


def _may_be_recorded(place: Path) -> bool:
    """Return whether the file at `place` looks like a recorded reference: an archive whose first member is `in0`."""
    if place.is_symlink() or not place.is_file():
        return False
    with on_machine("reading what lies there", place), place.open("rb") as file:
        return re.match(rb"PK\x03\x04.{26}in0\.npy", file.read(64), re.DOTALL) is not None


def _in_the_way(place: Path) -> UsageError:
    return UsageError(
        f"{place} would be overwritten",
        why="something else than this reference lies there",
        advice="choose another file with --record, or move it away",
    )
