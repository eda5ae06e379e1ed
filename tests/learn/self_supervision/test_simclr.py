import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors
from effnas.learn import self_supervision
from effnas.learn.self_supervision.pretexts import simclr


def _views(rows=5, width=4, seed=0):
  rng = np.random.default_rng(seed)
  shape = (2, rows, width)
  return rng.normal(size=shape).astype(np.float32)


def _reference(one, other, temperature):
  """Algorithm 1 of the paper, view by view, in double precision."""
  views = np.empty((2 * len(one), one.shape[1]))
  views[0::2], views[1::2] = one, other  # Pairs lie side by side there.
  count = len(views)
  alike = np.zeros((count, count))
  for i in range(count):
    for j in range(count):
      norms = np.linalg.norm(views[i]) * np.linalg.norm(views[j])
      alike[i, j] = views[i] @ views[j] / norms

  def pair(i, j):
    others = [np.exp(alike[i, k] / temperature) for k in range(count) if k != i]
    return -np.log(np.exp(alike[i, j] / temperature) / sum(others))

  total = 0.0
  for k in range(len(one)):
    total += pair(2 * k, 2 * k + 1) + pair(2 * k + 1, 2 * k)
  return total / count


@pytest.mark.parametrize('temperature', [0.1, 0.5, 1.0])
def test_nt_xent_is_the_papers(temperature):
  one, other = _views()
  ours = simclr.nt_xent(one, other, temperature)
  expected = _reference(one, other, temperature)
  np.testing.assert_allclose(ours, expected, rtol=1e-6)


def test_order_of_pairs_and_of_views_does_not_matter():
  one, other = _views(7)
  order = np.random.default_rng(1).permutation(7)
  whole = simclr.nt_xent(one, other, 0.3)
  np.testing.assert_allclose(
    simclr.nt_xent(one[order], other[order], 0.3), whole, rtol=1e-6
  )
  np.testing.assert_allclose(simclr.nt_xent(other, one, 0.3), whole, rtol=1e-6)
  # Which view belongs to which does.
  assert abs(float(simclr.nt_xent(one, other[order], 0.3)) - whole) > 0.01


def test_lengths_do_not_matter_and_zero_has_a_gradient():
  one, other = _views()
  lengths = np.array([1, 10, 0.1, 3, 5], np.float32)[:, None]
  np.testing.assert_allclose(
    simclr.nt_xent(one * lengths, other),
    simclr.nt_xent(one, other),
    rtol=1e-5,
  )
  one[0] = 0
  assert np.isfinite(jax.grad(simclr.nt_xent)(jnp.asarray(one), other)).all()


@pytest.mark.parametrize(('rows', 'temperature'), [(2, 0.5), (6, 0.2)])
def test_the_least_loss_is_that_of_equal_partners_at_a_simplex(
  rows, temperature
):
  least = np.log1p((2 * rows - 2) * np.exp(-rows / (rows - 1) / temperature))
  corners = np.eye(rows, dtype=np.float32) - np.float32(1 / rows)
  at_best = simclr.nt_xent(corners, corners, temperature)
  np.testing.assert_allclose(at_best, least, rtol=1e-5)
  for seed in range(20):
    one, other = _views(rows, rows, seed)
    assert simclr.nt_xent(one, other, temperature) > least
    assert simclr.nt_xent(one, one, temperature) > least
    near = corners + 0.05 * one
    assert simclr.nt_xent(near, corners, temperature) > least


def test_the_loss_falls_as_partners_align():
  one, other = _views(6, 8)
  losses = [
    float(simclr.nt_xent(one, share * one + (1 - share) * other))
    for share in (0.0, 0.3, 0.6, 1.0)
  ]
  assert losses == sorted(losses, reverse=True)
  same = np.ones((4, 3), np.float32)
  np.testing.assert_allclose(simclr.nt_xent(same, same), np.log(7), rtol=1e-6)


def test_descent_comes_to_the_least_loss():
  rows, temperature = 3, 0.5
  least = np.log1p((2 * rows - 2) * np.exp(-rows / (rows - 1) / temperature))
  views = jnp.asarray(_views(rows, rows))

  @jax.jit
  def descend(views):
    def step(views, _):
      grad = jax.grad(lambda v: simclr.nt_xent(v[0], v[1], temperature))(views)
      return views - 0.5 * grad, None

    return jax.lax.scan(step, views, None, 2000)[0]

  one, other = descend(views)
  np.testing.assert_allclose(
    simclr.nt_xent(one, other, temperature), least, rtol=1e-3
  )


def test_views_differ_and_are_of_the_same_image():
  objective = self_supervision.make(
    'simclr', {'views': [{'name': 'crop', 'padding': 1}], 'temperature': 0.25}
  )
  # One lit pixel; a row of the batch shows by its brightness.
  images = np.zeros((3, 8, 8, 1), np.float32)
  images[:, 4, 4, 0] = [1, 2, 3]
  seen = []

  class Forward:
    def __call__(self, inputs):
      seen.append(inputs)
      logits = inputs.reshape(len(inputs), -1)
      return type('Output', (), {'logits': logits})

    def head(self, name, x):
      assert name == 'projection'
      return x

  batch = type('Batch', (), {'inputs': jnp.asarray(images)})
  outcome = objective(
    Forward(), batch, jax.random.key(1), {'temperature': 0.25}
  )
  [views] = seen  # Both in one call: they share the batch's statistics.
  assert views.shape == (6, 8, 8, 1)
  assert views.max(axis=(1, 2, 3)).tolist() == [1, 2, 3, 1, 2, 3]
  assert not np.array_equal(views[:3] > 0, views[3:] > 0)
  assert outcome.labels.tolist() == [3, 4, 5, 0, 1, 2]
  flat = views.reshape(2, 3, -1)
  np.testing.assert_allclose(
    outcome.loss, simclr.nt_xent(flat[0], flat[1], 0.25), rtol=1e-6
  )


@pytest.mark.parametrize(
  ('args', 'message'),
  [
    ({'views': []}, 'views must name'),
    ({'views': ['mixup']}, 'mixup is none'),
    ({'views': ['colour']}, 'colour is none'),
    ({'views': ['flop']}, "unknown augmentation 'flop'"),
    ({'temperature': 0}, 'temperature must be a number more than 0'),
    ({'width': 0}, 'width is a whole number from 1'),
    ({'at': 3}, 'simclr.at must be a text, got 3'),
  ],
)
def test_impossible_settings_are_said(args, message):
  with pytest.raises(errors.UserError, match=message) as caught:
    self_supervision.make('simclr', args)
  assert '\n' not in str(caught.value)


def test_one_row_has_nothing_to_differ_from():
  with pytest.raises(errors.UserError, match='2 rows'):
    simclr.nt_xent(np.ones((1, 3)), np.ones((1, 3)))
