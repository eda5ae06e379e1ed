"""Rotary positions tell distances, and nothing else."""

import jax.numpy as jnp
import numpy as np
import plain_attention as plain
import pytest

from effnas import errors
from effnas.nn.positions import rotary


def _everywhere(x, length=9):
  """The first position's vectors at each position."""
  return jnp.repeat(x[:, :1], length, axis=1)


def test_scores_depend_on_the_distance_alone():
  q, k, _ = plain.draw()
  scores = plain.scores(
    rotary.rotate(_everywhere(q)), rotary.rotate(_everywhere(k))
  )
  for distance in range(-8, 9):
    along = np.diagonal(scores, distance, 2, 3)
    np.testing.assert_allclose(along, along[..., :1] + 0 * along, atol=1e-5)
  assert np.ptp(scores[..., 0, :], axis=-1).min() > 0.1


def test_the_first_position_is_not_turned_and_lengths_are_kept():
  x, *_ = plain.draw()
  y = rotary.rotate(x)
  np.testing.assert_allclose(y[:, 0], x[:, 0], atol=1e-7)
  np.testing.assert_allclose(
    jnp.linalg.norm(y, axis=-1), jnp.linalg.norm(x, axis=-1), rtol=1e-5
  )


def test_it_turns_pairs_by_the_published_angles():
  x, *_ = plain.draw(channels=8)
  z = np.asarray(x[..., :4]) + 1j * np.asarray(x[..., 4:])
  frequency = 10000.0 ** (-2 * np.arange(4) / 8)
  turned = z * np.exp(1j * np.arange(7)[:, None] * frequency)[:, None]
  np.testing.assert_allclose(
    rotary.rotate(x), np.concatenate((turned.real, turned.imag), -1), atol=1e-5
  )


def test_half_precision_holds_at_far_positions():
  x = jnp.ones((1, 5000, 1, 8))
  exact = rotary.rotate(x)
  half = rotary.rotate(x.astype(jnp.bfloat16))
  assert half.dtype == jnp.bfloat16
  np.testing.assert_allclose(half.astype(jnp.float32), exact, atol=0.01)


def test_an_odd_number_of_channels_is_an_error():
  with pytest.raises(errors.UserError, match=r'pairs .* got 5 channels'):
    rotary.rotate(jnp.ones((1, 3, 2, 5)))
