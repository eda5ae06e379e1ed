"""MobileNetV2 has the published sizes."""

import pytest

from effnas import footprint, zoo
from effnas.nn import layers
from effnas.zoo import mobilenet_v2

# Trainable parameters and MACs, counted by torch on what `_gen_mobilenet_v2` of
# timm 1.0.31 makes at each width.
PUBLISHED = {
  'mobilenet_v2_140': (6_108_776, 582_195_824),
  'mobilenet_v2_130': (5_386_792, 509_374_560),
  'mobilenet_v2': (3_504_872, 300_774_272),
  'mobilenet_v2_075': (2_636_424, 209_069_792),
  'mobilenet_v2_050': (1_968_680, 97_131_840),
  'mobilenet_v2_035': (1_677_128, 59_285_808),
}
FEW = ('mobilenet_v2_140', 'mobilenet_v2', 'mobilenet_v2_035')


@pytest.mark.parametrize(
  'name',
  [
    pytest.param(n, marks=[] if n in FEW else [pytest.mark.slow])
    for n in PUBLISHED
  ],
)
def test_sizes_are_the_published_ones(name):
  published = zoo.load(name)
  counted = footprint.measure(published.build(), published.input_shape)
  assert (counted['params'], counted['macs']) == PUBLISHED[name]


def test_the_numbers_cover_the_family():
  assert set(mobilenet_v2.networks()) == set(PUBLISHED)


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
