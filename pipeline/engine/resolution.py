"""Whether a stage has to run: asked the same way by a plan and by a run, which looks under the lock of the key."""

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
    """Return what a run is called in the history: the model at its path, into the same folder or, else, anywhere."""
    return f"{options.model}\0{options.output}", str(options.model)


@dataclass(frozen=True, slots=True)
class Hit:
    """The artifact is in the store, sound, and nobody asked for another."""

    artifact: Artifact

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why it serves: all that decides is as it was then."""
        return (Reason("same", after=self.artifact.manifest["started"]),)


@dataclass(frozen=True, slots=True)
class Miss:
    """The stage has to run, and why; `damage` is what was found of an artifact that cannot be served."""

    reasons: tuple[Reason, ...]
    damage: Damage | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What decides the result of a stage over given inputs; `told` names the inputs' files too, to explain a change."""

    stage: Stage
    key: str
    parts: Components
    told: Components

    def answer(self, found: Artifact | Damage | None, before: Components | None, options: Options) -> Hit | Miss:
        """Return what a look into the store means; `before`, the components of its last key here."""
        if isinstance(found, Damage):
            return Miss((Reason("damaged", found.reason),), found)
        if self.stage.name in options.force:
            return Miss((Reason("forced"),))
        return Hit(found) if found else Miss(fingerprint.explain(before, self.told))


def question(stage: Stage, options: Options, inputs: Mapping[str, Input | None], store: Store) -> Question:
    """Return what decides a stage's result; an input that is None is one yet to be made, and is left out."""
    read = {kind: item for kind in stage.takes(inputs) if (item := inputs[kind])}
    content = {kind: item.digest for kind, item in read.items()}
    parts = fingerprint.components(stage, options, content, store.digests)
    told = fingerprint.with_files(parts, {kind: item.files for kind, item in read.items()})
    return Question(stage, fingerprint.key_of(parts), parts, told)
