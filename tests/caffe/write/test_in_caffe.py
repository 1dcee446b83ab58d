"""The judge of everything that these tests write: `check` asks a real Caffe, where one is installed."""

from dataclasses import replace

import pytest

from pipeline.caffe.read import READS
from pipeline.caffe.read.reader import CaffeReader
from pipeline.caffe.write import WRITES
from pipeline.caffe.write.builder import CaffeBuilder
from pipeline.graph.operators import Elu
from pipeline.graph.values import Node
from tests.caffe.write.check import check, single
from tests.support import CAFFES


@pytest.mark.parametrize("caffe", CAFFES)
def test_a_mistake_that_reader_and_writer_share_is_noticed(caffe, monkeypatch: pytest.MonkeyPatch) -> None:
    right = WRITES["Elu"]

    def doubled(node: Node[Elu], net: CaffeBuilder) -> None:
        right(replace(node, operator=Elu(alpha=2 * node.operator.alpha)), net)

    def halved(layer, net: CaffeReader) -> None:
        net.give(layer, net.add(Elu(alpha=layer.param("elu_param").float("alpha") / 2), layer.bottom))

    monkeypatch.setitem(WRITES._entries, "Elu", doubled)
    monkeypatch.setitem(READS._entries, "ELU", halved)
    with pytest.raises(AssertionError, match="in Caffe"):
        check(single("Elu", (2, 3)), in_opencv=False)
