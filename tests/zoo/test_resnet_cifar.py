"""ResNet for CIFAR: published sizes, depths that exist."""

import pytest

from effnas import errors
from effnas.zoo import resnet_cifar

_FEW = ('resnet_cifar_20', 'resnet_cifar_32')


@pytest.mark.parametrize(
  ('depth', 'instead'), [(18, 14), (21, 20), (2, 8), (0, 8)]
)
def test_a_depth_that_is_none_names_one(depth, instead):
  with pytest.raises(errors.UserError, match=f'got {depth}, take {instead}$'):
    resnet_cifar.resnet_cifar(depth)
  assert len(resnet_cifar.resnet_cifar(instead).stages) == 3
