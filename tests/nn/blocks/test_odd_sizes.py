"""Every block strides as it says and costs what it says on odd maps too."""

import formula
import pytest

from effnas import footprint
from effnas.nn import blocks

BLOCKS = blocks.variants()


@pytest.mark.parametrize('name', BLOCKS)
@pytest.mark.parametrize(
  ('shape', 'features', 'stride'),
  [((7, 5, 8), 24, 2), ((8, 5, 16), 0, 3), ((1, 3, 8), 0, 2)],
)
def test_shape_and_cost_hold(name, shape, features, stride):
  block = BLOCKS[name].copy(features=features, stride=stride)
  height, width, channels = shape
  out = (-(-height // stride), -(-width // stride), features or channels)
  found = footprint.measure(block, shape)
  assert found['macs'] == formula.of(block, shape, out)['MACs']
