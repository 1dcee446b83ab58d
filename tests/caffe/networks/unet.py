"""U-Net (Ronneberger et al. 2015): convolutions without padding, and maps cropped to those that come back up."""

from tests.caffe.networks.layers import Layers


def unet(image=188, width=0.0625, classes=2):
    net = Layers("U-Net", image, channels=1, width=width)
    x, down = net.data, []
    for level in range(4):
        x = _pair(net, f"d{level}", x, 64 * 2**level)
        down.append(x)
        x = net.pool(f"pool{level}", x, 2, 2)
    x = net.dropout(_pair(net, "d4", x, 1024))
    for level in reversed(range(4)):
        up = net.relu(net.deconv(f"up{level}", x, net.wide(64 * 2**level), 2, 2, bias=True))
        offset = (net.shapes[down[level]][2] - net.shapes[up][2]) // 2
        x = net.concat(f"concat{level}", up, net.crop(f"crop{level}", down[level], up, offset))
        x = _pair(net, f"u{level}", x, 64 * 2**level)
    net.softmax("prob", net.conv("score", x, classes, 1, gain=0.05))
    return net.finish()


def _pair(net, name, x, channels):
    for part in "ab":
        x = net.relu(net.conv(f"{name}{part}", x, net.wide(channels), 3))
    return x
