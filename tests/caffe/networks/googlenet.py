"""GoogLeNet (Szegedy et al. 2014): nine modules of four towers each."""

from tests.caffe.networks.layers import Layers

# Channels of: 1x1; 1x1 before 3x3, 3x3; 1x1 before 5x5, 5x5; 1x1 behind the pooling.
MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


def googlenet(image=64, width=0.125, classes=20):
    net = Layers("GoogleNet", image, width=width)
    x = net.relu(net.conv("conv1/7x7_s2", net.data, net.wide(64), 7, stride=2, pad=3))
    x = net.lrn("pool1/norm1", net.pool("pool1/3x3_s2", x, 3, 2))
    x = net.relu(net.conv("conv2/3x3_reduce", x, net.wide(64), 1))
    x = net.relu(net.conv("conv2/3x3", x, net.wide(192), 3, pad=1))
    x = net.pool("pool2/3x3_s2", net.lrn("conv2/norm2", x), 3, 2)
    for name, channels in MODULES.items():
        x = inception(net, f"inception_{name}", x, [net.wide(count) for count in channels])
        if name in ("3b", "4e"):
            x = net.pool(f"pool{name[0]}/3x3_s2", x, 3, 2)
    x = net.dropout(net.pool("pool5/7x7_s1", x, image // 32, 1, method="AVE"))
    net.softmax("prob", net.ip("loss3/classifier", x, classes))
    return net.finish()


def inception(net, name, x, channels):
    one, three_before, three, five_before, five, pooled = channels

    def conv(part, x, out, kernel):
        return net.relu(net.conv(f"{name}/{part}", x, out, kernel, pad=kernel // 2))

    return net.concat(
        f"{name}/output",
        conv("1x1", x, one, 1),
        conv("3x3", conv("3x3_reduce", x, three_before, 1), three, 3),
        conv("5x5", conv("5x5_reduce", x, five_before, 1), five, 5),
        conv("pool_proj", net.pool(f"{name}/pool", x, 3, 1, pad=1), pooled, 1),
    )
