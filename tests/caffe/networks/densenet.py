"""DenseNet-121 (Huang et al. 2016): BatchNorm, Scale and ReLU before each convolution, and every map kept."""

from tests.caffe.networks.layers import Layers

BLOCKS = {2: 6, 3: 12, 4: 24, 5: 16}


def densenet121(image=64, width=0.125, classes=20):
    net = Layers("DENSENET_121", image, width=width)
    growth = net.wide(32)
    x = net.conv("conv1", net.data, net.wide(64), 7, stride=2, pad=3, bias=False)
    x = net.relu(net.batch_norm("conv1/bn", x, scale="conv1/scale"))
    x = net.pool("pool1", x, 3, 2, pad=1)
    for block, count in BLOCKS.items():
        for i in range(1, count + 1):
            name = f"conv{block}_{i}"
            y = _normalised(net, f"{name}/x1", x, 4 * growth, 1)
            y = _normalised(net, f"{name}/x2", y, growth, 3)
            x = net.concat(f"concat_{block}_{i}", x, y)
        if block < 5:
            x = _normalised(net, f"conv{block}_blk", x, net.shapes[x][1] // 2, 1)
            x = net.pool(f"pool{block}", x, 2, 2, method="AVE")
    x = net.relu(net.batch_norm("conv5_blk/bn", x, scale="conv5_blk/scale", top="conv5_blk/bn"))
    net.conv("fc6", net.global_average("pool5", x), classes, 1)
    return net.finish()


def _normalised(net, name, x, out, kernel):
    y = net.relu(net.batch_norm(f"{name}/bn", x, scale=f"{name}/scale", top=f"{name}/bn"))
    return net.conv(name, y, out, kernel, pad=kernel // 2, bias=False)
