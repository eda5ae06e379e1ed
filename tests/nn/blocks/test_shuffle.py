"""The shuffle is a permutation, and mixes what a unit computes and passes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import trained

from effnas import errors
from effnas.nn import rewrite
from effnas.nn.blocks import shuffle

X = jax.random.normal(jax.random.key(0), (1, 3, 4, 8))


@pytest.mark.parametrize('groups', [1, 2, 3, 6])
def test_shuffling_is_a_permutation_that_as_many_channels_undo(groups):
  x = jnp.arange(24).reshape(2, 12)
  y = shuffle.channel_shuffle(x, groups)
  assert sorted(y[0].tolist()) == list(range(12))
  np.testing.assert_array_equal(shuffle.channel_shuffle(y, 12 // groups), x)


def test_one_half_passes_and_the_other_comes_from_itself():
  unit = shuffle.ShuffleUnit()
  variables = trained.variables(unit, X)
  np.testing.assert_array_equal(unit.apply(variables, X)[..., ::2], X[..., :4])
  seen = trained.seen(lambda x: unit.apply(variables, x)[..., 1::2].sum(), X)
  assert not seen[..., :4].any()
  assert seen[..., 4:].any((0, 1, 2)).all()


def test_two_units_mix_the_halves():
  unit = shuffle.ShuffleUnit()
  first, second = (trained.variables(unit, X, seed) for seed in (0, 9))

  def both(x):
    return unit.apply(second, unit.apply(first, x))[..., 1::2].sum()

  of_channel = trained.seen(both, X).any((0, 1, 2))
  assert of_channel[:4].any()
  assert of_channel[4:].any()


@pytest.mark.parametrize(('features', 'stride'), [(0, 2), (12, 1)])
def test_where_the_shape_changes_both_halves_see_all_channels(features, stride):
  unit = shuffle.ShuffleUnit(features, stride)
  variables = trained.variables(unit, X)
  for half in (0, 1):
    seen = trained.seen(
      lambda x, half=half: unit.apply(variables, x)[..., half::2].sum(), X
    )
    assert seen.any((0, 1, 2)).all()


def test_odd_channels_are_refused_in_one_line():
  with pytest.raises(errors.UserError, match='got 7, take 6 or 8'):
    rewrite.abstract_variables(shuffle.ShuffleUnit(), (4, 4, 7))
