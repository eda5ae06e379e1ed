"""Wide ResNets: published sizes, depths that exist."""

import pytest

from effnas import errors, footprint
from effnas.zoo import wide_resnet

# Trainable parameters and MACs at 32x32 with ten classes, as PyTorch counts
# networks built like those of RepDistiller (its FlopCounterMode for the MACs).
PUBLISHED = {
  'wrn_16_1': (175_066, 26_657_408),
  'wrn_16_2': (691_674, 101_106_944),
  'wrn_40_1': (563_930, 83_280_512),
  'wrn_40_2': (2_243_546, 327_599_360),
}
_FEW = ('wrn_16_1', 'wrn_16_2')


def test_every_network_has_a_published_size():
  assert PUBLISHED.keys() == wide_resnet.networks().keys()


@pytest.mark.parametrize(
  'name',
  [
    pytest.param(name, marks=[] if name in _FEW else [pytest.mark.slow])
    for name in PUBLISHED
  ],
)
def test_parameters_and_macs_are_the_published_ones(name):
  published = wide_resnet.networks()[name]
  counted = footprint.measure(published.build(), published.input_shape)
  assert (counted['params'], counted['macs']) == PUBLISHED[name]


@pytest.mark.parametrize(('depth', 'instead'), [(18, 16), (41, 40), (4, 10)])
def test_a_depth_that_is_none_names_one(depth, instead):
  with pytest.raises(errors.UserError, match=f'got {depth}, take {instead}$'):
    wide_resnet.wide_resnet(depth)
  assert len(wide_resnet.wide_resnet(instead).stages) == 3
