"""Each model was compared with what Torch7 gives for its own code; here with formulas, over parts that are simple."""

from __future__ import annotations

import numpy as np

from tests.support import numbers
from tests.torch7.fixtures import check, refusal
from tests.torch7.writer import nn, sequential

BATCH, STEPS, SIZE = 2, 4, 3
MASK = np.array([[0, 0, 0, 1], [0, 1, 1, 1]], np.float32)


def select(*indices):
    return sequential(*[nn("SelectTable", index=i) for i in indices], kind="ConcatTable")


def test_a_model_that_holds_one_network_is_that():
    x = numbers(2, 3)
    check(nn("recursive_atten", atten_encode=nn("Tanh")), x, expected=np.tanh(x))
    check(nn("cnnModel", cnn_part=nn("Tanh")), x, expected=np.tanh(x))


def test_words_are_masked_where_they_are_0():
    words = np.array([[3, 1, 2, 0], [1, 0, 0, 0]], np.float32)
    table, images = numbers(5, SIZE), numbers(BATCH, 6, SIZE, seed=1)
    table[0] = 0
    embedding = nn("LookupTableMaskZero", weight=table)
    module = nn("word_level", cnn=nn("Tanh"), LE=embedding, atten=select(1, 3))
    embedded = table[words.astype(int)]
    check(module, [words, images], expected=[embedded, np.tanh(images), embedded, MASK, MASK])


def test_phrases_and_images_are_attended_together():
    words, images = numbers(BATCH, STEPS, SIZE), numbers(BATCH, 6, SIZE, seed=1)
    module = nn("phrase_level", conv=nn("Tanh"), atten=select(1, 2))
    expected = [np.tanh(words), np.tanh(words), images]
    check(module, [words, np.array([3, 1], np.float32), images, MASK], expected=expected)


def test_a_question_is_read_as_far_as_its_mask_says():
    phrases, images = numbers(BATCH, STEPS, SIZE), numbers(BATCH, 6, SIZE, seed=1)
    total = sequential(nn("CAddTable"), nn("Tanh"))
    core = sequential(total, nn("SelectTable", index=1), nn("CAddTable"), kind="ConcatTable")
    module = nn("ques_level", core=core, atten=select(1, 2), rnn_size=SIZE, num_layers=1)
    cell, hidden, outputs = np.zeros((BATCH, SIZE)), np.zeros((BATCH, SIZE)), []
    for t in range(STEPS):
        everything, keep = phrases[:, t] + cell + hidden, 1 - MASK[:, t : t + 1]
        cell, hidden = np.tanh(everything) * keep, phrases[:, t] * keep
        outputs.append(everything * keep)
    lengths = np.array([3, 1], np.float32)
    check(module, [phrases, lengths, images, MASK], expected=[np.stack(outputs, 1), images])


def test_a_part_that_is_not_known_is_named_by_its_place():
    assert refusal(nn("cnnModel", cnn_part=nn("my.Net")), numbers(2, 3)) == "is a class that is not known here"
