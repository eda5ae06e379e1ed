import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors
from effnas.learn import objective as objective_lib
from effnas.learn import self_supervision
from effnas.learn.self_supervision.pretexts import rotation


def test_each_image_is_seen_in_each_turn():
  images = np.random.default_rng(0).normal(size=(5, 6, 6, 3))
  images = images.astype(np.float32)
  seen, turns = jax.jit(rotation.turned)(images)
  assert np.bincount(turns).tolist() == [5] * 4
  for i, (image, turn) in enumerate(zip(seen, turns, strict=True)):
    np.testing.assert_array_equal(image, np.rot90(images[i % 5], turn))
  # Turned on by what is left, all are as they were.
  back = [
    np.rot90(image, 4 - turn) for image, turn in zip(seen, turns, strict=True)
  ]
  np.testing.assert_array_equal(back, np.tile(images, (4, 1, 1, 1)))


def test_the_loss_is_that_of_the_turns():
  images = np.random.default_rng(0).normal(size=(3, 2, 2, 1))
  images = images.astype(np.float32)

  class Forward:
    """Features are the image, of which the brightest corner tells the turn."""

    def __call__(self, inputs):
      logits = inputs.reshape(len(inputs), -1)
      return objective_lib.Output(logits, {})

    def head(self, name, x):
      assert name == 'turns'
      # Top left, bottom left, bottom right, top right: against the clock.
      return 100 * x[:, jnp.array([0, 2, 3, 1])]

  images[:, 0, 0] = 3 + np.abs(images[:, 0, 0])
  batch = objective_lib.batch(jnp.asarray(images), np.zeros(3, int))
  made = self_supervision.make('rotation', {})
  outcome = made(Forward(), batch, jax.random.key(0), {'label_smoothing': 0.0})
  assert outcome.loss < 1e-6
  assert objective_lib.accuracy(outcome.logits, outcome.labels) == 1


def test_images_must_be_square():
  with pytest.raises(errors.UserError, match=r'square images.* 4 x 6'):
    rotation.turned(jnp.zeros((1, 4, 6, 1)))
  with pytest.raises(errors.UserError, match=r'takes images .*\(2, 3\)'):
    rotation.turned(jnp.zeros((2, 3)))
