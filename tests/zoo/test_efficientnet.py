"""EfficientNet has the published sizes."""

import pytest

from effnas import footprint, zoo
from effnas.nn import layers
from effnas.zoo import efficientnet

# Trainable parameters and MACs, counted by torch on timm 1.0.31,
# each at its published input.
PUBLISHED = {
  'efficientnet_b0': (5_288_548, 385_814_752),
  'efficientnet_b1': (7_794_184, 686_802_832),
  'efficientnet_b2': (9_109_994, 993_561_872),
  'efficientnet_b3': (12_233_232, 1_827_141_392),
  'efficientnet_b4': (19_341_616, 4_393_771_024),
  'efficientnet_b5': (30_389_784, 10_266_384_752),
  'efficientnet_b6': (43_040_704, 19_067_593_536),
  'efficientnet_b7': (66_347_960, 37_745_884_192),
}
FEW = ('efficientnet_b0', 'efficientnet_b1')


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
  assert set(efficientnet.networks()) == set(PUBLISHED)


def test_every_normalisation_takes_epsilon():
  net = efficientnet.efficientnet(epsilon=1e-3)
  found = {stage.block.norm for stage in net.stages}
  assert found | {net.norm} == {layers.Norm(epsilon=1e-3)}


def test_depths_are_rounded_up():
  net = efficientnet.efficientnet(1.1, 1.2)
  assert [stage.depth for stage in net.stages] == [2, 3, 3, 4, 4, 5, 2]
