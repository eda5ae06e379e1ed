"""EfficientNetV2 has the published sizes."""

import pytest

from effnas import footprint, zoo
from effnas.nn import layers
from effnas.zoo import efficientnet_v2

# Trainable parameters and MACs, counted by torch on efficientnetv2_s and
# efficientnetv2_m of timm 1.0.31, each at its published input.
PUBLISHED = {
  'efficientnet_v2_s': (21_458_488, 8_365_617_152),
  'efficientnet_v2_m': (54_139_356, 24_582_460_384),
}
FEW = ('efficientnet_v2_s',)


@pytest.mark.parametrize(
  'name',
  [
    pytest.param(n, marks=[] if n in FEW else [pytest.mark.slow])
    for n in PUBLISHED
  ],
)
def test_sizes_are_the_published_ones(name):
  published = zoo.load(name)
  counted = footprint.measure(published.build(), published.input_shape)
  assert (counted['params'], counted['macs']) == PUBLISHED[name]


def test_the_numbers_cover_the_family():
  assert set(efficientnet_v2.networks()) == set(PUBLISHED)


def test_every_normalisation_takes_epsilon():
  net = efficientnet_v2.efficientnet_v2(epsilon=1e-3)
  found = {stage.block.norm for stage in net.stages}
  assert found | {net.norm} == {layers.Norm(epsilon=1e-3)}
