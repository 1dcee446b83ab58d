"""ResNets with bottlenecks (He et al. 2015), as their authors published them: BatchNorm and Scale in place."""

from tests.caffe.networks.layers import Layers

DEPTHS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


def resnet(depth, image=64, width=0.0625, classes=20):
    net = Layers(f"ResNet-{depth}", image, width=width)
    x = net.conv("conv1", net.data, net.wide(64), 7, stride=2, pad=3)
    x = net.relu(net.batch_norm("bn_conv1", x, scale="scale_conv1"))
    x = net.pool("pool1", x, 3, 2)
    for stage, count in enumerate(DEPTHS[depth], 2):
        for block in range(count):
            letter = "a" if block == 0 else f"b{block}"
            x = bottleneck(net, f"{stage}{letter}", x, 32 * 2**stage // 2, stride=2 if stage > 2 and block == 0 else 1)
    x = net.global_average("pool5", x)
    net.softmax("prob", net.ip(f"fc{classes}", x, classes))
    return net.finish()


def bottleneck(net, name, x, channels, stride):
    def conv(branch, x, out, kernel, stride=1, gain=1.0):
        y = net.conv(f"res{name}_{branch}", x, out, kernel, stride=stride, pad=kernel // 2, bias=False)
        return net.batch_norm(f"bn{name}_{branch}", y, scale=f"scale{name}_{branch}", gain=gain)

    narrow, wide = net.wide(channels), net.wide(4 * channels)
    shortcut = conv("branch1", x, wide, 1, stride) if name.endswith("a") else x
    y = net.relu(conv("branch2a", x, narrow, 1, stride))
    y = net.relu(conv("branch2b", y, narrow, 3))
    y = conv("branch2c", y, wide, 1, gain=0.2)  # so that the sum of many blocks does not grow
    return net.relu(net.add(f"res{name}", shortcut, y))
