"""MobileNetV2 has the published sizes."""

import pytest

from effnas import footprint, zoo
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


@pytest.mark.parametrize('width', mobilenet_v2._WIDTHS)
def test_each_published_network_is_a_point_of_the_space(width):
  built = mobilenet_v2.space().build({'width': width} | _arch())['model']
  assert built == zoo.load(mobilenet_v2.name(width)).build()


def test_a_point_has_the_published_size():
  built = mobilenet_v2.space().build({'width': 0.35} | _arch())['model']
  (row,) = (r for r in zoo.table() if r['name'] == 'mobilenet_v2_035')
  found = footprint.measure(built, (224, 224, 3))
  assert (found['params'], found['macs']) == (row['params'], row['macs'])


@pytest.mark.parametrize('fields', [{'width': 0.5}, {'epsilon': 1e-3}])
def test_one_width_is_nothing_to_choose(fields):
  space = mobilenet_v2.space(**{'width': 1.0} | fields)
  assert 'width' not in space.decisions
  assert space.size * 6 == mobilenet_v2.space().size
  assert space.build(_arch())['model'] == mobilenet_v2.mobilenet_v2(**fields)
