"""Wide ResNets: published sizes, depths that exist."""

import pytest

from effnas import errors
from effnas.zoo import wide_resnet

_FEW = ('wrn_16_1', 'wrn_16_2')


@pytest.mark.parametrize(('depth', 'instead'), [(18, 16), (41, 40), (4, 10)])
def test_a_depth_that_is_none_names_one(depth, instead):
  with pytest.raises(errors.UserError, match=f'got {depth}, take {instead}$'):
    wide_resnet.wide_resnet(depth)
  assert len(wide_resnet.wide_resnet(instead).stages) == 3
