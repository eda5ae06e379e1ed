"""ConvNeXt is the published one."""

import pytest

from effnas import footprint
from effnas.zoo import convnext

# Trainable parameters and MACs of timm 1.0.31,
# counted on the meta device by torch's FlopCounterMode (half of its flops).
PUBLISHED = {
  'convnext_atto': (3_695_520, 547_332_480),
  'convnext_femto': (5_217_784, 779_629_824),
  'convnext_pico': (9_045_672, 1_367_055_360),
  'convnext_nano': (15_593_560, 2_445_528_320),
  'convnext_tiny': (28_589_128, 4_455_531_264),
  'convnext_small': (50_223_688, 8_683_712_256),
  'convnext_base': (88_591_464, 15_354_729_472),
}
_SLOW = (
  'convnext_pico',
  'convnext_nano',
  'convnext_tiny',
  'convnext_small',
  'convnext_base',
)


@pytest.mark.parametrize(
  'name',
  [
    pytest.param(name, marks=[pytest.mark.slow] if name in _SLOW else [])
    for name in PUBLISHED
  ],
)
def test_parameters_and_macs_are_the_published_ones(name):
  published = convnext.networks()[name]
  counted = footprint.measure(published.build(), published.input_shape)
  assert (counted['params'], counted['macs']) == PUBLISHED[name]


def test_all_networks_have_published_counts():
  assert set(PUBLISHED) == set(convnext.networks())


def test_the_rates_of_stochastic_depth_rise_to_the_last_block():
  net = convnext.convnext(drop_path=0.2)
  rates = [block.drop_path for stage in net.stages for block in stage.blocks]
  assert rates[0] == 0
  assert rates[-1] == 0.2
  assert rates == sorted(set(rates))
