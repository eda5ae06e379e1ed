"""The networks are the published ones: parameters and MACs, exactly."""

import math

import jax
import pytest

from effnas import footprint, zoo
from effnas.nn import rewrite

# Trainable parameters and MACs; the survey's from its companion notebook,
# MobileNetV2's from torchvision and timm.
PUBLISHED = {
  'mobilenet_v2': (3_504_872, 300_774_272),
  'mobilenet_v2_075': (2_636_424, 209_069_792),
  'survey_cnn_005': (14_549, 10_597_700),
  'survey_cnn_010': (25_840, 11_000_622),
  'survey_cnn_025': (98_250, 13_042_944),
  'survey_cnn_050': (349_546, 18_844_160),
  'survey_cnn_075': (764_170, 27_725_568),
  'survey_cnn_100': (1_342_122, 39_687_168),
  'survey_cnn_140': (2_605_450, 65_415_474),
}
# With batch-norm statistics, as Keras counts.
TOTAL = {
  'survey_cnn_005': 14_713,
  'survey_cnn_010': 26_044,
  'survey_cnn_025': 98_570,
  'survey_cnn_050': 350_058,
  'survey_cnn_075': 764_874,
  'survey_cnn_100': 1_343_018,
  'survey_cnn_140': 2_606_654,
}


def _parameters(variables):
  return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(variables))


@pytest.mark.parametrize('name', PUBLISHED)
def test_parameters_and_macs_are_the_published_ones(name):
  published = zoo.load(name)
  counted = footprint.measure(published.build(), published.input_shape)
  assert (counted['params'], counted['macs']) == PUBLISHED[name]


@pytest.mark.parametrize('name', TOTAL)
def test_total_parameters_are_the_published_ones(name):
  published = zoo.load(name)
  variables = rewrite.abstract_variables(
    published.build(), published.input_shape
  )
  assert _parameters(variables) == TOTAL[name]
