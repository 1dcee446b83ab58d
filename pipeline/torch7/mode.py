"""What is made of those parts of a network that there is a choice about."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mode:
    """How a network is lowered.

    `states`: those of recurrent modules are inputs and outputs of the network, where they start from zeros else.
    `drop_loss`: criterions are left out, with what is computed from them.
    """

    states: bool = False
    drop_loss: bool = False


PLAIN = Mode()
