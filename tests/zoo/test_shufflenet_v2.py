"""ShuffleNetV2 is the published one."""

import pytest

from effnas import footprint
from effnas.zoo import shufflenet_v2

# Trainable parameters and MACs of torchvision 0.29.1,
# counted on the meta device by torch's FlopCounterMode (half of its flops).
PUBLISHED = {
  'shufflenet_v2_050': (1_366_792, 40_476_448),
  'shufflenet_v2': (2_278_604, 144_907_992),
  'shufflenet_v2_150': (3_503_624, 295_759_392),
  'shufflenet_v2_200': (7_393_996, 583_253_464),
}
_SLOW = (
  'shufflenet_v2_150',
  'shufflenet_v2_200',
)


@pytest.mark.parametrize(
  'name',
  [
    pytest.param(name, marks=[pytest.mark.slow] if name in _SLOW else [])
    for name in PUBLISHED
  ],
)
def test_parameters_and_macs_are_the_published_ones(name):
  published = shufflenet_v2.networks()[name]
  counted = footprint.measure(published.build(), published.input_shape)
  assert (counted['params'], counted['macs']) == PUBLISHED[name]


def test_all_networks_have_published_counts():
  assert set(PUBLISHED) == set(shufflenet_v2.networks())


def test_without_pooling_the_stages_see_what_the_stem_gives():
  small = shufflenet_v2.miniature()
  published = footprint.measure(small.build(), (32, 32, 3))
  kept = footprint.measure(small.build(pool=False, stem_stride=1), (8, 8, 3))
  assert kept['params'] == published['params']
  # The same but for the stem's own convolution, 3x3 from 3 to 8 channels.
  stem = 27 * 8 * (16 * 16 - 8 * 8)
  assert published['macs'] - kept['macs'] == stem
