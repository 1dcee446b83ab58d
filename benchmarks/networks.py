"""Networks of real size as Torch7 would save them: known architectures, random weights from a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain, pairwise
from math import prod, sqrt
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.torch7.objects import TorchObject
from tests.torch7.writer import nn, save, sequential, storage

Layers = list[TorchObject]

_CODE = sha256(Path(__file__).read_bytes()).hexdigest()[:8]

VGG16 = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0)  # planes; 0 is a pooling


class Weights:
    """Draws the weights of one network."""

    def __init__(self, seed: int = 0) -> None:
        self._random = np.random.default_rng(seed)

    def draw(self, *shape: int) -> np.ndarray:
        """Return uniform numbers whose variance keeps the signal's (2 / fan-in), so that no depth blows up."""
        numbers = self._random.random(shape, np.float32)
        numbers -= np.float32(0.5)
        numbers *= np.float32(sqrt(24 / prod(shape[1:])))
        return numbers

    def linear(self, inputs: int, outputs: int) -> TorchObject:
        """Make a fully connected layer."""
        return nn("Linear", weight=self.draw(outputs, inputs), bias=np.zeros(outputs, np.float32))

    def convolution(self, inputs: int, outputs: int, kernel: int, stride: int = 1, pad: int = 0) -> TorchObject:
        """Make a convolution of images with a square kernel."""
        return nn(
            "SpatialConvolution",
            nInputPlane=inputs,
            nOutputPlane=outputs,
            **window(kernel, stride, pad),
            weight=self.draw(outputs, inputs, kernel, kernel),
            bias=np.zeros(outputs, np.float32),
        )

    def normalization(self, planes: int) -> TorchObject:
        """Make a batch normalisation as training leaves it: mean and variance near 0 and 1."""
        near = self._random.uniform(-0.1, 0.1, (4, planes)).astype(np.float32)
        return nn(
            "SpatialBatchNormalization",
            version=2,
            **{"weight": 0.5 + near[0], "bias": near[1], "running_mean": near[2], "running_var": 1 + near[3]},
            **{"eps": 1e-5, "momentum": 0.1, "affine": True, "nDim": 4},
        )


def window(kernel: int, stride: int, pad: int) -> dict[str, int]:
    """Return the fields of a square window."""
    return {"kW": kernel, "kH": kernel, "dW": stride, "dH": stride, "padW": pad, "padH": pad}


def max_pooling(kernel: int, stride: int, pad: int = 0, *, ceil: bool = False) -> TorchObject:
    """Make a pooling that takes the largest number of each window."""
    return nn("SpatialMaxPooling", **window(kernel, stride, pad), ceil_mode=ceil)


def average_pooling(kernel: int) -> TorchObject:
    """Make a pooling that takes the mean of each window."""
    return nn("SpatialAveragePooling", **window(kernel, 1, 0), ceil_mode=False, count_include_pad=True, divide=True)


def relu() -> TorchObject:
    """Make a rectifier that overwrites its input, as the published networks have it."""
    return nn("ReLU", inplace=True, threshold=0, val=0)


def dropout(p: float) -> TorchObject:
    """Make a dropout of the kind that scales while training and does nothing afterwards."""
    return nn("Dropout", p=p, v2=True, train=False)


def flat(size: int) -> TorchObject:
    """Make the step from planes to a feature vector."""
    return nn("View", numElements=size, size=storage(np.array([size], np.int64)), numInputDims=3)


def classifier(weights: Weights, *sizes: int) -> Layers:
    """Make the fully connected end of AlexNet and VGG, with dropout between layers."""
    hidden = [(weights.linear(a, b), relu(), dropout(0.5)) for a, b in pairwise(sizes[:-1])]
    return [flat(sizes[0]), *chain(*hidden), weights.linear(sizes[-2], sizes[-1])]


def alexnet(weights: Weights) -> TorchObject:
    """AlexNet of "One weird trick" (Krizhevsky 2014), without groups and LRN: 61 million numbers."""
    layers: Layers = []
    planes = 3
    for outputs, kernel, stride, pooled in ((64, 11, 4, True), (192, 5, 1, True), (384, 3, 1, False)):
        layers += [weights.convolution(planes, outputs, kernel, stride, 2 if kernel > 3 else 1), relu()]
        layers += [max_pooling(3, 2)] if pooled else []
        planes = outputs
    layers += [weights.convolution(384, 256, 3, 1, 1), relu(), weights.convolution(256, 256, 3, 1, 1), relu()]
    end = classifier(weights, 256 * 6 * 6, 4096, 4096, 1000)
    return sequential(*layers, max_pooling(3, 2), *end, nn("LogSoftMax"))


def vgg16(weights: Weights) -> TorchObject:
    """VGG-16 (Simonyan and Zisserman 2014, configuration D): 138 million numbers."""
    layers: Layers = []
    planes = 3
    for outputs in VGG16:
        layers += [weights.convolution(planes, outputs, 3, 1, 1), relu()] if outputs else [max_pooling(2, 2)]
        planes = outputs or planes
    return sequential(*layers, *classifier(weights, 512 * 7 * 7, 4096, 4096, 1000), nn("SoftMax"))


