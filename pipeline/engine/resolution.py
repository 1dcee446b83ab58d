"""Decides whether a stage has to run, in the same way for a plan and for a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.config import Options
from pipeline.engine import fingerprint
from pipeline.engine.fingerprint import Components, Reason
from pipeline.engine.start import Input
from pipeline.stages.stage import Stage
from pipeline.store.store import Artifact, Damage, Store


def names(options: Options) -> tuple[str, str]:
    """Return the names of a run in the history, best first: its model and output folder, or only its model."""
    return f"{options.model}\0{options.output}", str(options.model)


@dataclass(frozen=True, slots=True)
class Hit:
    """The artifact is in the store and valid, and the stage is not forced to run."""

    artifact: Artifact

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why it is valid: everything that determines it is unchanged."""
        return (Reason("same", after=self.artifact.manifest["started"]),)


@dataclass(frozen=True, slots=True)
class Miss:
    """The stage has to run, for these reasons. `damage` describes a damaged artifact, if there is one."""

    reasons: tuple[Reason, ...]
    damage: Damage | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What determines the result of a stage: its key and `parts`. `told` adds the inputs' files, to explain changes."""

    stage: Stage
    key: str
    parts: Components
    told: Components

    def answer(self, found: Artifact | Damage | None, before: Components | None, options: Options) -> Hit | Miss:
        """Return whether the stage has to run, given what was `found` in the store and its last components."""
        if isinstance(found, Damage):
            return Miss((Reason("damaged", found.reason),), found)
        if self.stage.name in options.force:
            return Miss((Reason("forced"),))
        return Hit(found) if found else Miss(fingerprint.explain(before, self.told))


def question(stage: Stage, options: Options, inputs: Mapping[str, Input | None], store: Store) -> Question:
    """Return what determines the result of a stage. Inputs that are None are yet to be made, and left out."""
    read = {kind: item for kind in stage.takes(inputs) if (item := inputs[kind])}
    content = {kind: item.digest for kind, item in read.items()}
    parts = fingerprint.components(stage, options, content, store.digests)
    told = fingerprint.with_files(parts, {kind: item.files for kind, item in read.items()})
    return Question(stage, fingerprint.key_of(parts), parts, told)
