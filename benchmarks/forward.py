"""`python -m benchmarks.forward [--quick]`: five forward passes of VGG-16, written down for PyTorch itself."""

from __future__ import annotations

import sys

import torch

from benchmarks.networks import VGG16

PASSES = 5


def network(quick: bool) -> torch.nn.Module:
    """Build the layers, without the time that random weights take; the quick one is a small part of them."""
    hidden = 32 if quick else 4096
    layers: list[torch.nn.Module] = []
    planes = 3
    for outputs in (8, 0, 8, 0, 0, 0, 0) if quick else VGG16:
        layers += (
            [torch.nn.Conv2d(planes, outputs, 3, padding=1), torch.nn.ReLU()] if outputs else [torch.nn.MaxPool2d(2)]
        )
        planes = outputs or planes
    layers += [torch.nn.Flatten(), torch.nn.Linear(planes * 7 * 7, hidden), torch.nn.ReLU()]
    layers += [torch.nn.Linear(hidden, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, 1000), torch.nn.Softmax(1)]
    return torch.nn.Sequential(*layers).eval()


def main() -> None:
    """Run the passes."""
    with torch.inference_mode():
        with torch.device("meta"):
            net = network("--quick" in sys.argv)
        net = net.to_empty(device="cpu")
        for parameter in net.parameters():
            parameter.fill_(0.01)
        for _ in range(PASSES):
            net(torch.rand(1, 3, 224, 224))


if __name__ == "__main__":
    main()
