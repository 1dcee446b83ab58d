"""Captions of images (karpathy/neuraltalk2, jiasenlu/AdaptiveAttention).

Read: misc/LanguageModel.lua and misc/net_utils.lua of both.
"""

from __future__ import annotations

import numpy as np

from pipeline.graph.operators import Tile
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, TorchValue, fields, module
from pipeline.torch7.modules.nngraph import items
from pipeline.torch7.modules.recurrent import stacked, zeros
from pipeline.torch7.modules.table import alike_pair
from pipeline.torch7.objects import TorchObject


@module("nn.FeatExpander", "nn.FeatExpanderConv")
def feature_expander(m: Module, x: Value, net: Lowering) -> Value:
    """Give every sample n times, one after the other."""
    count, rank = m.int("n"), 2 if m.kind == "nn.FeatExpander" else 3
    if count == 1:
        return x
    if x.rank != rank:
        net.misfit(f"a tensor of {rank} dimensions", x)
    samples = net.reshape(x, (x.shape[0], 1, *x.shape[1:]), part="samples")
    tiled = net.add(Tile(repeats=(1, count, *[1] * (rank - 1))), samples, part="tiled")
    return net.reshape(tiled, (x.shape[0] * count, *x.shape[1:]))


def is_neuraltalk(m: Module) -> bool:
    """Return whether a model's core takes a word and its states, and nothing more."""
    if not fields("core", "lookup_table", "seq_length", "num_layers")(m):
        return False
    core, inner = m.child("core"), m.child("core").object.get("innode")
    inputs = core.maybe_int("nInputs") or (len(items(inner, "children")) if isinstance(inner, TorchObject) else 0)
    return inputs == 1 + 2 * m.int("num_layers")


@module(
    "nn.LanguageModel",
    where=is_neuraltalk,
    holds=("core", "lookup_table"),
)
def language_model(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """Scores of the next word, (T + 2, N, V), for {images (N, D), words (T, N)}; a word of 0 is none (neuraltalk2).

    The core takes the image first, then the start, then each word. Torch leaves the steps after all sentences have
    ended as they were in memory.
    """
    images, words = alike_pair(x, net)
    steps, tokens, layers = m.int("seq_length"), m.int("vocab_size") + 1, m.int("num_layers")
    if not 1 <= layers <= len(m.child("core").children()):
        net.damaged("a core with modules for its layers", f"{layers} layers")
    if words.rank != 2 or words.shape[0] != steps:
        net.misfit(f"images, and {steps} words of each sentence", x)
    batch = words.shape[1]
    words = net.add("Max", words, net.constant(1.0, "first_word"), part="words")
    taken: list[TorchValue] = [net.weight(np.full((batch,), tokens, np.float32), "start")]
    taken += [net.select(words, 0, t, part=f"word{t + 1}") for t in range(steps)]
    states: tuple[TorchValue, ...] = tuple([zeros(net, batch, m.int("rnn_size")) for _ in range(2 * layers)])
    outputs = []
    for t in range(steps + 2):
        word = images if t == 0 else net.duplicate(net.run(m.child("lookup_table"), taken[t - 1]))
        given = net.duplicate(net.run(m.child("core"), (word, *states)))
        if not isinstance(given, tuple) or len(given) <= len(states):
            net.misfit(f"a core that gives {len(states)} states and the scores", given)
        states, scores = given[: len(states)], given[len(states)]
        outputs.append(scores)
    return stacked(net.tensors(outputs), net)
