"""Networks for small machines: SqueezeNet 1.1 (Iandola et al. 2016), MobileNet (Howard et al. 2017)."""

from tests.caffe.networks.layers import Layers

FIRES = ((2, 16, 64), (3, 16, 64), (4, 32, 128), (5, 32, 128), (6, 48, 192), (7, 48, 192), (8, 64, 256), (9, 64, 256))
# Channels and stride of each pair of a depthwise and a pointwise convolution.
PAIRS = {
    "2_1": (64, 1),
    "2_2": (128, 2),
    "3_1": (128, 1),
    "3_2": (256, 2),
    "4_1": (256, 1),
    "4_2": (512, 2),
    **{f"5_{i}": (512, 1) for i in range(1, 6)},
    "5_6": (1024, 2),
    "6": (1024, 1),
}


def squeezenet(image=63, width=1.0, classes=100):
    net = Layers("SqueezeNet", image, width=width)
    x = net.relu(net.conv("conv1", net.data, net.wide(64), 3, stride=2))
    x = net.pool("pool1", x, 3, 2)
    for number, squeezed, expanded in FIRES:
        x = net.relu(net.conv(f"fire{number}/squeeze1x1", x, net.wide(squeezed), 1))
        one = net.relu(net.conv(f"fire{number}/expand1x1", x, net.wide(expanded), 1))
        three = net.relu(net.conv(f"fire{number}/expand3x3", x, net.wide(expanded), 3, pad=1))
        x = net.concat(f"fire{number}/concat", one, three)
        if number in (3, 5):
            x = net.pool(f"pool{number}", x, 3, 2)
    x = net.relu(net.conv("conv10", net.dropout(x), classes, 1, gain=0.5))
    net.softmax("prob", net.global_average("pool10", x))
    return net.finish()


def mobilenet(image=64, width=0.25, classes=20):
    net = Layers("MOBILENET", image, width=width)

    def conv(name, x, out, kernel, **how):
        y = net.conv(name, x, out, kernel, pad=kernel // 2, bias=False, **how)
        return net.relu(net.batch_norm(f"{name}/bn", y, scale=f"{name}/scale"))

    x = conv("conv1", net.data, net.wide(32), 3, stride=2)
    for name, (channels, stride) in PAIRS.items():
        depth = net.shapes[x][1]
        x = conv(f"conv{name}/dw", x, depth, 3, stride=stride, group=depth)
        x = conv(f"conv{name}/sep", x, net.wide(channels), 1)
    net.softmax("prob", net.conv("fc7", net.global_average("pool6", x), classes, 1))
    return net.finish()
