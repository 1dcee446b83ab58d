from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import InvalidInputError, UsageError
from tests.support import numbers
from tests.torch7.fixtures import check, refusal, results
from tests.torch7.writer import nn, sequential

IMAGES, SIZE, WORDS, STEPS = 2, 3, 4, 3


def model():
    """Build a model whose core gives {c, tanh(x + h), x + h}, of {x, c, h}."""
    table = numbers(WORDS + 1, SIZE)
    total = sequential(
        sequential(nn("SelectTable", index=1), nn("SelectTable", index=3), kind="ConcatTable"), nn("CAddTable")
    )
    core = sequential(nn("SelectTable", index=2), sequential(total, nn("Tanh")), total, kind="ConcatTable", nInputs=3)
    fields = {"seq_length": STEPS, "num_layers": 1, "rnn_size": SIZE, "vocab_size": WORDS}
    return nn("LanguageModel", core=core, lookup_table=nn("LookupTable", weight=table), **fields), table


def test_a_caption_is_scored_after_the_image_and_the_start():
    module, table = model()
    images, words = numbers(IMAGES, SIZE, seed=1), np.array([[1, 4], [2, 0], [0, 0]], np.float32)
    given = [images, table[[WORDS, WORDS]], *(table[np.maximum(row.astype(int), 1) - 1] for row in words)]
    hidden, expected = 0.0, []
    for x in given:
        expected.append(x + hidden)
        hidden = np.tanh(x + hidden)
    check(module, [images, words], expected=np.stack(expected))


def test_a_caption_has_the_length_that_the_model_knows():
    with pytest.raises(UsageError, match="3 words of each sentence"):
        results(model()[0], [numbers(IMAGES, SIZE), np.ones((2, IMAGES), np.float32)])


def test_a_core_of_more_layers_than_modules_is_damage():
    module, _ = model()
    module.fields["num_layers"] = 10**9
    module.fields["core"].fields["nInputs"] = 1 + 2 * 10**9
    with pytest.raises(InvalidInputError, match="modules for its layers"):
        results(module, [numbers(IMAGES, SIZE), np.ones((STEPS, IMAGES), np.float32)])


def test_a_core_that_takes_more_is_another_models():
    module, _ = model()
    module.fields["core"].fields["nInputs"] = 4
    inputs = [numbers(IMAGES, SIZE), np.ones((STEPS, IMAGES), np.float32)]
    assert refusal(module, inputs) == "is a class that is not known here"


@pytest.mark.parametrize(("kind", "shape"), [("FeatExpander", (2, 3)), ("FeatExpanderConv", (2, 3, 4))])
def test_every_sample_is_given_several_times(kind, shape):
    x = numbers(*shape)
    check(nn(kind, n=3), x, expected=np.repeat(x, 3, axis=0))
    check(sequential(nn(kind, n=1), nn("Tanh")), x, expected=np.tanh(x))


def test_an_adaptive_model_gives_zeros_where_all_sentences_have_ended():
    steps, batch, size, vocabulary = 3, 2, 4, 5
    table = numbers(vocabulary + 2, size)
    table[0] = 0
    words = np.array([[2, 3], [1, 0], [0, 0]], np.float32)
    places, image = numbers(batch, 6, size, seed=1), numbers(batch, size, seed=2)

    def select(*indices):
        return sequential(*[nn("SelectTable", index=i) for i in indices], kind="ConcatTable")

    core = sequential(nn("CAddTable"), *[nn("SelectTable", index=i) for i in (1, 1, 2)], kind="ConcatTable")
    module = nn(
        "LanguageModel",
        core=core,
        lookup_table=nn("LookupTableMaskZero", weight=table),
        img_embedding=select(1, 1, 2),
        attention=sequential(nn("NarrowTable", offset=1, length=2), nn("CAddTable")),
        seq_length=steps,
        vocab_size=vocabulary,
        rnn_size=size,
        num_layers=1,
    )
    tokens = [np.full(batch, vocabulary + 1), *words.astype(int)]
    expected = [table[token] + image if token.any() else np.zeros((batch, size)) for token in tokens]
    check(module, [places, image, words], expected=np.stack(expected))
