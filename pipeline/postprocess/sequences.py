"""Decodes the output of a recurrent network: the likeliest label of each step (ctc_decoder_layer.cpp of forks)."""

from __future__ import annotations

import numpy as np

from pipeline.postprocess.boxes import Array


def ctc_greedy_decoder(
    probabilities: Array,
    indicators: Array | None = None,
    *,
    blank_index: int = -1,
    ctc_merge_repeated: bool = True,
) -> Array:
    """Return the decoded labels (N, T, 1, 1), followed by -1.

    probabilities (T, N, classes). A sequence ends before the first step, after the initial one, whose indicator (T, N)
    is 0. The names are those of ctc_decoder_param. If the index of the blank is negative, the blank is the last class.
    """
    steps, count, classes = probabilities.shape
    blank = blank_index if blank_index >= 0 else classes - 1
    likeliest = probabilities.argmax(axis=2)
    read = np.full((count, steps), -1, np.float32)
    for n in range(count):
        goes_on = np.ones(steps - 1, bool) if indicators is None else indicators[1:, n] != 0
        labels = likeliest[: int(np.cumprod(goes_on).sum()) + 1, n]
        fresh = np.concatenate([[True], labels[1:] != labels[:-1]]) | (not ctc_merge_repeated)
        kept = labels[fresh & (labels != blank)]
        read[n, : len(kept)] = kept
    return read[:, :, np.newaxis, np.newaxis]
