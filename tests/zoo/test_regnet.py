"""RegNets: published sizes."""

import pytest

from effnas import footprint
from effnas.zoo import regnet

# Trainable parameters; MACs at 224x224 as PyTorch's FlopCounterMode counts
# timm 1.0.31's regnetx_002, regnety_002, regnety_004.
PUBLISHED = {
  'regnet_x_200mf': (2_684_792, 199_039_872),
  'regnet_y_200mf': (3_162_996, 199_514_080),
  'regnet_y_400mf': (4_344_144, 401_842_848),
}


def test_every_network_has_a_published_size():
  assert PUBLISHED.keys() == regnet.networks().keys()


@pytest.mark.parametrize(
  'name',
  [
    pytest.param(name, marks=[pytest.mark.slow] if '400' in name else [])
    for name in PUBLISHED
  ],
)
def test_parameters_and_macs_are_the_published_ones(name):
  published = regnet.networks()[name]
  counted = footprint.measure(published.build(), published.input_shape)
  assert (counted['params'], counted['macs']) == PUBLISHED[name]
