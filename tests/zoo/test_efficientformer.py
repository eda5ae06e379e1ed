"""EfficientFormer is the published one."""

import pytest

from effnas import footprint
from effnas.zoo import efficientformer

# Trainable parameters and MACs of timm 1.0.31,
# counted on the meta device by torch's FlopCounterMode (half of its flops).
PUBLISHED = {
  'efficientformer_l1': (12_289_928, 1_291_284_736),
  'efficientformer_l3': (31_406_000, 3_906_573_312),
}
_SLOW = ('efficientformer_l3',)


@pytest.mark.parametrize(
  'name',
  [
    pytest.param(name, marks=[pytest.mark.slow] if name in _SLOW else [])
    for name in PUBLISHED
  ],
)
def test_parameters_and_macs_are_the_published_ones(name):
  published = efficientformer.networks()[name]
  counted = footprint.measure(published.build(), published.input_shape)
  assert (counted['params'], counted['macs']) == PUBLISHED[name]


def test_all_networks_have_published_counts():
  assert set(PUBLISHED) == set(efficientformer.networks())


def test_the_rates_of_stochastic_depth_rise_to_the_last_block():
  net = efficientformer.efficientformer(drop_path=0.2)
  rates = [block.drop_path for stage in net.stages for block in stage.blocks]
  assert rates[0] == 0
  assert rates[-1] == 0.2
  assert rates == sorted(set(rates))


def test_the_last_blocks_attend():
  net = efficientformer.networks()['efficientformer_l3'].build()
  kinds = [
    type(block).__name__ for stage in net.stages for block in stage.blocks
  ]
  assert kinds == ['Meta4D'] * 22 + ['Meta3D'] * 4
