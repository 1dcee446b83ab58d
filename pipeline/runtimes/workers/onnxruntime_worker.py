"""Run ONNX models in ONNX Runtime, after onnx's own checker has let them pass."""

import os

from serve import Failure, read_arrays, serve, write_arrays


def describe():
    """Return ONNX Runtime's version."""
    import onnx  # noqa: F401 - imported once, before the jobs fork
    import onnxruntime

    return onnxruntime.__version__


def run(job):
    """Run one model and give every value that a node of it makes."""
    import onnx
    import onnxruntime

    path = job["files"]["onnx"]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.path.dirname(path))
    try:
        onnx.checker.check_model(path, full_check=True)
        session = onnxruntime.InferenceSession(with_all_values(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise Failure("load", error)
    names = [value.name for value in session.get_outputs()]
    try:
        arrays = session.run(names, dict(read_arrays(job["inputs"])))
    except Exception as error:
        raise Failure("run", error)
    found = dict(zip(names, arrays))
    wanted = [(name, found.pop(name)) for name in job["wanted"]]
    write_arrays(job["outputs"], wanted + list(found.items()))


def with_all_values(path):
    """Return a model's bytes with every value a node makes as an output.

    A message whose bytes follow is merged: of the graph, its list of outputs grows.
    """
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    given = {value.name for value in graph.output}
    more = [value for value in graph.value_info if value.name not in given]
    with open(path, "rb") as file:
        return file.read() + onnx.ModelProto(graph=onnx.GraphProto(output=more)).SerializeToString()


if __name__ == "__main__":
    serve(describe, run)
