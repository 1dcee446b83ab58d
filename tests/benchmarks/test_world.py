"""The judge of networks of public repositories, over two of them, where they are."""

from benchmarks import world, world_nets
from tests.support import shared


def test_networks_that_are_read_and_translated_are_counted_by_form(capsys):
    folder = shared("fixtures", "caffe_world")
    assert world.main([str(folder), "--no-run", "--only", "AgeGenderDeepLearning"]) == 0
    assert "| deploy | 2 | 0 | 0 |" in capsys.readouterr().out


def test_a_judge_gets_the_layers_between_inputs_and_outputs_and_forks_as_python_layers():
    (folder,) = shared("fixtures", "caffe_world").glob("SegNet-Tutorial-Example-Models-segnet-basic-camvid-*")
    prepared = world_nets.prepare(folder / "net.prototxt", cut=False)
    judged = prepared.judged()
    kinds = [layer.type for layer in judged.net.layer]
    assert kinds[0] == "Input" and "BN" not in kinds and "Upsample" not in kinds
    assert kinds.count("Python") == 12
    assert set(judged.blobs) <= {layer.name for layer in judged.net.layer}
