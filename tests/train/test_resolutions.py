"""Progressive resizing."""

import types

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors, train
from effnas.train import epoch, resolutions


class Pooled(linen.Module):
  """Takes images of any size."""

  @linen.compact
  def __call__(self, x, train=False):
    x = linen.relu(linen.Conv(4, (3, 3))(x))
    return linen.Dense(2)(x.mean((1, 2)))


class Flat(linen.Module):
  """Takes images of one size."""

  @linen.compact
  def __call__(self, x, train=False):
    return linen.Dense(2)(x.reshape(len(x), -1))


def _data(shape=(16, 8, 8, 1)):
  x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
  split = types.SimpleNamespace(x=x, y=np.arange(len(x)) % 2)
  return types.SimpleNamespace(
    train=split, valid=split, kind='image', prepare=jnp.asarray
  )


def test_resizing_keeps_means_and_constants():
  x = jax.random.normal(jax.random.key(0), (2, 8, 8, 3))
  small = resolutions.resized(x, 4)
  assert small.shape == (2, 4, 4, 3)
  flat = resolutions.resized(jnp.full((1, 8, 12, 1), 0.7), 4)
  np.testing.assert_allclose(flat, np.full((1, 4, 6, 1), 0.7), rtol=1e-5)
  # A pattern finer than the pixels is averaged away, not sampled.
  fine = jnp.tile(jnp.array([1.0, -1.0]), 8).reshape(1, 1, 16, 1)
  fine = jnp.broadcast_to(fine, (1, 16, 16, 1))
  assert jnp.abs(resolutions.resized(fine, 4)[0, 1:3, 1:3]).max() < 0.1
  assert resolutions.resized(x, 8) is x
  assert resolutions.resized(x, None) is x


def test_each_epoch_is_trained_at_its_side_and_each_side_compiled_once():
  seen = []

  class Spy(Pooled):
    @linen.compact
    def __call__(self, x, train=False):
      if train:
        seen.append(x.shape[1:3])
      return Pooled.__call__(self, x, train)

  epoch.compiled.cache_clear()
  fitted = train.fit(
    Spy(), _data(), epochs=6, batch_size=8, resolutions=[[0, 4], [0.5, 8]]
  )
  assert epoch.compiled.cache_info().misses == 2
  assert set(seen) == {(4, 4), (8, 8)}
  assert len(fitted.history) == 6
  plain = train.fit(Spy(), _data(), epochs=6, batch_size=8)
  assert plain.history[0] != fitted.history[0]


def test_the_images_own_side_is_no_change():
  one, two = (
    train.fit(Pooled(), _data(), epochs=2, batch_size=8, resolutions=sides)
    for sides in (None, [[0.0, 8]])
  )
  assert one.history == two.history


@pytest.mark.parametrize(
  ('value', 'words'),
  [
    ([[0.5, 8]], 'rising from 0'),
    ([[0.0, 8], [0.0, 16]], 'rising from 0'),
    ([[0.0, 8], [1.0, 16]], 'below 1'),
    ([8, 16], 'as \\[\\[0.0, 16\\], \\[0.5, 32\\]\\]; got \\[8, 16\\]'),
    (8, 'resolutions are pairs'),
    ([[0.0, 0]], 'a side is a number of pixels from 1; got 0'),
    ([[0.0, 8.0]], 'a side is a number of pixels'),
  ],
)
def test_bad_settings(value, words):
  with pytest.raises(errors.UserError, match=words) as told:
    resolutions.pieces(value)
  assert '\n' not in str(told.value)


def test_what_cannot_be_resized_is_told_before_training(make_data, make_net):
  with pytest.raises(errors.UserError, match='other parameters at 4 pixels'):
    train.fit(Flat(), _data(), epochs=2, batch_size=8, resolutions=[[0.0, 4]])
  with pytest.raises(errors.UserError, match='resolutions are of images'):
    train.fit(
      make_net(), make_data(), epochs=2, batch_size=8, resolutions=[[0.0, 4]]
    )
