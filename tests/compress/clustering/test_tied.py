"""Optimisers that keep clusters: members stay equal, and move as centroids."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effnas import errors
from effnas.compress import pruning
from effnas.compress.clustering import codebooks, tied
from effnas.train import checkpoint, optim

STEPS = 20


def _clustered(shared=False, masked=True, dtype='float32', k=4):
  rng = np.random.default_rng(0)

  def normal(*shape):
    return jnp.asarray(rng.normal(size=shape), dtype)

  params = {
    'a': {'kernel': normal(8, 17), 'bias': normal(17)},
    'b': {'kernel': normal(17, 8)},
  }
  masks = {'a/kernel': jnp.abs(params['a']['kernel']) > 0.5} if masked else None
  books = [codebooks.Codebook('*kernel', k, shared=shared)]
  return codebooks.cluster(params, books, masks)


def _loss(params):
  x = jnp.sin(jnp.arange(40.0)).reshape(5, 8).astype(params['a']['bias'].dtype)
  y = jnp.tanh(x @ params['a']['kernel'] + params['a']['bias'])
  return ((y @ params['b']['kernel'] - x[:, ::-1]) ** 2).mean()


def _train(tx, params, steps=STEPS):
  def step(carry, _):
    params, state = carry
    updates, state = tx.update(jax.grad(_loss)(params), state, params)
    params = optax.apply_updates(params, updates)
    return (params, state), params

  run = jax.jit(lambda carry: jax.lax.scan(step, carry, length=steps))
  return run((params, tx.init(params)))


OPTIMISERS = {
  'sgd': lambda: optax.sgd(0.02, momentum=0.9, nesterov=True),
  'adamw': lambda: optax.adamw(0.02, weight_decay=0.1),
  # Neither acts on single weights.
  'lamb': lambda: optax.lamb(0.02, weight_decay=0.1),
  'noisy': lambda: optax.chain(optax.add_noise(1.0, 0.0, 0), optax.adam(0.02)),
  'ours': lambda: optim.make(STEPS, lr=0.02, weight_decay=0.1, clip=1.0),
}


@pytest.mark.parametrize(
  ('name', 'shared'),
  [
    *((name, True) for name in ('adamw', 'lamb', 'noisy', 'ours')),
    *((name, False) for name in ('sgd', 'ours')),
  ],
)
def test_members_stay_equal_to_the_bit_and_what_is_masked_zero(name, shared):
  found = _clustered(shared)
  params = codebooks.weights(found)
  tx = tied.hold(OPTIMISERS[name](), found)
  (last, state), each = _train(tx, params)
  assert _loss(last) < _loss(params)
  indices, masks = jax.tree.map(np.asarray, (found.indices, found.masks))
  values = {}
  for path in ('a', 'b'):
    weights = np.asarray(each[path]['kernel'])
    mask = masks.get(f'{path}/kernel', np.ones(weights.shape[1:], bool))
    assert not weights[:, ~mask].any()
    for step, at in enumerate(weights):
      for i in range(4):
        some = at[mask & (indices[f'{path}/kernel'] == i)]
        assert len(np.unique(some.view(np.uint32))) == 1
        values.setdefault((step, i), set()).add(some[0].tobytes())
    # All centroids move, and so does the rest.
    assert (weights[0] != weights[-1])[mask].all()
  assert {len(v) for v in values.values()} == {1 if shared else 2}
  assert (last['a']['bias'] != params['a']['bias']).all()
  jax.tree.map(np.testing.assert_array_equal, state.indices, found.indices)


@pytest.mark.parametrize(('shared', 'masked'), [(False, False), (True, True)])
def test_sgd_is_that_of_gradients_to_centroids(shared, masked):
  found = _clustered(shared, masked)
  optimizer = optax.sgd(0.02, momentum=0.9)
  (last, _), _ = _train(tied.hold(optimizer, found), codebooks.weights(found))

  def of(trainable):
    return codebooks.weights(found.replace(trainable=trainable))

  def step(carry, _):
    trainable, state = carry
    slopes = jax.grad(lambda t: _loss(of(t)))(trainable)
    updates, state = optimizer.update(slopes, state, trainable)
    return (optax.apply_updates(trainable, updates), state), None

  carry = found.trainable, optimizer.init(found.trainable)
  (trainable, _), _ = jax.jit(
    lambda carry: jax.lax.scan(step, carry, length=STEPS)
  )(carry)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-6, atol=1e-6),
    last,
    of(trainable),
  )


def test_a_single_step_of_sgd_is_the_sum_exactly():
  found = _clustered(shared=True)
  params = codebooks.weights(found)
  # Small whole numbers, whose sums are exact in any order.
  grads = jax.tree.map(lambda x: jnp.round(3 * jnp.cos(7 * x + 1)), params)
  tx = tied.hold(optax.sgd(0.5), found)
  updates, _ = jax.jit(tx.update)(grads, tx.init(params), params)
  mask, indices = found.masks['a/kernel'], found.indices
  for i in range(4):
    in_a, in_b = mask & (indices['a/kernel'] == i), indices['b/kernel'] == i
    total = grads['a']['kernel'][in_a].sum() + grads['b']['kernel'][in_b].sum()
    assert (updates['a']['kernel'][in_a] == -total / 2).all()
    assert (updates['b']['kernel'][in_b] == -total / 2).all()
  np.testing.assert_array_equal(updates['a']['bias'], -grads['a']['bias'] / 2)


def test_adam_does_not_depend_on_the_number_of_members():
  # A cluster of one and one of many with equal gradients take equal steps.
  params = {'kernel': jnp.array([1.0, 2.0, 2.0, 2.0, 2.0])}
  indices = {'kernel': jnp.array([0, 1, 1, 1, 1], jnp.uint8)}
  steps = {}
  inners = {'adam': optax.adam(0.1, eps=0), 'sgd': optax.sgd(1.0)}
  for name, inner in inners.items():
    tx = tied.tie(inner, indices, {'kernel': 2})
    grads = {'kernel': jnp.ones(5)}
    steps[name] = tx.update(grads, tx.init(params), params)[0]['kernel']
  np.testing.assert_allclose(steps['adam'], -0.1, rtol=1e-5)
  assert steps['sgd'].tolist() == [-1, -4, -4, -4, -4]


def test_the_norm_that_is_clipped_is_that_of_living_members():
  params = {'kernel': jnp.array([1.0, 1.0, 0.0])}
  indices = {'kernel': jnp.zeros(3, jnp.uint8)}
  masks = {'kernel': jnp.array([True, True, False])}
  inner = optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(1.0))
  tx = tied.tie(inner, indices, {'kernel': 2}, masks=masks)
  grads = {'kernel': jnp.array([1.0, 2.0, 9.0])}
  updates, _ = tx.update(grads, tx.init(params), params)
  expected = np.array([-1, -1, 0]) / np.sqrt(2)
  np.testing.assert_allclose(updates['kernel'], expected, rtol=1e-6)


def test_what_is_not_zero_under_a_mask_becomes_so_with_or_without_clusters():
  found = _clustered()
  params = jax.tree.map(lambda x: x + 1, codebooks.weights(found))
  masks = {**found.masks, 'a/bias': jnp.arange(17) % 2 == 0, 'b/kernel': None}
  clusters = dict.fromkeys(found.indices, 4)
  tx = tied.tie(optax.adam(0.1), found.indices, clusters, masks=masks)
  updates, _ = tx.update(params, tx.init(params), params)
  last = optax.apply_updates(params, updates)
  assert not last['a']['kernel'][~masks['a/kernel']].any()
  np.testing.assert_array_equal(last['a']['bias'] != 0, masks['a/bias'])


def test_values_stay_few_in_the_parameters_own_type():
  found = _clustered(dtype='bfloat16', shared=True)
  tx = tied.hold(optax.adamw(0.05), found)
  (last, _), _ = _train(tx, codebooks.weights(found))
  values = [np.unique(np.asarray(last[n]['kernel'], 'float32')) for n in 'ab']
  assert last['a']['kernel'].dtype == jnp.bfloat16
  assert len({*values[0].tolist(), *values[1].tolist()} - {0.0}) <= 4


def test_without_clusters_training_is_the_inner_one():
  params = codebooks.weights(_clustered())
  inner = optim.make(9, lr=0.02)
  (last, _), _ = _train(tied.tie(inner, {}, {}), params)
  (expected, _), _ = _train(inner, params)
  jax.tree.map(np.testing.assert_array_equal, last, expected)


def test_clusters_of_a_pruned_network_train_inside_of_a_pruning_optimiser():
  found = _clustered(masked=False)
  tx = tied.hold(optax.adam(0.02), found)
  schedule = pruning.OneShot(5)
  tx = pruning.prune(
    tx, 0.5, schedule=schedule, kernels=pruning.Kernels(thin=0)
  )
  (last, state), _ = _train(tx, codebooks.weights(found))
  for name in 'ab':
    assert len(np.unique(last[name]['kernel'])) <= 5
    assert not last[name]['kernel'][~state.masks[f'{name}/kernel']].any()


def test_equal_settings_share_a_compiled_step_and_states_come_back(tmp_path):
  found, other = _clustered(), _clustered(masked=False)
  inner = optim.make(9, lr=0.1), optim.make(9, lr=0.2)
  one, two = tied.hold(inner[0], found), tied.hold(inner[1], other)
  assert one.update is two.update
  assert one.update is not tied.hold(inner[0], _clustered(shared=True)).update
  params = codebooks.weights(found)
  state = jax.jit(one.init)(params)
  shapes = jax.eval_shape(one.init, params)
  assert shapes.indices['a/kernel'].shape == (8, 17)
  checkpoint.save(tmp_path, 1, state, [], {})
  read = checkpoint.latest(tmp_path, state, {}).state
  jax.tree.map(np.testing.assert_array_equal, read, state)


def test_extra_arguments_pass():
  found = _clustered()
  params = codebooks.weights(found)
  tx = tied.hold(optax.contrib.reduce_on_plateau(), found)
  tx.update(params, tx.init(params), params, value=jnp.float32(1.0))


def test_a_cluster_without_members_harms_nothing():
  params = {'kernel': jnp.array([1.0, 1.0, 0.0])}
  indices = {'kernel': jnp.array([2, 2, 0], jnp.uint8)}
  masks = {'kernel': jnp.array([True, True, False])}
  tx = tied.tie(optax.sgd(0.5), indices, {'kernel': 3}, masks=masks)
  grads = {'kernel': jnp.array([1.0, 2.0, jnp.nan])}
  updates, _ = tx.update(grads, tx.init(params), params)
  assert updates['kernel'].tolist() == [-1.5, -1.5, 0.0]


INDICES = {'a/kernel': jnp.zeros((8, 17), jnp.uint8)}


@pytest.mark.parametrize(
  ('arguments', 'words'),
  [
    (({}, {'a/kernel': 2}, {'a/kernl': 'b'}), 'unknown clustered kernel'),
    ((INDICES, {}), "say how many clusters 'a/kernel' has"),
    ((INDICES, {'a/kernel': 1}), 'clusters are 2 to 256; got 1'),
    (
      ({'a/kernel': INDICES['a/kernel'] + 3}, {'a/kernel': 3}),
      "'a/kernel' has 3 clusters, and an index 3",
    ),
    (
      (
        {**INDICES, 'b/kernel': jnp.zeros((17, 8), jnp.uint8)},
        {'a/kernel': 2, 'b/kernel': 3},
        dict.fromkeys(('a/kernel', 'b/kernel'), 'x'),
      ),
      r"codebook 'x' have one number of clusters; got \[2, 3\]",
    ),
    (({'c': INDICES['a/kernel']}, {'c': 2}), "unknown clustered kernel 'c'"),
    (({'a/kernel': jnp.zeros(3, jnp.uint8)}, {'a/kernel': 2}), 'its indices'),
    ((INDICES, {'a/kernel': 2}, None, {'c': jnp.ones(2)}), "masked kernel 'c'"),
  ],
)
def test_bad_input(arguments, words):
  with pytest.raises(errors.UserError, match=words):
    tied.tie(optax.sgd(0.1), *arguments).init(codebooks.weights(_clustered()))


def test_parameters_are_needed():
  found = _clustered()
  params = codebooks.weights(found)
  tx = tied.hold(optax.sgd(0.1), found)
  with pytest.raises(errors.UserError, match='need the parameters'):
    tx.update(params, tx.init(params))
