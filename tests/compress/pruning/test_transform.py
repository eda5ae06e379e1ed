"""The pruning optimisers: what must hold after each step of any of them."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effnas import errors
from effnas.compress.pruning import (
  criteria,
  gradual,
  lottery,
  masks,
  patterns,
  regrowth,
  schedules,
  selection,
  transform,
)
from effnas.train import checkpoint, optim

CUBIC = schedules.Cubic(begin=2, end=12, every=2)


OPTIMISERS = {
  'adamw': lambda: optax.adamw(0.05, weight_decay=0.1),
  'momentum': lambda: optax.chain(
    optax.add_decayed_weights(0.1), optax.sgd(0.05, momentum=0.9)
  ),
  'ours': lambda: optim.make(16, lr=0.05, weight_decay=0.1, clip=1.0),
}
METHODS = {
  'magnitude': lambda tx: gradual.prune(tx, 0.8, schedule=CUBIC),
  'global': lambda tx: gradual.prune(
    tx, 0.8, schedule=CUBIC, budget='global', criterion='taylor'
  ),
  '2:4': lambda tx: gradual.prune(
    tx, 0.5, schedule=CUBIC, pattern=patterns.NM(2, 4)
  ),
  'block': lambda tx: gradual.prune(
    tx, 0.75, schedule=CUBIC, pattern=patterns.Block(4, 2)
  ),
  'rigl': lambda tx: regrowth.regrow(tx, 0.8, every=3, end=15),
  'set': lambda tx: regrowth.regrow(tx, 0.8, every=3, end=15, kind='set'),
}


@pytest.mark.parametrize(
  ('optimiser', 'method'),
  [
    *(('adamw', method) for method in ('global', '2:4', 'block', 'set')),
    ('momentum', 'rigl'),
    ('ours', 'magnitude'),
  ],
)
def test_dead_weights_are_zero_after_every_step(
  problem, train, optimiser, method
):
  params, gradient = problem()
  tx = METHODS[method](OPTIMISERS[optimiser]())
  (last, state), (each, found) = train(tx, params, gradient)
  flat = masks.flatten(each)
  for path, mask in found.items():
    assert not flat[path][~mask].any()
    # A living weight is trained; one of them may be zero as it has just grown.
    assert (flat[path][-1] != 0)[mask[-1]].mean() > 0.8
  assert not jnp.array_equal(last['a']['bias'], params['a']['bias'])
  target = {'2:4': 0.5, 'block': 0.75}.get(method, 0.8)
  size = sum(mask.size for mask in state.masks.values())
  assert masks.sparsity(state.masks) == pytest.approx(target, abs=0.5 / size)
  if method == '2:4':
    assert (found['a/kernel'][-1].reshape(2, 4, 16).sum(1) == 2).all()


def test_zero_in_the_parameters_own_type(problem, train):
  params, gradient = problem(dtype=jnp.bfloat16)
  tx = gradual.prune(optax.adam(0.05), 0.8, schedule=schedules.OneShot(3))
  (last, state), _ = train(tx, params, gradient, steps=5)
  assert last['a']['kernel'].dtype == jnp.bfloat16
  assert not last['a']['kernel'][~state.masks['a/kernel']].any()


@pytest.mark.parametrize(
  ('optimiser', 'criterion'), [('adamw', 'fisher'), ('ours', 'magnitude')]
)
def test_sparsity_zero_is_dense_training_to_the_bit(
  problem, train, optimiser, criterion
):
  params, gradient = problem()
  plain = OPTIMISERS[optimiser]()

  # As a pruning optimiser that has nothing to prune.
  dense = transform.hold(plain, {})
  tx = gradual.prune(plain, 0.0, schedule=CUBIC, criterion=criterion)
  (_, state), (each, _) = train(tx, params, gradient)
  _, (expected, _) = train(dense, params, gradient)
  jax.tree.map(np.testing.assert_array_equal, each, expected)
  assert all(mask.all() for mask in state.masks.values())
  # And without any wrapper.
  current, inner = params, plain.init(params)
  for _ in range(3):
    updates, inner = jax.jit(plain.update)(gradient(current), inner, current)
    current = optax.apply_updates(current, updates)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a[2], b, rtol=1e-5, atol=1e-6),
    expected,
    current,
  )


def test_the_schedule_holds_inside_a_scan(problem, train):
  params, gradient = problem()
  tx = gradual.prune(optax.adam(1e-2), 0.75, schedule=CUBIC)
  _, (_, found) = train(tx, params, gradient)
  mask = found['a/kernel']
  dead = mask.shape[1] * mask.shape[2] - mask.sum((1, 2))
  expected = []
  for taken in range(1, 17):
    at = max(taken - taken % 2, 0) if taken < 12 else 12
    share = 1 - (1 - max(at - 2, 0) / 10) ** 3
    expected.append(round(share * 96))
  assert dead.tolist() == expected
  assert not (mask[1:] & ~mask[:-1]).any()  # None comes back.


def test_living_weights_train_as_if_they_were_the_network(problem, train):
  params, gradient = problem()
  found = selection.select(params, 0.7)
  ticket = masks.apply(params, found)

  def only_living(params):
    return masks.apply(gradient(params), found)

  # The norm that is clipped is that of the living weights' gradients, too.
  inner = optax.chain(
    optax.clip_by_global_norm(0.1), optax.sgd(0.5, momentum=0.9)
  )
  (last, _), _ = train(transform.hold(inner, found), ticket, gradient)
  (expected, _), _ = train(transform.hold(inner, {}), ticket, only_living)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
    last,
    expected,
  )


@pytest.mark.parametrize(
  'name', [n for n in criteria.CRITERIA if n != 'random']
)
def test_criteria_in_training_are_those_before_it(problem, train, name):
  # At a learning rate of zero the average of equal gradients is the gradient.
  params, gradient = problem()
  tx = gradual.prune(
    optax.sgd(0.0), 0.6, schedule=schedules.OneShot(4), criterion=name
  )
  (_, state), _ = train(tx, params, gradient, steps=5)
  scores = criteria.estimate(
    name, params, lambda p, _: gradient(p), jnp.zeros(2)
  )
  expected = selection.select(params, 0.6, scores)
  for path, mask in expected.items():
    assert (state.masks[path] == mask).all()


def test_magnitudes_are_those_after_the_step(problem, train):
  params, gradient = problem()
  tx = gradual.prune(optax.sgd(2.0), 0.6, schedule=schedules.OneShot(1))
  (last, state), _ = train(tx, params, gradient, steps=1)
  (dense, _), _ = train(
    transform.hold(optax.sgd(2.0), {}), params, gradient, steps=1
  )
  expected = selection.select(dense, 0.6)
  assert any(
    (expected[path] != mask).any()
    for path, mask in selection.select(params, 0.6).items()
  )
  for path, mask in expected.items():
    assert (state.masks[path] == mask).all()
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6),
    last,
    masks.apply(dense, expected),
  )


def test_movement_keeps_weights_that_grow_and_prunes_those_that_shrink(train):
  # Gradients push half of the weights from zero, half towards it.
  away = jnp.array([[1.0, -1.0], [1.0, -1.0], [1.0, -1.0], [1.0, -1.0]])
  sizes = jnp.array([[0.1, 0.1], [9.0, 9.0], [0.1, 0.1], [9.0, 9.0]])
  outwards = jnp.array([[1.0], [-1.0], [1.0], [-1.0]])
  params = {'kernel': sizes * away}
  grads = {'kernel': -away * outwards}
  rules = selection.kernels_lib.Kernels(thin=0)

  def masks_by(criterion):
    tx = gradual.prune(
      optax.sgd(1e-3),
      0.5,
      schedule=schedules.OneShot(3),
      criterion=criterion,
      kernels=rules,
    )
    (_, state), _ = train(tx, params, lambda _: grads, steps=3)
    return state.masks['kernel']

  assert (masks_by('movement') == (outwards > 0)).all()
  assert (masks_by('magnitude') == (outwards < 0)).all()


def test_equal_seeds_give_equal_masks(problem, train):
  params, gradient = problem()

  def run(make, seed):
    (_, state), _ = train(make(seed), params, gradient)
    return state.masks

  makers = (
    lambda s: gradual.prune(
      optax.adam(0.1), 0.5, schedule=CUBIC, criterion='random', seed=s
    ),
    lambda s: regrowth.regrow(
      optax.adam(0.1), 0.5, every=2, end=9, kind='set', seed=s
    ),
  )
  for make in makers:
    one, again, other = run(make, 1), run(make, 1), run(make, 2)
    for path in one:
      assert (one[path] == again[path]).all()
      assert (one[path] != other[path]).any()


def test_compiled_or_not_and_after_a_checkpoint_masks_are_the_same(
  problem, tmp_path
):
  # Sorted by parts 'a' stands before 'a-b', sorted by letters after it.
  weights = problem()[0]['a']['kernel']
  params = {'a': {'kernel': weights}, 'a-b': {'kernel': 2 * weights}}
  tx = gradual.prune(
    optax.adam(0.1), 0.5, schedule=schedules.OneShot(2), criterion='random'
  )
  states = []
  for update in (tx.update, jax.jit(tx.update)):
    state = tx.init(params)
    for _ in range(2):
      _, state = update(params, state, params)
    states.append(state)
  for path, mask in states[0].masks.items():
    assert (mask == states[1].masks[path]).all()
  checkpoint.save(tmp_path, 1, states[1], [], {})
  read = checkpoint.latest(tmp_path, states[1], {}).state
  jax.tree.map(np.testing.assert_array_equal, read, states[1])


def test_equal_settings_share_a_compiled_step():
  inner = optim.make(9, lr=0.1), optim.make(9, lr=0.2)
  one, two = (gradual.prune(i, 0.5, schedule=CUBIC) for i in inner)
  assert one.update is two.update
  other = gradual.prune(inner[0], 0.6, schedule=CUBIC)
  assert one.update is not other.update


def test_init_compiles_and_extra_arguments_pass(problem):
  params, gradient = problem()
  tx = gradual.prune(
    optax.contrib.reduce_on_plateau(), 0.5, schedule=schedules.OneShot()
  )
  state = jax.jit(tx.init)(params)
  assert masks.sparsity(state.masks) == 0.5
  shapes = jax.eval_shape(tx.init, params)
  assert shapes.masks['a/kernel'].shape == (8, 16)
  tx.update(gradient(params), state, params, value=jnp.float32(1.0))


@pytest.mark.parametrize(
  ('make', 'words'),
  [
    (lambda tx: gradual.prune(tx, 1.5, schedule=CUBIC), 'got 1.5'),
    (
      lambda tx: gradual.prune(tx, 0.5, schedule=CUBIC, criterion='snp'),
      "did you mean 'snip'",
    ),
    (
      lambda tx: gradual.prune(
        tx, 0.5, schedule=schedules.OneShot(0), criterion='snip'
      ),
      'snip takes gradients, and there is none before the first step',
    ),
    (
      lambda tx: gradual.prune(
        tx, 0.4, schedule=CUBIC, pattern=patterns.NM(3, 5)
      ),
      '3:5 takes inputs that 5 divides',
    ),
    (lambda tx: regrowth.regrow(tx, 0.5, every=0, end=9), 'every is .* got 0'),
    (
      lambda tx: regrowth.regrow(tx, 0.5, every=1, end=9, kind='rig'),
      "did you mean 'rigl'",
    ),
    (
      lambda tx: regrowth.regrow(tx, 0.5, every=1, end=9, fraction=0),
      'fraction is .* got 0',
    ),
    (
      lambda tx: regrowth.regrow(tx, 0.5, every=1, end=9, budget='global'),
      "budget is 'erk' or 'uniform'",
    ),
    (
      lambda tx: transform.hold(tx, {'c/kernel': jnp.ones((8, 16))}),
      "unknown masked kernel 'c/kernel'",
    ),
    (lambda tx: lottery.draw(None, {}, 0.5, rounds=0), 'rounds is .* got 0'),
  ],
)
def test_bad_input(problem, make, words):
  params, _ = problem()
  with pytest.raises(errors.UserError, match=words):
    make(optax.adam(0.1)).init(params)


def test_parameters_are_needed(problem):
  params, gradient = problem()
  tx = gradual.prune(optax.sgd(0.1), 0.5, schedule=CUBIC)
  with pytest.raises(errors.UserError, match='needs the parameters'):
    tx.update(gradient(params), tx.init(params))
