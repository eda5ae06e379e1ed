"""EfficientNetV2 has the published sizes."""

from effnas.nn import layers
from effnas.zoo import efficientnet_v2


def test_every_normalisation_takes_epsilon():
  net = efficientnet_v2.efficientnet_v2(epsilon=1e-3)
  found = {stage.block.norm for stage in net.stages}
  assert found | {net.norm} == {layers.Norm(epsilon=1e-3)}
