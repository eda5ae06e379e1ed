"""Shapes of inputs."""

import numpy as np
import pytest

from effnas import errors
from effnas.footprint import inputs


def test_integers_become_plain():
  found = inputs.shape((np.int64(3), 4), np.int32(2))
  assert found == (2, 3, 4)
  assert all(type(n) is int for n in found)
  assert inputs.shape(()) == (1,)


@pytest.mark.parametrize(
  ('shape', 'batch'), [((3, 0), 1), ((3.0,), 1), ((3,), 0), ((3,), True)]
)
def test_all_else_is_refused(shape, batch):
  with pytest.raises(errors.UserError, match='positive whole numbers'):
    inputs.shape(shape, batch)
