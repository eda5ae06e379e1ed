"""MobileNetV2 has the published sizes."""

import pytest

from effnas.nn import layers
from effnas.zoo import mobilenet_v2


def test_every_normalisation_takes_epsilon():
  net = mobilenet_v2.mobilenet_v2(epsilon=1e-3)
  found = {stage.block.norm for stage in net.stages}
  assert found | {net.norm} == {layers.Norm(epsilon=1e-3)}


def _arch():
  arch = {}
  for i, (expand, _, depth, _) in enumerate(mobilenet_v2._STAGES):
    arch |= {
      f'model.stages.{i}.depth': depth,
      f'model.stages.{i}.block.expand': expand,
      f'model.stages.{i}.block.kernel': 3,
      f'model.stages.{i}.block.se': False,
    }
  return arch


@pytest.mark.parametrize('fields', [{}, {'width': 0.5}, {'epsilon': 1e-3}])
def test_the_published_network_is_a_point_of_the_space(fields):
  built = mobilenet_v2.space(**fields).build(_arch())['model']
  assert built == mobilenet_v2.mobilenet_v2(**fields)
