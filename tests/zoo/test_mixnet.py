"""MixNet is the published one."""

import jax
import pytest

from effnas import footprint
from effnas.zoo import mixnet

# Trainable parameters and MACs of timm 1.0.31,
# counted on the meta device by torch's FlopCounterMode (half of its flops).
PUBLISHED = {
  'mixnet_s': (4_134_606, 239_173_360),
  'mixnet_m': (5_014_382, 339_172_672),
}
_SLOW = ('mixnet_m',)


@pytest.mark.parametrize(
  'name',
  [
    pytest.param(name, marks=[pytest.mark.slow] if name in _SLOW else [])
    for name in PUBLISHED
  ],
)
def test_parameters_and_macs_are_the_published_ones(name):
  published = mixnet.networks()[name]
  counted = footprint.measure(published.build(), published.input_shape)
  assert (counted['params'], counted['macs']) == PUBLISHED[name]


def test_all_networks_have_published_counts():
  assert set(PUBLISHED) == set(mixnet.networks())


def test_blocks_without_squeeze_and_excitation_have_relu():
  blocks = [b for s in mixnet.mixnet().stages for b in s.blocks]
  assert [b.se for b in blocks] == [b.act is jax.nn.silu for b in blocks]
  assert [b.se for b in blocks].count(False) == 3
