"""AlexNet and its relatives CaffeNet and R-CNN (Krizhevsky et al. 2012): two groups, response normalisation."""

from tests.caffe.networks.layers import Layers


def alexnet(image=67, width=0.125, classes=20):
    """Normalisation before pooling."""
    net = Layers("AlexNet", image, width=width)
    return _classifier(net, _trunk(net, normalise_first=True), classes)


def caffenet(image=67, width=0.125, classes=20):
    """Pooling before normalisation."""
    net = Layers("CaffeNet", image, width=width)
    return _classifier(net, _trunk(net, normalise_first=False), classes)


def rcnn(image=67, width=0.125, classes=10):
    """CaffeNet with the scores of detectors, in place of probabilities."""
    net = Layers("R-CNN-ilsvrc13", image, width=width, batch=2)
    x = _dense(net, _trunk(net, normalise_first=False))
    net.ip("fc-rcnn", x, classes)
    return net.finish()


def _trunk(net, normalise_first):
    x = net.relu(net.conv("conv1", net.data, net.wide(96), 11, stride=4))
    for number, out, kernel in ((1, 256, 5), (2, 384, 3)):
        if normalise_first:
            x = net.pool(f"pool{number}", net.lrn(f"norm{number}", x), 3, 2)
        else:
            x = net.lrn(f"norm{number}", net.pool(f"pool{number}", x, 3, 2))
        group = 2 if number == 1 else 1
        x = net.relu(net.conv(f"conv{number + 1}", x, net.wide(out), kernel, pad=kernel // 2, group=group))
    x = net.relu(net.conv("conv4", x, net.wide(384), 3, pad=1, group=2))
    x = net.relu(net.conv("conv5", x, net.wide(256), 3, pad=1, group=2))
    return net.pool("pool5", x, 3, 2)


def _dense(net, x):
    for name in ("fc6", "fc7"):
        x = net.dropout(net.relu(net.ip(name, x, net.wide(4096) // 8)))
    return x


def _classifier(net, x, classes):
    net.softmax("prob", net.ip("fc8", _dense(net, x), classes))
    return net.finish()
