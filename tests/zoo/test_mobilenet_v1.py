"""MobileNetV1 has the published sizes."""

import pytest

from effnas import footprint, zoo
from effnas.nn import layers
from effnas.zoo import mobilenet_v1

# Trainable parameters and MACs, counted by torch on what `_gen_mobilenet_v1` of
# timm 1.0.31 makes at each width.
PUBLISHED = {
  'mobilenet_v1': (4_231_976, 568_740_352),
  'mobilenet_v1_075': (2_585_560, 325_400_448),
  'mobilenet_v1_050': (1_331_592, 149_497_088),
  'mobilenet_v1_025': (470_072, 41_030_272),
}
FEW = ('mobilenet_v1', 'mobilenet_v1_025')


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
  assert set(mobilenet_v1.networks()) == set(PUBLISHED)


def test_every_normalisation_takes_epsilon():
  net = mobilenet_v1.mobilenet_v1(epsilon=1e-3)
  found = {stage.block.norm for stage in net.stages}
  assert found | {net.norm} == {layers.Norm(epsilon=1e-3)}


def test_the_width_scales_all_channels():
  net = mobilenet_v1.mobilenet_v1(0.25)
  widths = [stage.features for stage in net.stages]
  assert (net.stem, widths) == (8, [16, 32, 64, 128, 256])
