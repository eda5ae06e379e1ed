"""EfficientNet-Lite has the published sizes."""

import pytest

from effnas import footprint, zoo
from effnas.nn import layers
from effnas.zoo import efficientnet_lite

# Trainable parameters and MACs, counted by torch on timm 1.0.31,
# each at its published input.
PUBLISHED = {
  'efficientnet_lite0': (4_652_008, 385_187_552),
  'efficientnet_lite1': (5_416_680, 600_185_232),
  'efficientnet_lite2': (6_092_072, 859_736_272),
  'efficientnet_lite3': (8_197_096, 1_383_321_872),
  'efficientnet_lite4': (13_006_568, 2_553_034_336),
}
FEW = ('efficientnet_lite0', 'efficientnet_lite1')


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
  assert set(efficientnet_lite.networks()) == set(PUBLISHED)


def test_every_normalisation_takes_epsilon():
  net = efficientnet_lite.efficientnet_lite(epsilon=1e-3)
  found = {stage.block.norm for stage in net.stages}
  assert found | {net.norm} == {layers.Norm(epsilon=1e-3)}


def test_first_and_last_stage_keep_their_depth():
  net = efficientnet_lite.efficientnet_lite(1.1, 1.2)
  assert [stage.depth for stage in net.stages] == [1, 3, 3, 4, 4, 5, 1]
  assert (net.stem, net.head) == (32, 1280)