def resnet152(weights: Weights) -> TorchObject:
    """ResNet-152 with bottlenecks, as fb.resnet.torch builds it: 60 million numbers, 500 layers."""
    layers = [weights.convolution(3, 64, 7, 2, 3), weights.normalization(64), relu(), max_pooling(3, 2, 1)]
    planes = 64
    for inner, count in ((64, 3), (128, 8), (256, 36), (512, 3)):
        for block in range(count):
            layers += bottleneck(weights, planes, inner, 2 if block == 0 and inner > 64 else 1)
            planes = inner * 4
    return sequential(*layers, average_pooling(7), flat(2048), weights.linear(2048, 1000))


def bottleneck(weights: Weights, planes: int, inner: int, stride: int) -> Layers:
    """Make three convolutions with a shortcut around them."""

    def normalised(inputs: int, outputs: int, kernel: int, stride: int = 1) -> Layers:
        return [weights.convolution(inputs, outputs, kernel, stride, kernel // 2), weights.normalization(outputs)]

    path = [*normalised(planes, inner, 1), relu(), *normalised(inner, inner, 3, stride), relu()]
    path += normalised(inner, inner * 4, 1)
    around = nn("Identity") if planes == inner * 4 else sequential(*normalised(planes, inner * 4, 1, stride))
    return [sequential(sequential(*path), around, kind="ConcatTable"), nn("CAddTable", inplace=True), relu()]


# Planes of each inception: 1x1, 3x3 behind its reduction, 5x5 behind its reduction, 1x1 behind the pooling.
INCEPTIONS = (
    (64, 96, 128, 16, 32, 32),
    (128, 128, 192, 32, 96, 64),
    (192, 96, 208, 16, 48, 64),
    (160, 112, 224, 24, 64, 64),
    (128, 128, 256, 24, 64, 64),
    (112, 144, 288, 32, 64, 64),
    (256, 160, 320, 32, 128, 128),
    (256, 160, 320, 32, 128, 128),
    (384, 192, 384, 48, 128, 128),
)


def googlenet(weights: Weights) -> TorchObject:
    """GoogLeNet (Szegedy et al. 2014) without its auxiliary classifiers: 7 million numbers."""
    lrn = {"size": 5, "alpha": 1e-4, "beta": 0.75, "k": 1}
    layers = [weights.convolution(3, 64, 7, 2, 3), relu(), max_pooling(3, 2, ceil=True)]
    layers += [nn("SpatialCrossMapLRN", **lrn), weights.convolution(64, 64, 1), relu()]
    layers += [weights.convolution(64, 192, 3, 1, 1), relu(), nn("SpatialCrossMapLRN", **lrn)]
    layers += [max_pooling(3, 2, ceil=True)]
    planes = 192
    for number, sizes in enumerate(INCEPTIONS):
        layers.append(inception(weights, planes, *sizes))
        layers += [max_pooling(3, 2, ceil=True)] if number in (1, 6) else []
        planes = sizes[0] + sizes[2] + sizes[4] + sizes[5]
    end = [average_pooling(7), flat(1024), dropout(0.4), weights.linear(1024, 1000)]
    return sequential(*layers, *end, nn("LogSoftMax"))


def inception(weights: Weights, planes: int, one: int, before3: int, three: int, before5: int, five: int, pooled: int):  # noqa: ANN201
    """Make four paths side by side whose planes are joined."""
    paths = (
        [weights.convolution(planes, one, 1), relu()],
        [weights.convolution(planes, before3, 1), relu(), weights.convolution(before3, three, 3, 1, 1), relu()],
        [weights.convolution(planes, before5, 1), relu(), weights.convolution(before5, five, 5, 1, 2), relu()],
        [max_pooling(3, 1, 1), weights.convolution(planes, pooled, 1), relu()],
    )
    return sequential(*(sequential(*path) for path in paths), kind="Concat", dimension=2)


def linear_chain(weights: Weights, count: int = 28, width: int = 4096) -> TorchObject:
    """Fully connected layers one after the other: 28 of them are 1.9 GB, just what one protobuf file holds."""
    return sequential(*(weights.linear(width, width) for _ in range(count)))


def narrow(weights: Weights, layers: int) -> TorchObject:
    """Many layers and hardly any weights: what remains is the cost of a layer."""
    pairs = ((weights.linear(8, 8), relu()) for _ in range(layers // 2))
    return sequential(*chain(*pairs))


@dataclass(frozen=True, slots=True)
class Network:
    """A network of the benchmark: how it is built, and the shape it takes."""

    name: str
    build: Callable[[Weights], TorchObject]
    input: str


NETWORKS: Sequence[Network] = (
    Network("AlexNet-OWT", alexnet, "1x3x224x224"),
    Network("VGG-16", vgg16, "1x3x224x224"),
    Network("ResNet-152", resnet152, "1x3x224x224"),
    Network("GoogLeNet", googlenet, "1x3x224x224"),
    Network("28 Linear", linear_chain, "1x4096"),
    Network("500 layers", lambda weights: narrow(weights, 500), "1x8"),
    Network("5000 layers", lambda weights: narrow(weights, 5000), "1x8"),
    Network("20 layers", lambda weights: narrow(weights, 20), "1x8"),
    Network("200 layers", lambda weights: narrow(weights, 200), "1x8"),
    Network("small", lambda weights: linear_chain(weights, 2, 16), "1x16"),
)


def written(network: Network, folder: Path, **encoding: Any) -> Path:  # noqa: ANN401 - as `save` takes it
    """Write a network's file into `folder`, once for each state of this code; it is the same on every machine."""
    path = folder / f"{network.name.replace(' ', '-')}-{_CODE}.t7"
    if not path.exists():
        partial = path.with_suffix(".partial")
        save(partial, network.build(Weights()), **encoding).rename(path)
    return path
