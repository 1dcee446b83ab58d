import pytest
from google.protobuf import text_format

from pipeline.caffe.schema import NetParameter, V1LayerParameter
from pipeline.caffe.upgrade import upgrade
from pipeline.errors import InvalidInputError, UnsupportedError


def parsed(text: str) -> NetParameter:
    return text_format.Parse(text, NetParameter())


def assert_upgrades(old: str, new: str) -> None:
    given = parsed(old)
    before = given.SerializeToString()
    assert str(upgrade(given)) == str(parsed(new))
    assert given.SerializeToString() == before, "the given net is changed"


def test_a_current_net_stays_as_it_is():
    net = 'name: "n" layer { name: "l" type: "ReLU" param { lr_mult: 2 } relu_param { negative_slope: 0.1 } }'
    assert_upgrades(net, net)


def test_v1_layers_get_types_by_name_and_one_param_a_blob():
    assert_upgrades(
        """
        name: "n" force_backward: true
        layers {
          bottom: "data" top: "conv" name: "conv" type: CONVOLUTION include { phase: TEST }
          param: "w" blob_share_mode: PERMISSIVE blobs_lr: 1 blobs_lr: 2 weight_decay: 1 weight_decay: 0
          loss_weight: 3 convolution_param { num_output: 2 kernel_size: 3 weight_filler { type: "xavier" } }
        }
        layers { bottom: "conv" top: "loss" name: "loss" type: SOFTMAX_LOSS loss_param { ignore_label: 1 } }
        """,
        """
        name: "n" force_backward: true
        layer {
          name: "conv" type: "Convolution" bottom: "data" top: "conv" include { phase: TEST } loss_weight: 3
          param { name: "w" share_mode: PERMISSIVE lr_mult: 1 decay_mult: 1 } param { lr_mult: 2 decay_mult: 0 }
          convolution_param { num_output: 2 kernel_size: 3 weight_filler { type: "xavier" } }
        }
        layer { name: "loss" type: "SoftmaxWithLoss" bottom: "conv" top: "loss" loss_param { ignore_label: 1 } }
        """,
    )


V1_TYPES = """AbsVal Accuracy ArgMax BNLL Concat ContrastiveLoss Convolution Data Deconvolution Dropout DummyData
Eltwise EuclideanLoss Exp Flatten HDF5Data HDF5Output HingeLoss Im2col ImageData InfogainLoss InnerProduct LRN MVN
MemoryData
MultinomialLogisticLoss Pooling Power ReLU Sigmoid SigmoidCrossEntropyLoss Silence Slice Softmax SoftmaxWithLoss Split
TanH Threshold WindowData"""


def test_every_v1_type_is_a_layer_of_today():
    net = NetParameter()
    for value in V1LayerParameter.LayerType.values():
        net.layers.add(type=value)
    types = sorted(layer.type for layer in upgrade(net).layer)
    assert types == ["", *V1_TYPES.split()]


def test_every_parameter_message_of_v1_is_carried_over():
    net = NetParameter()
    layer = net.layers.add()
    for field in V1LayerParameter.DESCRIPTOR.fields:
        if field.message_type is not None and field.name.endswith("_param"):
            getattr(layer, field.name).SetInParent()
    (upgraded,) = upgrade(net).layer
    carried = {field.name for field, _ in upgraded.ListFields()}
    assert carried == {field.name for field, _ in layer.ListFields()} | {"type"}


def test_old_transformations_move_out_of_data_layers():
    assert_upgrades(
        """layers { type: DATA data_param { source: "a" scale: 0.5 mean_file: "m" crop_size: 8 mirror: true } }
           layers { type: IMAGE_DATA image_data_param { source: "b" crop_size: 3 } }
           layers { type: WINDOW_DATA window_data_param { source: "c" scale: 2 } transform_param { mirror: true } }
           layers { type: DATA data_param { source: "d" } }""",
        """layer { type: "Data" data_param { source: "a" }
                   transform_param { scale: 0.5 mean_file: "m" crop_size: 8 mirror: true } }
           layer { type: "ImageData" image_data_param { source: "b" } transform_param { crop_size: 3 } }
           layer { type: "WindowData" window_data_param { source: "c" } transform_param { scale: 2 mirror: true } }
           layer { type: "Data" data_param { source: "d" } transform_param { } }""".replace(
            " transform_param { } }", " }"
        ),
    )


V0 = """
name: "old" input: "data" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8
layers { layer { name: "pad" type: "padding" pad: 2 } bottom: "data" top: "padded" }
layers {
  layer {
    name: "conv" type: "conv" num_output: 4 kernelsize: 3 stride: 2 group: 1 biasterm: false
    weight_filler { type: "gaussian" std: 0.1 } blobs_lr: 1 blobs_lr: 2 weight_decay: 1 weight_decay: 0
  }
  bottom: "padded" top: "conv"
}
layers { layer { name: "relu" type: "relu" } bottom: "conv" top: "conv" }
layers { layer { name: "norm" type: "lrn" local_size: 3 alpha: 0.1 beta: 0.5 k: 2 } bottom: "conv" top: "norm" }
layers { layer { name: "pad2" type: "padding" pad: 1 } bottom: "norm" top: "padded2" }
layers { layer { name: "pool" type: "pool" pool: AVE kernelsize: 3 stride: 2 } bottom: "padded2" top: "pool" }
layers { layer { name: "drop" type: "dropout" dropout_ratio: 0.3 } bottom: "pool" top: "pool" }
layers { layer { name: "fc" type: "innerproduct" num_output: 5 } bottom: "pool" top: "fc" }
layers { layer { name: "prob" type: "softmax" } bottom: "fc" top: "prob" }
"""


