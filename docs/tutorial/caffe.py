# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---


# %% [markdown]
# # A Caffe network, as ResNet writes it
#
# Most Caffe networks that are still around were written in the manner of ResNet: a convolution, then BatchNorm, Scale
# and ReLU that overwrite what they read, and pooling whose windows are rounded up. Each of the four has cost somebody
# days. This notebook takes such a network, whose output BVLC Caffe itself has computed, to PyTorch, and trains it on.

# %%
import shutil
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import torch2caffe2

case = Path(torch2caffe2.__file__).parents[1] / "tests" / "data" / "caffe" / "batchnorm_scale_inplace"
work = Path(tempfile.mkdtemp())
print((case / "deploy.prototxt").read_text())

# %% [markdown]
# ## What is in it
#
# The pair is two files, as ever. The pooling takes 7 x 6 and gives 4 x 3: rounded up, which is Caffe's way and nobody
# else's.

# %%
model = torch2caffe2.open(case / "deploy.prototxt", weights=case / "weights.caffemodel")
model

# %%
with np.load(case / "io.npz") as io:
    image, by_caffe = io["in0"], io["out0"]

(output,) = model.run(image).values()
print("apart from Caffe by", np.abs(output - by_caffe).max())

# %% [markdown]
# ## To PyTorch
#
# The source is meant to be read: submodules bear the names of the layers, and what PyTorch has no layer for is plain
# code.

# %%
made = torch2caffe2.convert(
    model,
    to=("pytorch", "onnx"),
    output=work / "converted",
    store=work / "store",
)
print(made.files["model.py"].read_text())

# %%
made

# %% [markdown]
# It computes what Caffe computed, without Caffe and without this program.

# %%
sys.path.insert(0, str(made.output))
import torch
from model import load

network = load()
with torch.no_grad():
    by_pytorch = network(torch.from_numpy(image)).numpy()
print("apart from Caffe by", np.abs(by_pytorch - by_caffe).max())
assert np.allclose(by_pytorch, by_caffe, rtol=0, atol=1e-5)

# %% [markdown]
# ## Training it on
#
# What was learnt are parameters, so an optimiser finds them. Here the network learns to answer with ones.

# %%
torch.manual_seed(0)
network.train()
optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
losses = []
for _ in range(60):
    optimizer.zero_grad()
    loss = (network(torch.from_numpy(image)) - 1).square().mean()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())

plt.figure(figsize=(7, 2.5))
plt.plot(losses)
plt.xlabel("step")
plt.ylabel("loss")
assert losses[-1] < losses[0] / 2

# %% [markdown]
# ## Layers that only a fork has
#
# A network of one lab ends in a layer that nobody else has. `scan` says so before any work, with all other such places,
# and `cut` ends the network before it.

# %%
lab = work / "lab.prototxt"
shutil.copy(case / "weights.caffemodel", work / "lab.caffemodel")
lab.write_text(
    (case / "deploy.prototxt").read_text() + 'layer { name: "head" type: "LabHead" bottom: "y" top: "head" }\n'
)
asked = {"weights": work / "lab.caffemodel", "store": work / "store"}
for problem in torch2caffe2.scan(lab, **asked).problems:
    print(problem.origin, problem.reason, problem.advice, sep="\n    ")

cut = torch2caffe2.convert(lab, to="onnx", cut="auto", output=work / "cut", **asked)
print(cut.open("onnx").inspect().outputs)

# %%
shutil.rmtree(work)
