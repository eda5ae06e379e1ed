"""MnasNet has the published sizes."""

import pytest

from effnas import footprint, zoo
from effnas.nn import layers
from effnas.zoo import mnasnet

# Trainable parameters and MACs, counted by torch on semnasnet_100, mnasnet_100
# and mnasnet_small of timm 1.0.31.
PUBLISHED = {
  'mnasnet_a1': (3_887_038, 311_579_072),
  'mnasnet_b1': (4_383_312, 314_415_872),
  'mnasnet_small': (2_030_264, 68_339_184),
}
FEW = ('mnasnet_a1', 'mnasnet_small')


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
  assert set(mnasnet.networks()) == set(PUBLISHED)


def test_every_normalisation_takes_epsilon():
  net = mnasnet.mnasnet(epsilon=1e-3)
  found = {stage.block.norm for stage in net.stages}
  assert found | {net.norm} == {layers.Norm(epsilon=1e-3)}
