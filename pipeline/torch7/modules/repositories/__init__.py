"""Classes of well-known repositories: a file for each repository, or several of a kind, which names its sources.

docs/torch7-repositories.md lists them, and those that have no exact form.
"""

from pipeline.torch7.modules.repositories import (
    atari,
    binary_net,
    char_cnn,
    crnn,
    deepmask,
    densecap,
    fairseq,
    generation,
    hie_co_att,
    mc_cnn,
    memnn,
    multipathnet,
    neural_style,
    neuraltalk2,
    onmt,
    stn,
    torch_rnn,
    waifu2x,
)

__all__ = [
    "atari",
    "binary_net",
    "char_cnn",
    "crnn",
    "deepmask",
    "densecap",
    "fairseq",
    "generation",
    "hie_co_att",
    "mc_cnn",
    "memnn",
    "multipathnet",
    "neural_style",
    "neuraltalk2",
    "onmt",
    "stn",
    "torch_rnn",
    "waifu2x",
]
