"""MobileNetV1 has the published sizes."""

from effnas.nn import layers
from effnas.zoo import mobilenet_v1


def test_every_normalisation_takes_epsilon():
  net = mobilenet_v1.mobilenet_v1(epsilon=1e-3)
  found = {stage.block.norm for stage in net.stages}
  assert found | {net.norm} == {layers.Norm(epsilon=1e-3)}


def test_the_width_scales_all_channels():
  net = mobilenet_v1.mobilenet_v1(0.25)
  widths = [stage.features for stage in net.stages]
  assert (net.stem, widths) == (8, [16, 32, 64, 128, 256])
