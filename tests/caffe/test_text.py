from google.protobuf import text_format

from pipeline.caffe.schema import NetParameter
from pipeline.caffe.text import prototxt


def net() -> NetParameter:
    made = NetParameter(name="Größe")
    made.layer.add(name="input", type="Input", top=["x"]).input_param.shape.add(dim=[1, 3])
    scale = made.layer.add(name='quo"te', type="Power", bottom=["x"], top=["y"])
    scale.power_param.scale = 1e-5
    return made


def test_text_comes_back_the_same():
    assert text_format.Parse(prototxt(net()), NetParameter()) == net()


def test_text_is_laid_out_as_people_write_it():
    assert prototxt(net(), {"input": "given"}).splitlines()[:12] == [
        'name: "Größe"',
        "# given",
        "layer {",
        '  name: "input"',
        '  type: "Input"',
        '  top: "x"',
        "  input_param {",
        "    shape {",
        "      dim: 1",
        "      dim: 3",
        "    }",
        "  }",
    ]


def test_no_comment_can_become_a_field():
    text = prototxt(net(), {"input": "nn.Sequential\nlayer { }\r\x0bfoo: 1\u2028bar\x00"})
    assert text_format.Parse(text, NetParameter()) == net()
    assert text.splitlines()[1].startswith("# nn.Sequential layer { }")
