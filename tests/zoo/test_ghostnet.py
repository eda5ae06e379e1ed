"""GhostNet is the published one."""

import pytest

from effnas import footprint
from effnas.zoo import ghostnet

# Trainable parameters and MACs of timm 1.0.31's ghostnet_100,
# counted on the meta device by torch's FlopCounterMode (half of its flops).
PUBLISHED = {
  'ghostnet': (5_182_508, 141_150_512),
}


@pytest.mark.parametrize(
  'name',
  PUBLISHED,
)
def test_parameters_and_macs_are_the_published_ones(name):
  published = ghostnet.networks()[name]
  counted = footprint.measure(published.build(), published.input_shape)
  assert (counted['params'], counted['macs']) == PUBLISHED[name]


def test_all_networks_have_published_counts():
  assert set(PUBLISHED) == set(ghostnet.networks())


def test_a_width_scales_all_but_the_dense_layers():
  net = ghostnet.ghostnet(0.5)
  assert (net.stem, net.head, net.hidden) == (8, 480, 1280)
  assert [stage.blocks[-1].features for stage in net.stages] == [
    8,
    12,
    12,
    20,
    20,
    40,
    56,
    80,
    80,
  ]
