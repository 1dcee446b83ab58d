import pytest

from tests.caffe.write.check import Case, check, numbers, single


def cases() -> dict[str, Case]:
    image, flat = (2, 3, 4, 5), (6,)
    cases = {}
    for operator in ("Relu", "LeakyRelu", "Elu", "Selu", "Sigmoid", "HardSigmoid", "Tanh", "Softplus", "Softsign"):
        cases[operator] = single(operator, image)
        cases[f"{operator} of a vector"] = single(operator, flat)
    for axis in range(4):
        cases[f"Softmax {axis}"] = single("Softmax", image, axis=axis)
        cases[f"LogSoftmax {axis}"] = single("LogSoftmax", image, axis=axis, low=-120, high=120)
    cases |= {
        "LogSoftmax of rows": single("LogSoftmax", (2, 5), axis=-1),
        "LogSoftmax of a vector": single("LogSoftmax", flat, axis=0),
        "Softmax of a vector": single("Softmax", flat),
        "PRelu per channel": single("PRelu", image, numbers(3, 1, 1)),
        "PRelu shared": single("PRelu", image, numbers(1)),
        "PRelu of rows": single("PRelu", (2, 3), numbers(3)),
        "PRelu of a vector": single("PRelu", flat, numbers(1)),
        "PRelu by place": single("PRelu", image, numbers(3, 4, 5)),
        "PRelu computed": single("PRelu", image, (3, 1, 1)),
        "Clip": single("Clip", image, min=-1.0, max=1.5),
        "Clip at 0": single("Clip", image, min=0.0, max=2.0),
        "Clip below": single("Clip", image, min=-1e10, max=float("inf")),
        "Clip above": single("Clip", image, min=float("-inf"), max=0.5),
        "ThresholdedRelu": single("ThresholdedRelu", image, alpha=0.7),
        "ThresholdedRelu 0": single("ThresholdedRelu", image, alpha=0.0),
        "Dropout": single("Dropout", image),
    }
    return cases


CASES = cases()


@pytest.mark.parametrize("name", CASES)
def test_the_layers_compute_what_the_graph_does(name):
    check(CASES[name])
