"""EfficientNet has the published sizes."""

from effnas.nn import layers
from effnas.zoo import efficientnet


def test_every_normalisation_takes_epsilon():
  net = efficientnet.efficientnet(epsilon=1e-3)
  found = {stage.block.norm for stage in net.stages}
  assert found | {net.norm} == {layers.Norm(epsilon=1e-3)}


def test_depths_are_rounded_up():
  net = efficientnet.efficientnet(1.1, 1.2)
  assert [stage.depth for stage in net.stages] == [2, 3, 3, 4, 4, 5, 2]
