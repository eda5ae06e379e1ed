"""ResNet for CIFAR: published sizes, depths that exist."""

import pytest

from effnas import errors, footprint
from effnas.zoo import resnet_cifar

# Trainable parameters and MACs at 32x32 with ten classes, as PyTorch counts
# networks built like those of RepDistiller (its FlopCounterMode for the MACs).
PUBLISHED = {
  'resnet_cifar_20': (272_474, 40_813_184),
  'resnet_cifar_32': (466_906, 69_124_736),
  'resnet_cifar_44': (661_338, 97_436_288),
  'resnet_cifar_56': (855_770, 125_747_840),
  'resnet_cifar_110': (1_730_714, 253_149_824),
}
_FEW = ('resnet_cifar_20', 'resnet_cifar_32')


def test_every_network_has_a_published_size():
  assert PUBLISHED.keys() == resnet_cifar.networks().keys()


@pytest.mark.parametrize(
  'name',
  [
    pytest.param(name, marks=[] if name in _FEW else [pytest.mark.slow])
    for name in PUBLISHED
  ],
)
def test_parameters_and_macs_are_the_published_ones(name):
  published = resnet_cifar.networks()[name]
  counted = footprint.measure(published.build(), published.input_shape)
  assert (counted['params'], counted['macs']) == PUBLISHED[name]


@pytest.mark.parametrize(
  ('depth', 'instead'), [(18, 14), (21, 20), (2, 8), (0, 8)]
)
def test_a_depth_that_is_none_names_one(depth, instead):
  with pytest.raises(errors.UserError, match=f'got {depth}, take {instead}$'):
    resnet_cifar.resnet_cifar(depth)
  assert len(resnet_cifar.resnet_cifar(instead).stages) == 3
