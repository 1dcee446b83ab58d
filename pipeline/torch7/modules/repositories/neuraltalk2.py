"""Captions of images (karpathy/neuraltalk2, jiasenlu/AdaptiveAttention).

Read: misc/LanguageModel.lua and misc/net_utils.lua of both.
"""

from __future__ import annotations

import numpy as np

from pipeline.graph.operators import ReduceSum, Tile
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, TorchValue, fields, module
from pipeline.torch7.modules.nngraph import items
from pipeline.torch7.modules.recurrent import stacked, zeros
from pipeline.torch7.modules.table import alike_pair
from pipeline.torch7.objects import TorchObject


@module("nn.FeatExpander", "nn.FeatExpanderConv")
def feature_expander(m: Module, x: Value, net: Lowering) -> Value:
    """Repeat every sample n times in a row."""
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


ADAPTIVE = ("core", "lookup_table", "img_embedding", "attention")


@module("nn.LanguageModel", where=fields(*ADAPTIVE), holds=ADAPTIVE)
def adaptive_language_model(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """Scores of the next word, (T + 1, N, V), for {features of places, of the image, words (T, N)} (AdaptiveAttention).

    The core takes the start first, then each word; 0 is no word. Steps after the end of all sentences return zeros.
    """
    if len(x) != 3:
        net.misfit("a table of features of places, features of the image, and words", x)
    steps, tokens, words = m.int("seq_length"), m.int("vocab_size") + 1, net.tensor(x[2])
    if words.rank != 2 or words.shape[0] != steps:
        net.misfit(f"{steps} words of each sentence", words)
    batch = words.shape[1]
    embedded = net.duplicate(net.run(m.child("img_embedding"), x[:2]))
    if not isinstance(embedded, tuple) or len(embedded) != 3:
        net.misfit("an embedding that gives three tensors", embedded)
    places, embedded_places, image = embedded
    states: tuple[TorchValue, ...] = (zeros(net, batch, m.count("rnn_size")),) * (2 * m.count("num_layers"))
    outputs = []
    for t in range(steps + 1):
        token = net.select(words, 0, t - 1, part=f"word{t}") if t else net.weight(np.full((batch,), tokens, np.float32))
        word = net.duplicate(net.run(m.child("lookup_table"), token))
        given = net.duplicate(net.run(m.child("core"), (word, image, *states)))
        if not isinstance(given, tuple) or len(given) != len(states) + 2:
            net.misfit(f"a core that gives {len(states)} states, an output and a sentinel", given)
        states, hidden = given[: len(states)], given[len(states) :]
        scores = net.tensor(net.duplicate(net.run(m.child("attention"), (*hidden, places, embedded_places))))
        outputs.append(scores if not t else while_any(token, scores, t, net))
    return stacked(tuple(outputs), net)


def while_any(token: Value, scores: Value, t: int, net: Lowering) -> Value:
    """Return the scores, or zeros if all words are 0."""
    total = net.add(ReduceSum(axes=(0,), keepdims=1), token, part=f"words{t}")
    some = net.reshape(net.add("Sign", total, part=f"any{t}"), (1, 1), part=f"any{t}_column")
    return net.add("Mul", scores, some, part=f"scores{t}")


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
