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
# # A class of your own
#
# Labs wrote modules of their own. The file names such a class and holds its fields, but what it computes stood in Lua
# code that is elsewhere, or nowhere. This notebook teaches the program a class by a definition of one line.
#
# `swish/model.lua`, which lies beside this notebook, is what a lab may have had: Torch7 has run it, and saved a network
# and what it computed. The lines that matter are
#
# ```lua
# function Swish:updateOutput(input)
#    self.output = torch.cmul(input, torch.sigmoid(input))
#    return self.output
# end
# ```

# %%
import shutil
import tempfile
from pathlib import Path

import torch2caffe2

swish = Path(torch2caffe2.__file__).parents[1] / "docs" / "tutorial" / "swish"
work = Path(tempfile.mkdtemp())
model = torch2caffe2.open(swish / "model.t7")
model

# %% [markdown]
# ## What stands in the way
#
# `scan` lists all such classes at once. A conversion raises the same list, and makes nothing of what it does not know.

# %%
for problem in torch2caffe2.scan(model).problems:
    print(problem.origin, problem.reason, problem.advice, sep="\n    ")

try:
    torch2caffe2.convert(model, output=work / "refused", store=work / "store")
except torch2caffe2.UnsupportedError as error:
    print(error, [problem.origin for problem in error.problems])

# %% [markdown]
# ## Teaching it
#
# A plugin is a Python file. For each class it has a function that says what the module means in ONNX's operators; `m`
# has the module's fields, `x` is what goes into it, and `net` takes the operators. Caffe, Caffe2, PyTorch and the
# verification follow from that: a format which has no form of an operator gets it in simpler ones.

# %%
plugin = work / "swish.py"
plugin.write_text('''
from pipeline.torch7 import module


@module("mylab.Swish")
def swish(m, x, net):
    """x * sigmoid(x)."""
    return net.add("Mul", x, net.add("Sigmoid", x, part="sigmoid"))
''')

made = torch2caffe2.convert(
    model,
    to=("caffe2", "onnx"),
    plugins=plugin,
    reference=swish / "io.t7",
    output=work / "converted",
    store=work / "store",
)
made

# %% [markdown]
# The first row says that what the definition computes is what Torch7 computed from the Lua code. Had it been wrong,
# this would have been an exception.
#
# ## What became of it
#
# In Caffe there is no product of two blobs but Eltwise, and that is what stands in the file.

# %%
text = made.files["deploy.prototxt"].read_text()
print(text[text.index("mylab.Swish") - 6 :].partition("# 3")[0])

# %%
shutil.rmtree(work)
