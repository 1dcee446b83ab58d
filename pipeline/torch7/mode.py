"""The choices that a user has in lowering a network."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mode:
    """How a network is lowered.

    With `states`, the states of recurrent modules are inputs and outputs of the network; otherwise they start from
    zeros. With `drop_loss`, criterions are left out, together with what is computed from them.
    """

    states: bool = False
    drop_loss: bool = False


PLAIN = Mode()
