"""MobileViT is the published one."""

import pytest

from effnas import footprint
from effnas.zoo import mobilevit

# Trainable parameters and MACs of timm 1.0.31,
# counted on the meta device by torch's FlopCounterMode (half of its flops).
PUBLISHED = {
  'mobilevit_xxs': (1_272_024, 407_364_096),
  'mobilevit_xs': (2_317_848, 1_025_911_808),
  'mobilevit_s': (5_578_632, 2_000_831_488),
}
_SLOW = (
  'mobilevit_xs',
  'mobilevit_s',
)


@pytest.mark.parametrize(
  'name',
  [
    pytest.param(name, marks=[pytest.mark.slow] if name in _SLOW else [])
    for name in PUBLISHED
  ],
)
def test_parameters_and_macs_are_the_published_ones(name):
  published = mobilevit.networks()[name]
  counted = footprint.measure(published.build(), published.input_shape)
  assert (counted['params'], counted['macs']) == PUBLISHED[name]


def test_all_networks_have_published_counts():
  assert set(PUBLISHED) == set(mobilevit.networks())
