"""A look at any file: which format it is of decides who lists its parts."""

from __future__ import annotations

from dataclasses import replace

from pipeline.inspection import networks
from pipeline.inspection.inventory import Inventory
from pipeline.inspection.networks import Source

# What is looked at in the output folder of a run.
IN_FOLDER = ("deploy.prototxt", "graph.json", "predict_net.pb")


def inspect(source: Source) -> Inventory:
    """List what is in a file, or in the folder of a run.

    Weights are looked for beside a prototxt or predict_net where none are named. Raises what reading the file
    raises, and UsageError for a folder that holds no network.
    """
    path, kind = networks.resolve(source.path, IN_FOLDER)
    if kind == "t7":
        from pipeline.inspection import of_torch7

        return of_torch7.inventory(path, source.inputs, source.root)
    if kind == "graph":
        from pipeline.inspection import of_graph

        return of_graph.inventory(path)
    if kind == "netdef":
        from pipeline.inspection import of_caffe2

        found = of_caffe2.inventory(path, source.weights, source.inputs)
    else:
        from pipeline.inspection import of_caffe

        weights = source.weights or networks.weights_beside(path)
        found = of_caffe.inventory(path, weights, source.inputs) if kind == "prototxt" else of_caffe.blobs(path)
    if source.path.is_dir():
        others = [name for name in networks.IN_FOLDER if name != path.name and (source.path / name).is_file()]
        found = replace(found, notes=(*found.notes, *([f"also there: {', '.join(others)}"] if others else [])))
    return found