def test_a_v0_net_loses_its_wrapping_and_its_padding_layers():
    assert_upgrades(
        V0,
        """
        name: "old"
        layer { name: "input" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }
        layer {
          name: "conv" type: "Convolution" bottom: "data" top: "conv"
          param { lr_mult: 1 decay_mult: 1 } param { lr_mult: 2 decay_mult: 0 }
          convolution_param { num_output: 4 kernel_size: 3 stride: 2 group: 1 bias_term: false pad: 2
                              weight_filler { type: "gaussian" std: 0.1 } }
        }
        layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
        layer { name: "norm" type: "LRN" bottom: "conv" top: "norm"
                lrn_param { local_size: 3 alpha: 0.1 beta: 0.5 k: 2 } }
        layer { name: "pool" type: "Pooling" bottom: "norm" top: "pool"
                pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 } }
        layer { name: "drop" type: "Dropout" bottom: "pool" top: "pool" dropout_param { dropout_ratio: 0.3 } }
        layer { name: "fc" type: "InnerProduct" bottom: "pool" top: "fc" inner_product_param { num_output: 5 } }
        layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
        """,
    )


def test_v0_data_layers_keep_their_transformations():
    assert_upgrades(
        """layers { layer { name: "d" type: "images" source: "s" batchsize: 2 scale: 0.1 meanfile: "m" cropsize: 3
                            mirror: true shuffle_images: true new_height: 4 new_width: 5 } top: "x" }""",
        """layer { name: "d" type: "ImageData" top: "x"
                   image_data_param { source: "s" batch_size: 2 shuffle: true new_height: 4 new_width: 5 }
                   transform_param { scale: 0.1 mean_file: "m" crop_size: 3 mirror: true } }""",
    )


def test_every_v0_field_has_a_place_in_some_type():
    from pipeline.caffe.schema import V0LayerParameter
    from pipeline.caffe.upgrade import _V0_KEPT, _V0_TRANSFORM, _V0_TYPES

    placed = set(_V0_KEPT) | set(_V0_TRANSFORM)
    for kind in _V0_TYPES.values():
        placed |= set(kind.fields or {})
    missing = {field.name for field in V0LayerParameter.DESCRIPTOR.fields} - placed
    assert missing == {"new_num", "new_channels"}, "these two no Caffe has a use for"


def test_every_field_that_a_v0_type_lacks_is_named():
    with pytest.raises(UnsupportedError) as caught:
        upgrade(
            parsed('layers { layer { name: "a" type: "relu" pad: 1 k: 2 } } layers { layer { name: "b" type: "x" } }')
        )
    assert [(problem.origin, problem.reason) for problem in caught.value.problems] == [
        ("layer a", "relu has no field pad"),
        ("layer a", "relu has no field k"),
        ("layer b", "V0 has no type 'x'"),
    ]


def test_a_padding_layer_that_leads_elsewhere_is_refused():
    with pytest.raises(InvalidInputError) as caught:
        upgrade(parsed(V0.replace('bottom: "conv" top: "conv"', 'bottom: "padded" top: "conv"')))
    assert caught.value.where == "layer pad, read by relu"


@pytest.mark.parametrize(
    "shapes", ["input_dim: 1 input_dim: 2 input_dim: 3 input_dim: 4", "input_shape { dim: 1 dim: 2 dim: 3 dim: 4 }"]
)
def test_input_fields_become_a_layer_at_the_front(shapes):
    assert_upgrades(
        f'input: "x" {shapes} layer {{ name: "l" type: "ReLU" bottom: "x" top: "y" }}',
        """layer { name: "input" type: "Input" top: "x" input_param { shape { dim: 1 dim: 2 dim: 3 dim: 4 } } }
           layer { name: "l" type: "ReLU" bottom: "x" top: "y" }""",
    )


def test_several_inputs_share_one_layer():
    assert_upgrades(
        'input: "x" input: "y" input_shape { dim: 1 } input_shape { }',
        'layer { name: "input" type: "Input" top: "x" top: "y" input_param { shape { dim: 1 } shape { } } }',
    )


def test_inputs_without_shapes_wait_for_the_users():
    assert_upgrades('input: "x"', 'layer { name: "input" type: "Input" top: "x" input_param { } }')


@pytest.mark.parametrize(
    "net",
    [
        'input: "x" input: "y" input_shape { dim: 1 }',
        'input: "x" input_dim: 1 input_dim: 2',
        'input: "x" input_dim: 1 input_dim: 2 input_dim: 3 input_dim: 4 input_dim: 5',
        "input_dim: 1",
        'layer { name: "a" } layers { name: "b" }',
    ],
)
def test_nets_that_do_not_add_up_are_refused(net):
    with pytest.raises(InvalidInputError):
        upgrade(parsed(net))


def test_the_statistics_of_batch_norm_are_not_learnt():
    assert_upgrades(
        'layer { type: "BatchNorm" param { lr_mult: 1 } param { } param { } }'
        ' layer { type: "Scale" param { lr_mult: 1 } }',
        'layer { type: "BatchNorm" param { lr_mult: 0 decay_mult: 0 } param { lr_mult: 0 decay_mult: 0 }'
        ' param { lr_mult: 0 decay_mult: 0 } } layer { type: "Scale" param { lr_mult: 1 } }',
    )
