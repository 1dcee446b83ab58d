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
# # From a lone .t7 to everything else
#
# Somebody has left a `.t7` behind. No paper, no Lua, no GPU; not even the shape of its input is known. This notebook
# finds out what it is, converts it, looks at who bears the numbers out, edits what was made, survives a kill, and runs
# the result in programs of today. The network is a real one: Torch7's own demos trained such a digit classifier, and
# Torch7 itself saved this file. It needs `pip install '.[docs]'`, which brings the judges that pip can install.

# %%
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import torch2caffe2

demo = Path(torch2caffe2.__file__).parents[1] / "tests" / "data" / "demo"
work = Path(tempfile.mkdtemp())
store = work / "store"
lone = shutil.copy(demo / "model.t7", work)

# %% [markdown]
# ## What is in it
#
# The reader executes nothing of the file. Every module is listed with what it holds; the note at the end says how the
# shape of the input was found: from what the modules remember of their last run.

# %%
model = torch2caffe2.open(lone)
model

# %% [markdown]
# So it takes images of 32 x 32 with one channel, any number at a time. The file has no image, but there is one of
# Torch7's own runs beside it, which the authors of a lone file seldom leave: an input, and what Torch7 made of it.

# %%
with np.load(demo / "io.npz") as io:
    image, original = io["in0"].astype(np.float32), io["out0"]

(output,) = model.run(image).values()
print("apart from Torch7 by", np.abs(output - original).max())

# %% [markdown]
# ## What it has learnt
#
# The filters of the first convolution, and what each sees in the image.

# %%
first = model.layers[1]
filters = first.weights["weight"].reshape(-1, 5, 5)
seen = model.run(image, every=True)["1_SpatialConvolutionMM"][0]

figure, axes = plt.subplots(2, len(filters), figsize=(10, 2.8))
for upper, lower, kernel, activation in zip(*axes, filters, seen, strict=True):
    upper.imshow(kernel, cmap="gray")
    lower.imshow(activation, cmap="magma")
for axis in axes.flat:
    axis.set_axis_off()

# %% [markdown]
# ## Converting it
#
# One call makes Caffe and Caffe2 files, and more where they are asked for, and compares every value between them. Each
# step of the way is judged by whoever else can run its files: here OpenCV and ONNX Runtime, PyTorch, and, where
# `make runtimes` has installed them, a real Caffe 1.0 and Caffe2.

# %%
made = torch2caffe2.convert(
    model,
    to=("caffe2", "onnx", "pytorch"),
    inputs=image.shape,
    reference=demo / "io.npz",
    output=work / "converted",
    store=store,
)
made

# %% [markdown]
# The error of each layer, relative to max(1, the largest value), by whoever has computed it. A float32 has 24 bits, so
# 1e-7 is the last one.

# %%
values = made.verification["values"]
judges = sorted({judge for value in values for judge in value["relative"]})

figure, axis = plt.subplots(figsize=(10, 3.2))
for judge in judges:
    errors = [value["relative"].get(judge) for value in values]
    axis.plot([np.nan if error is None else max(error, 1e-9) for error in errors], "o-", label=judge)
axis.set_yscale("log")
axis.set_xticks(range(len(values)), [value["name"] for value in values], rotation=60, ha="right")
axis.axhline(made.verification["tolerance"], color="gray", linestyle="--", label="allowed")
axis.legend(fontsize=8, ncols=2)
figure.tight_layout()

# %% [markdown]
# ## Looking at the Caffe files, and editing them
#
# Layers are named after their Torch modules, and each has its module's path in a comment.

# %%
prototxt = made.files["deploy.prototxt"]
print(prototxt.read_text()[:900])

# %% [markdown]
# Say that the deployment calls the output `prob`. The file is edited as any other, and the run goes on from it: the
# edited pair becomes an artifact of its own, and Caffe2 is made anew from it.

# %%
prototxt.write_text(prototxt.read_text().replace('"11_LogSoftMax"', '"prob"'))
edited = torch2caffe2.resume(made, adopt=True, runtimes="opencv")
for stage in edited.record.stages:
    print(f"{stage.name:<14} {stage.state:<5} {stage.reasons[0]}")
print("the output is", edited.open("caffe2").graph.outputs[0].name)

# %% [markdown]
# ## A kill, and what is left
#
# A process is killed in the middle of a run, as a machine that loses power would do it. What was finished is in the
# store; `resume` does the rest.

# %%
words = [lone, "--input", "2x1x32x32", "--output", work / "killed", "--store", work / "other", "--progress", "json"]
command = [sys.executable, "-m", "torch2caffe2", "convert", *map(str, words)]
with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
    for line in process.stderr:
        if '"stage_started", "model": "model", "stage": "verify"' in line:
            process.kill()

resumed = torch2caffe2.resume(work / "killed", runtimes="none", store=work / "other")
for stage in resumed.record.stages:
    print(f"{stage.name:<10} {stage.state:<5} {stage.seconds:.2f} s")

# %% [markdown]
# ## Running the result
#
# OpenCV, ONNX Runtime and PyTorch, without anything of this program. The lines for Caffe and Caffe2 are in
# [Which exit do I want?](../exits.md).

# %%
import cv2
import onnxruntime

asked = {"to": ("caffe", "onnx", "pytorch"), "inputs": image.shape, "verify": False}
folder = torch2caffe2.convert(lone, **asked, output=work / "run", store=store)

net = cv2.dnn.readNetFromCaffe(str(folder.files["deploy.prototxt"]), str(folder.files["model.caffemodel"]))
net.setInput(image)
by_opencv = net.forward()

session = onnxruntime.InferenceSession(folder.files["model.onnx"])
(by_onnxruntime,) = session.run(None, {session.get_inputs()[0].name: image})

sys.path.insert(0, str(folder.output))
import torch
from model import load

with torch.no_grad():
    by_pytorch = load()(torch.from_numpy(image)).numpy()

for name, found in {"OpenCV": by_opencv, "ONNX Runtime": by_onnxruntime, "PyTorch": by_pytorch}.items():
    print(f"{name:<13} apart from Torch7 by {np.abs(found - original).max():.1e}")
    assert np.allclose(found, original, rtol=0, atol=1e-5)

# %%
shutil.rmtree(work)
