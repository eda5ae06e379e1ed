"""Steps of several batches."""

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import train
from effnas.train import optim, state, step

NUMBERS = {'label_smoothing': 0.1, 'ema': 0.0}


class Small(linen.Module):
  """Without batch statistics."""

  @linen.compact
  def __call__(self, x, train=False):
    return linen.Dense(2)(linen.tanh(linen.Dense(5)(x)))


def _close(one, two):
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6),
    one,
    two,
  )


@pytest.mark.parametrize('sam', [False, True])
def test_parts_of_a_batch_give_the_step_of_the_whole(sam):
  tx = optim.make(10, name='sgd', lr=0.5, warmup=0)
  x = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
  y = np.arange(12) % 2
  first = state.create(Small(), tx, jnp.asarray, x)
  found = []
  for parts in (1, 3):
    one = jax.jit(step.make(Small(), tx.update, accumulate=parts, sam=sam))
    now = first
    for i in range(3):
      key = jax.random.key(i)
      now, metrics = one(now, x, y, key, {**NUMBERS, 'sam': 0.2})
    found.append((now.params, metrics))
  _close(*found)
  assert not np.allclose(
    found[0][0]['Dense_0']['kernel'], first.params['Dense_0']['kernel']
  )


def test_a_training_of_small_batches_is_that_of_large_ones(make_data):
  fitted = [
    train.fit(
      Small(),
      make_data(n=50),
      epochs=3,
      batch_size=size,
      accumulate=k,
      optim={'name': 'sgd', 'lr': 0.3},
    )
    for size, k in ((24, 1), (8, 3))
  ]
  _close(*(each.variables for each in fitted))
  _close(*(each.history[-1] for each in fitted))
  one, two = (each.opt_state.taken for each in fitted)
  assert one == two == 6


def test_no_more_batches_in_a_step_than_there_are(make_data):
  fitted = train.fit(
    Small(), make_data(n=20), epochs=2, batch_size=8, accumulate=9
  )
  assert fitted.opt_state.taken == 2


def test_only_a_part_is_in_the_network_at_once(make_data):
  seen = set()

  class Spy(linen.Module):
    @linen.compact
    def __call__(self, x, train=False):
      if train:
        seen.add(len(x))
      mean = self.variable('seen', 'calls', jnp.zeros, ())
      if train:
        mean.value += 1
      return linen.Dense(2)(x)

  fitted = train.fit(
    Spy(), make_data(n=32), epochs=1, batch_size=4, accumulate=4
  )
  assert seen == {4}
  assert fitted.variables['seen']['calls'] == 8  # states move part by part
