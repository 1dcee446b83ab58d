"""Run the source of a PyTorch module, with nothing but PyTorch and safetensors."""

import importlib.util

from serve import Failure, read_arrays, serve, write_arrays


def describe():
    """Return PyTorch's version."""
    import safetensors.torch  # noqa: F401 - imported once, before the jobs fork
    import torch

    torch.set_num_threads(1)  # threads do not survive the fork that each job is run in
    return torch.__version__


def load(files):
    """Return the module that a source makes of its parameters."""
    spec = importlib.util.spec_from_file_location("model", files["module"])
    model = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(model)
    return model.load(files["parameters"])


def run(job):
    """Run one module on its inputs, in their order."""
    import torch

    try:
        network = load(job["files"])
    except Exception as error:
        raise Failure("load", error)
    arrays = [array.astype("float32") if array.dtype.kind == "f" else array for _, array in read_arrays(job["inputs"])]
    feeds = [torch.from_numpy(array.copy(order="C")) for array in arrays]
    try:
        with torch.no_grad():
            outputs = network(*feeds)
    except Exception as error:
        raise Failure("run", error)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    write_arrays(job["outputs"], [(name, value.numpy()) for name, value in zip(job["wanted"], outputs)])


if __name__ == "__main__":
    serve(describe, run)
