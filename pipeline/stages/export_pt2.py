"""The source of a PyTorch module -> a program in one file, by torch.export."""

from __future__ import annotations

from pipeline.pytorch.exported import PT2
from pipeline.pytorch.format import PYTORCH
from pipeline.stages.stage import Stage, Task


def run(task: Task) -> None:
    """Execute the module under torch.export, and save the resulting program."""
    from pipeline.graph import signature
    from pipeline.pytorch.exported import export

    source = PYTORCH.stored(task.inputs[PYTORCH.name])
    ports = source.recorded()
    export(source.files, ports, task.output)
    inputs, outputs = ports.input_blobs(PYTORCH.name), ports.output_blobs(PYTORCH.name)
    signature.write(task.output, ports.with_blobs(PT2.name, inputs, outputs))


STAGE = Stage(
    name="export-pt2",
    makes=PT2.name,
    needs=(PYTORCH.name,),
    default=False,
    run=run,
    libraries=("torch",),
    modules=("torch",),
)
