import json

from google.protobuf import descriptor_pool

from benchmarks import __main__ as benchmarks
from benchmarks import peers

FIGURES = ("cold VGG-16", "memory VGG-16", "read", "read ascii", "unchanged", "help")


def test_a_quick_run_measures_a_small_network(tmp_path, capsys):
    only = [word for name in FIGURES for word in ("--only", name)]
    words = ["--quick", "--runs", "1", "--folder", tmp_path / "nets", "--json", tmp_path / "figures.json", *only]
    assert benchmarks.main([str(word) for word in words]) == 0
    figures = json.loads((tmp_path / "figures.json").read_text())["figures"]
    assert len(figures) == len(FIGURES)
    assert all(figure["ours"] > 0 for figure in figures)
    assert "3 x cp + sync" in capsys.readouterr().out
    assert not (tmp_path / "nets" / "place").exists()


def test_an_unknown_figure_is_refused(capsys):
    assert benchmarks.main(["--only", "speed"]) == 2
    assert "no figure is called speed" in capsys.readouterr().err


def test_the_schema_is_given_to_caffe_translator_under_the_name_it_expects():
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(peers._schema())
    layer = pool.FindMessageTypeByName("caffe.NetParameter").fields_by_name["layer"]
    assert layer.message_type.full_name == "caffe.LayerParameter"
