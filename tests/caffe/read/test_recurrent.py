"""LSTM and RNN against a loop over the steps."""

import numpy as np
import pytest

from pipeline.caffe.read import read
from pipeline.errors import InvalidInputError, UnsupportedError
from pipeline.graph.evaluation import run
from tests.caffe.forks import FORKS
from tests.caffe.read.nets import inputs, layer, net, result
from tests.support import numbers, sigmoid

T, N, K, H, S = 4, 3, 5, 2, 6  # steps, sequences, inputs, hidden units, static inputs


def lstm(x, cont, blobs, static=None, h=None, c=None):
    weights, bias, *between, recurrent = blobs
    h, c = (np.zeros((N, H)) if state is None else state[0] for state in (h, c))
    steps = []
    for row, mark in zip(x.reshape(len(x), N, -1), cont[:, :, None], strict=True):
        gates = row @ weights.T + bias + (mark * h) @ recurrent.T
        if static is not None:
            gates = gates + static.reshape(N, -1) @ between[0].T
        i, f, o, g = np.split(gates, 4, 1)
        c = mark * sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        steps.append(h)
    return np.stack(steps), h[None], c[None]


def rnn(x, cont, blobs, static=None, h=None):
    weights, bias, *between, recurrent, outward, out_bias = blobs
    h = np.zeros((N, H)) if h is None else h[0]
    steps = []
    for row, mark in zip(x.reshape(len(x), N, -1), cont[:, :, None], strict=True):
        total = row @ weights.T + bias + (mark * h) @ recurrent.T
        if static is not None:
            total = total + static.reshape(N, -1) @ between[0].T
        h = np.tanh(total)
        steps.append(np.tanh(h @ outward.T + out_bias))
    return np.stack(steps), h[None]


KINDS = {"LSTM": (lstm, 4, 2), "RNN": (rnn, 1, 1)}


def parameters(kind, inputs_, static):
    gates = KINDS[kind][1] * H
    shapes = [(gates, inputs_), (gates,)] + [(gates, S)] * static + [(gates, H)]
    shapes += [(H, H), (H,)] * (kind == "RNN")
    return [numbers(*shape, seed=10 + i) for i, shape in enumerate(shapes)]


def recurrent(kind, shapes, blobs, exposed=False, notes=None):
    tops = ["y", "hT", "cT"][: 1 + KINDS[kind][2] * exposed]
    wires = "".join(f' bottom: "{name}"' for name in shapes) + "".join(f' top: "{top}"' for top in tops)
    param = f"recurrent_param {{ num_output: {H} expose_hidden: {str(exposed).lower()} }}"
    text = inputs(**shapes) + f'layer {{ name: "y" type: "{kind}" {wires} {param} }}'
    return read(net(text, {"y": blobs}), outputs=tops, notes=notes)


@pytest.mark.parametrize("kind", ["LSTM", "RNN"])
@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("exposed", [False, True])
@pytest.mark.parametrize("steps", [1, T])
def test_steps_follow_each_other_and_sequences_start_anew(kind, static, exposed, steps):
    step, _, states = KINDS[kind]
    feeds = {"x": numbers(steps, N, K), "cont": (numbers(steps, N, seed=1) > 0).astype("f4")}
    feeds |= {"s": numbers(N, S, seed=2)} if static else {}
    starts = {name: numbers(1, N, H, seed=3 + i) for i, name in enumerate("hc"[:states])} if exposed else {}
    feeds |= starts
    blobs = parameters(kind, K, static)
    graph = recurrent(kind, {name: feed.shape for name, feed in feeds.items()}, blobs, exposed)
    expected = step(feeds["x"], feeds["cont"], blobs, feeds.get("s"), **starts)
    for got, wanted in zip(run(graph, feeds), expected, strict=False):
        assert got.shape == wanted.shape
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["LSTM", "RNN"])
def test_an_input_of_several_axes_is_one_row(kind):
    x, cont = numbers(T, N, 2, 3), np.ones((T, N), np.float32)
    blobs = parameters(kind, 6, False)
    graph = recurrent(kind, {"x": x.shape, "cont": cont.shape}, blobs)
    np.testing.assert_allclose(run(graph, [x, cont])[0], KINDS[kind][0](x, cont, blobs)[0], rtol=1e-4, atol=1e-5)


def test_what_caffe_keeps_from_run_to_run_is_noted():
    notes = []
    recurrent("LSTM", {"x": (T, N, K), "cont": (T, N)}, parameters("LSTM", K, False), notes=notes)
    assert notes == ["y (LSTM): starts from zeros in every run, where Caffe goes on from the run before"]


def test_the_number_of_sequences_is_free():
    blobs = parameters("LSTM", K, False)
    small, large = (recurrent("LSTM", {"x": (T, batch, K), "cont": (T, batch)}, blobs) for batch in (1, 9))
    assert [node.operator.attributes for node in small.nodes] == [node.operator.attributes for node in large.nodes]


@pytest.mark.parametrize(
    "shapes",
    [
        {"x": (T, N, K)},
        {"x": (T, N, K), "cont": (N, T)},
        {"x": (T, N, K), "cont": (T, N), "s": (T, S)},
        {"x": (T, N, K), "cont": (T, N), "s": (N, S), "h": (1, N, H)},
    ],
)
def test_bottoms_that_do_not_fit_are_an_error_of_the_file(shapes):
    with pytest.raises(InvalidInputError) as error:
        recurrent("LSTM", shapes, parameters("LSTM", K, "s" in shapes))
    assert error.value.where == "y (LSTM)"


def test_a_network_that_would_unroll_without_end_is_refused():
    with pytest.raises(UnsupportedError, match="1 part"):
        recurrent("RNN", {"x": (10**6, N, K), "cont": (10**6, N)}, parameters("RNN", K, False))


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 1, 1), (3, 2, 5)])
@pytest.mark.parametrize("marked", [False, True])
def test_the_lstm_of_another_fork_goes_on_to_the_end_or_as_it_is_marked(shape, marked):
    fields = {"num_output": 4} | ({} if len(shape) == 3 else {"batch_size": 2})
    param = " ".join(f"{name}: {value}" for name, value in fields.items())
    blobs = [numbers(16, 5), numbers(16, 4, seed=1), numbers(16, seed=2)]
    given = [numbers(*shape, seed=3), *([np.float32([0, 0, 1, 0, 2, 1])] if marked else [])]
    shapes = {"x": shape} | ({"marks": (6,)} if marked else {})
    graph = layer("Lstm", *shapes, param=f"lstm_param {{ {param} clipping_threshold: 0.1 }}", blobs=blobs, **shapes)
    (right,) = FORKS["Lstm"].run({"lstm_param": fields}, given, blobs, 1)
    found = result(graph, *given)
    assert found.shape == right.shape
    np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-6)


def test_the_lstm_of_another_fork_is_refused_where_its_own_forks_disagree():
    blobs = [numbers(16, 5), numbers(16, 4), numbers(16)]
    with pytest.raises(UnsupportedError):
        layer("Lstm", "x", param="lstm_param { num_output: 4 batch_size: 2 }", blobs=blobs, x=(3, 2, 5))


@pytest.mark.parametrize("param", ["num_output: 0", "num_output: 4 batch_size: 4"])
def test_an_lstm_whose_steps_do_not_divide_is_an_error_of_the_file(param):
    with pytest.raises(InvalidInputError):
        layer("Lstm", "x", param=f"lstm_param {{ {param} }}", blobs=[numbers(16, 5)], x=(6, 5))
