"""EfficientNet-Lite has the published sizes."""

from effnas.nn import layers
from effnas.zoo import efficientnet_lite


def test_every_normalisation_takes_epsilon():
  net = efficientnet_lite.efficientnet_lite(epsilon=1e-3)
  found = {stage.block.norm for stage in net.stages}
  assert found | {net.norm} == {layers.Norm(epsilon=1e-3)}


def test_first_and_last_stage_keep_their_depth():
  net = efficientnet_lite.efficientnet_lite(1.1, 1.2)
  assert [stage.depth for stage in net.stages] == [1, 3, 3, 4, 4, 5, 1]
  assert (net.stem, net.head) == (32, 1280)
