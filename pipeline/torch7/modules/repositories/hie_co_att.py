"""Questions about images (jiasenlu/HieCoAttenVQA): models whose modules lie in fields.

Read: misc/{word_level,phrase_level,ques_level,recursive_atten,cnnModel,attention,LanguageEmbedding}.lua. What they are
made of is in `char_cnn` and `lookup`.
"""

from __future__ import annotations

from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, TorchValue, module
from pipeline.torch7.modules.recurrent import stacked, zeros


@module("nn.recursive_atten", holds=("atten_encode",))
def recursive_attention(m: Module, x: TorchValue, net: Lowering) -> TorchValue:
    """Run the network in `atten_encode` (HieCoAttenVQA)."""
    return net.run(m.child("atten_encode"), x)


@module("nn.cnnModel", holds=("cnn_part",))
def image_model(m: Module, x: TorchValue, net: Lowering) -> TorchValue:
    """Run the network in `cnn_part` (HieCoAttenVQA)."""
    return net.run(m.child("cnn_part"), x)


@module("nn.word_level", holds=("cnn", "LE", "atten"), items=lambda m: 2)
def word_level(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> TorchValue:
    """Co-attention of words (N, T), 0 for none, and images: {words, images, both attended, mask, both weights}."""
    words, images = pair_of(x, net)
    none = net.add("Sub", net.constant(1.0, "one"), net.add("Sign", words, part="is_word"), part="mask")
    features = net.run(m.child("cnn"), images)
    embedded = net.run(m.child("LE"), words)
    asked, seen, *attention = attended(m, (embedded, features, none), net)
    return embedded, features, asked, seen, none, *attention


@module("nn.phrase_level", holds=("conv", "atten"), items=lambda m: 4)
def phrase_level(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> TorchValue:
    """Co-attention of phrases and images, of {words (N, T, D), lengths, images, mask}."""
    words, _, images, mask = four(x, net)
    phrases = net.run(m.child("conv"), words)
    return phrases, *attended(m, (phrases, images, mask), net)


@module("nn.ques_level", holds=("core", "atten"), items=lambda m: 4)
def question_level(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> TorchValue:
    """Co-attention of a question, read by an LSTM, and images, of {phrases (N, T, D), lengths, images, mask}.

    Where the mask is 1, state and output are 0. Torch asks the lengths which steps it needs the mask for: those that
    come with a mask of their own tell the same.
    """
    phrases, _, images, mask = (net.tensor(item) for item in four(x, net))
    if phrases.rank != 3 or mask.shape != phrases.shape[:2]:
        net.misfit("sentences (N, T, D), and a mask (N, T)", x)
    batch, steps, _ = phrases.shape
    states: tuple[TorchValue, ...] = (zeros(net, batch, m.count("rnn_size")),) * (2 * m.count("num_layers"))
    keep = net.add("Sub", net.constant(1.0, "one"), mask, part="keep")
    outputs = []
    for t in range(steps):
        phrase = net.select(phrases, 1, t, part=f"phrase{t + 1}")
        given = net.duplicate(net.run(m.child("core"), (phrase, *states)))
        if not isinstance(given, tuple) or len(given) != len(states) + 1:
            net.misfit(f"a core that gives {len(states)} states and an output", given)
        word = net.reshape(net.narrow(keep, 1, t, 1, part=f"keep{t + 1}"), (batch, 1), part=f"keep{t + 1}_column")
        *states, output = (  # type: ignore[assignment]
            net.add("Mul", value, word, part=f"t{t + 1}_{i}") for i, value in enumerate(net.tensors(given), 1)
        )
        states = tuple(states)
        outputs.append(net.tensor(output))
    return attended(m, (stacked(tuple(outputs), net, axis=1), images, mask), net)


def attended(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> tuple[TorchValue, ...]:
    """Run the attention, which gives both attended features and, where it was saved to, the weights."""
    y = net.run(m.child("atten"), x)
    if not isinstance(y, tuple):
        net.misfit("an attention that gives a table", y)
    return y


def pair_of(x: tuple[TorchValue, ...], net: Lowering) -> tuple[Value, TorchValue]:
    """Return words and images."""
    if len(x) != 2:
        net.misfit("a table of words and images", x)
    return net.tensor(x[0]), x[1]


def four(x: tuple[TorchValue, ...], net: Lowering) -> tuple[TorchValue, ...]:
    """Return the four items of a table."""
    if len(x) != 4:
        net.misfit("a table of features, lengths, images and a mask", x)
    return x
