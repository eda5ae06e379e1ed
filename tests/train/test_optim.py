import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effnas import errors
from effnas.train import optim

PARAMS = {
  'kernel': jnp.array([[1.0, -2.0], [3.0, 0.5]]),
  'bias': jnp.array([1.0, 2.0]),
}
GRADS = {
  'kernel': jnp.array([[0.1, 0.2], [-0.3, 0.4]]),
  'bias': jnp.array([0.5, -0.6]),
}


def run(tx, steps=5):
  params, state = PARAMS, tx.init(PARAMS)
  for i in range(steps):
    grads = jax.tree.map(lambda g, i=i: g * (1 + i), GRADS)
    updates, state = tx.update(grads, state, params)
    params = optax.apply_updates(params, updates)
  return params


@pytest.mark.parametrize(
  ('kwargs', 'reference'),
  [
    (
      {'name': 'adamw', 'weight_decay': 0.1},
      lambda s: optax.adamw(s, weight_decay=0.1, mask=optim.decayed),
    ),
    ({'name': 'adam'}, optax.adam),
    (
      {'name': 'sgd', 'nesterov': True},
      lambda s: optax.sgd(s, momentum=0.9, nesterov=True),
    ),
    (
      {'name': 'lion', 'weight_decay': 0.1, 'b2': 0.99},
      lambda s: optax.lion(s, b2=0.99, weight_decay=0.1, mask=optim.decayed),
    ),
    (
      # Constant, as optax.rmsprop has the rate before the momentum.
      {
        'name': 'rmsprop',
        'eps': 1e-3,
        'b2': 0.9,
        'schedule': 'constant',
        'warmup': 0,
      },
      lambda s: optax.rmsprop(0.05, decay=0.9, eps=1e-3, momentum=0.9),
    ),
  ],
)
def test_matches_optax(kwargs, reference):
  def schedule(step):
    return optim.learning_rate(
      step, schedule='cosine', lr=0.05, warmup_steps=2, steps=10
    )

  ours = run(optim.make(10, **{'lr': 0.05, 'warmup': 0.2, **kwargs}))
  theirs = run(reference(schedule))
  for key, value in ours.items():
    np.testing.assert_allclose(value, theirs[key], rtol=1e-5)


def test_schedule_values():
  def rates(schedule, warmup_steps):
    return [
      float(
        optim.learning_rate(
          i, schedule=schedule, lr=2.0, warmup_steps=warmup_steps, steps=8
        )
      )
      for i in range(9)
    ]

  flat = [0.5, 1.0, 1.5, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]
  line = [0.5, 1.0, 1.5, 2.0, 2.0, 1.5, 1.0, 0.5, 0.0]
  cosine = [1 + np.cos(np.pi * i / 8) for i in range(9)]
  np.testing.assert_allclose(rates('constant', 4), flat, rtol=1e-6)
  np.testing.assert_allclose(rates('linear', 4), line, rtol=1e-6)
  np.testing.assert_allclose(rates('cosine', 0), cosine, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('name', ['adamw', 'adam', 'sgd', 'rmsprop', 'lion'])
def test_only_kernels_decay(name):
  tx = optim.make(
    1, name=name, lr=0.1, warmup=0, schedule='constant', weight_decay=0.5
  )
  zeros = jax.tree.map(jnp.zeros_like, PARAMS)
  updates, _ = tx.update(zeros, tx.init(PARAMS), PARAMS)
  assert not updates['bias'].any()
  # Against the weight, in every entry.
  assert (jnp.sign(updates['kernel']) == -jnp.sign(PARAMS['kernel'])).all()


def test_clip_bounds_the_global_norm():
  kwargs = {'name': 'sgd', 'lr': 1.0, 'warmup': 0, 'schedule': 'constant'}
  norms = []
  for clip in (0, 0.25, 1e3):
    tx = optim.make(1, clip=clip, **kwargs)
    updates, _ = tx.update(GRADS, tx.init(PARAMS), PARAMS)
    norms.append(float(optax.tree.norm(updates)))
  full = float(optax.tree.norm(GRADS))
  np.testing.assert_allclose(norms, [full, 0.25, full], rtol=1e-6)


def test_numbers_do_not_recompile():
  one = optim.make(10, lr=0.1, weight_decay=0.0, clip=1.0)
  two = optim.make(99, lr=0.2, weight_decay=0.3, clip=2.0, warmup=0.5)
  assert one.update is two.update
  assert optim.make(10, name='sgd').update is not one.update
  step = jax.jit(one.update).lower(GRADS, one.init(PARAMS), PARAMS).compile()
  step(GRADS, two.init(PARAMS), PARAMS)


@pytest.mark.parametrize(
  ('kwargs', 'words'),
  [
    ({'name': 'adamv'}, "did you mean 'adam"),
    ({'schedule': 'cosin'}, "did you mean 'cosine'"),
    ({'lr': 0.0}, r'optim\.lr must be a number above 0, got 0\.0'),
    ({'warmup': 5}, r'optim\.warmup must be a number from 0 to 1, got 5'),
    (
      {'weight_decay': -1},
      'weight_decay must be a number of at least 0, got -1',
    ),
    ({'clip': -1}, 'clip must be'),
    ({'momentum': 1.0}, 'momentum must be'),
    ({'clip': None}, 'clip must be a number of at least 0, got None'),
    ({'lr': 'x'}, "lr must be a number above 0, got 'x'"),
    ({'b1': True}, 'b1 must be a number from 0 to less than 1, got True'),
    ({'lr': float('inf')}, 'lr must be'),
    ({'lr': float('nan')}, 'lr must be'),
    ({'lr': 1e300}, 'lr must be'),
    ({'lookahead': 10**20}, 'lookahead must be a whole number'),
    ({'nesterov': 'no'}, 'nesterov must be true or false'),
    ({'name': ['adam']}, 'unknown optimiser'),
  ],
)
def test_bad_input(kwargs, words):
  with pytest.raises(errors.UserError, match=words):
    optim.make(10, **kwargs)


def test_stray_key_fails_by_name():
  with pytest.raises(TypeError, match='learning_rate'):
    optim.make(10, learning_rate=0.1)
