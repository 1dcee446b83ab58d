"""VGG-16 (Simonyan, Zisserman 2014) and what was built on it: FCN-8s (Long et al. 2015), SSD (Liu et al. 2016)."""

from tests.caffe.networks.layers import Layers

BLOCKS = ((1, 2, 64), (2, 2, 128), (3, 3, 256), (4, 3, 512), (5, 3, 512))


def blocks(net, *, first_pad=1, last_pool=(2, 2, 0)):
    """Add the thirteen convolutions; give the poolings and the convolutions before them, by block."""
    x, pooled, before = net.data, {}, {}
    for number, count, channels in BLOCKS:
        for i in range(1, count + 1):
            pad = first_pad if (number, i) == (1, 1) else 1
            x = net.relu(net.conv(f"conv{number}_{i}", x, net.wide(channels), 3, pad=pad))
        before[number] = x
        kernel, stride, pad = last_pool if number == 5 else (2, 2, 0)
        x = pooled[number] = net.pool(f"pool{number}", x, kernel, stride, pad=pad)
    return pooled, before


def vgg16(image=32, width=0.125, classes=20):
    net = Layers("VGG_ILSVRC_16_layers", image, width=width)
    x = blocks(net)[0][5]
    for name in ("fc6", "fc7"):
        x = net.dropout(net.relu(net.ip(name, x, net.wide(4096) // 8)))
    net.softmax("prob", net.ip("fc8", x, classes))
    return net.finish()


def fcn8s(image=33, width=0.0625, classes=5):
    """Scores at three depths, upsampled, cropped to each other and added; the first padding is 100 wide."""
    net = Layers("FCN-8s", image, width=width)
    pooled, _ = blocks(net, first_pad=100)
    x = net.dropout(net.relu(net.conv("fc6", pooled[5], net.wide(512), 7)))
    x = net.dropout(net.relu(net.conv("fc7", x, net.wide(512), 1)))
    x = net.deconv("upscore2", net.conv("score_fr", x, classes, 1), classes, 4, 2)
    score = net.crop("score_pool4c", net.conv("score_pool4", pooled[4], classes, 1), x, 5)
    x = net.deconv("upscore_pool4", net.add("fuse_pool4", x, score), classes, 4, 2)
    score = net.crop("score_pool3c", net.conv("score_pool3", pooled[3], classes, 1), x, 9)
    x = net.deconv("upscore8", net.add("fuse_pool3", x, score), classes, 16, 8)
    net.crop("score", x, net.data, 31)
    return net.finish()


def ssd(image=64, width=0.0625, classes=4):
    """SSD without its priors: feature maps of six sizes, each with places and classes, joined as rows."""
    net = Layers("VGG_SSD", image, width=width)
    pooled, before = blocks(net, last_pool=(3, 1, 1))
    x = net.relu(net.conv("fc6", pooled[5], net.wide(1024), 3, pad=6, dilation=6))
    x = net.relu(net.conv("fc7", x, net.wide(1024), 1))
    maps = [net.normalize("conv4_3_norm", before[4]), x]
    for number, reduced, channels, stride in ((6, 256, 512, 2), (7, 128, 256, 2), (8, 128, 256, 2), (9, 128, 256, 2)):
        x = net.relu(net.conv(f"conv{number}_1", x, net.wide(reduced), 1))
        x = net.relu(net.conv(f"conv{number}_2", x, net.wide(channels), 3, stride=stride, pad=1))
        maps.append(x)
    rows = {"loc": [], "conf": []}
    for x in maps:
        for what, numbers in (("loc", 4), ("conf", classes)):
            y = net.permute(f"{x}_{what}_perm", net.conv(f"{x}_{what}", x, 4 * numbers, 3, pad=1), 0, 2, 3, 1)
            rows[what].append(net.flatten(f"{x}_{what}_flat", y))
    net.concat("mbox_loc", *rows["loc"])
    x = net.reshape("mbox_conf_reshape", net.concat("mbox_conf", *rows["conf"]), 0, -1, classes)
    net.flatten("mbox_conf_flatten", net.softmax("mbox_conf_softmax", x, axis=2))
    return net.finish()
