import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors
from effnas.compress.pruning import budgets, masks, patterns, selection


def draw(seed=0):
  rng = np.random.default_rng(seed)
  shapes = {'conv': (3, 3, 8, 16), 'wide': (16, 64), 'head': (64, 10)}
  return {
    name: {
      'kernel': jnp.asarray(rng.normal(size=shape), jnp.float32),
      'bias': jnp.ones(shape[-1]),
    }
    for name, shape in shapes.items()
  }


def alive(found):
  return {path: int(mask.sum()) for path, mask in found.items()}


@pytest.mark.parametrize('sparsity', [0.0, 0.1, 0.5, 0.777, 0.99])
@pytest.mark.parametrize('budget', budgets.BUDGETS)
def test_sparsity_is_exact(budget, sparsity):
  found = selection.select(draw(), sparsity, budget=budget)
  size = sum(mask.size for mask in found.values())
  assert size - sum(alive(found).values()) == round(sparsity * size)
  assert masks.sparsity(found) == pytest.approx(sparsity, abs=0.5 / size)


def test_the_smallest_die():
  params = draw()
  for mask, weight in (
    (found, params[path.split('/')[0]]['kernel'])
    for path, found in selection.select(params, 0.6).items()
  ):
    assert jnp.abs(weight)[mask].min() > jnp.abs(weight)[~mask].max()


def test_global_compares_all_kernels_and_uniform_does_not():
  params = draw()
  params['head']['kernel'] *= 1e-3
  everywhere = alive(selection.select(params, 0.5, budget='global'))
  assert everywhere['head/kernel'] == 0
  each = alive(selection.select(params, 0.5))
  assert each == {'conv/kernel': 576, 'head/kernel': 320, 'wide/kernel': 512}


def test_erk_counts():
  params = draw()
  shapes = {'conv': (3, 3, 8, 16), 'head': (64, 10), 'wide': (16, 64)}
  densities = budgets.erk(shapes, 0.7)
  found = alive(selection.select(params, 0.7, budget='erk'))
  for name, shape in shapes.items():
    expected = densities[name] * np.prod(shape)
    assert found[f'{name}/kernel'] == pytest.approx(expected, abs=1)


def test_equal_scores_die_exactly_too():
  found = selection.select({'kernel': jnp.ones((10, 10))}, 0.37)
  assert int(found['kernel'].sum()) == 63


@pytest.mark.parametrize(('n', 'm'), [(2, 4), (1, 4), (4, 8), (1, 2)])
def test_every_group_of_inputs_keeps_its_n_largest(n, m):
  params = draw()
  pattern = patterns.NM(n, m)
  found = selection.select(params, 1 - n / m, pattern=pattern)
  for path, mask in found.items():
    weight = np.abs(params[path.split('/')[0]]['kernel'])
    *taps, inputs, outputs = mask.shape
    split = (*taps, inputs // m, m, outputs)
    groups = np.asarray(mask).reshape(split)
    assert (groups.sum(-2) == n).all()
    values = weight.reshape(split)
    kept = np.where(groups, values, np.inf).min(-2)
    lost = np.where(groups, -np.inf, values).max(-2)
    assert (kept > lost).all()


def test_blocks_live_or_die_whole_by_their_mean():
  params = draw()
  pattern = patterns.Block(4, 2)
  found = selection.select(params, 0.75, pattern=pattern, budget='global')
  means, living = [], []
  for path, mask in found.items():
    weight = np.abs(params[path.split('/')[0]]['kernel'])
    *taps, inputs, outputs = mask.shape
    split = (*taps, inputs // 4, 4, outputs // 2, 2)
    blocks = np.asarray(mask).reshape(split)
    assert (blocks.all((-3, -1)) == blocks.any((-3, -1))).all()
    living.append(blocks.all((-3, -1)).ravel())
    means.append(weight.reshape(split).mean((-3, -1)).ravel())
  living, means = np.concatenate(living), np.concatenate(means)
  assert living.sum() == len(living) - round(0.75 * len(living))
  assert means[living].min() > means[~living].max()


def test_what_is_dead_stays_dead():
  params = draw()
  chosen = selection.Selection(0.8)
  weights = chosen.kernels.select(params)
  scores = [
    {
      p: jax.random.uniform(jax.random.key(i), w.shape)
      for p, w in weights.items()
    }
    for i in range(2)
  ]
  first = chosen.choose(scores[0], 0.5)
  second = chosen.choose(scores[1], 1.0, first)
  for path in weights:
    assert not (second[path] & ~first[path]).any()
    size = weights[path].size
    assert int(first[path].sum()) == size - round(0.5 * round(0.8 * size))
    assert int(second[path].sum()) == size - round(0.8 * size)


def test_own_scores_and_left_out_kernels():
  params = draw()
  scores = jax.tree.map(lambda p: -jnp.abs(p), params)
  rules = selection.kernels_lib.Kernels(keep='head/*')
  found = selection.select(params, 0.5, scores, kernels=rules)
  assert list(found) == ['conv/kernel', 'wide/kernel']
  weight = jnp.abs(params['wide']['kernel'])
  mask = found['wide/kernel']
  assert weight[mask].max() < weight[~mask].min()
  # Whatever has no mask is the same array.
  assert masks.apply(params, found)['head'] is not None
  pruned = masks.apply(params, found)
  assert pruned['head']['kernel'] is params['head']['kernel']
  assert pruned['wide']['bias'] is params['wide']['bias']


@pytest.mark.parametrize(
  ('sparsity', 'settings', 'words'),
  [
    (1.0, {}, 'less than 1; got 1.0'),
    (0.5, {'budget': 'globl'}, "did you mean 'global'"),
    (0.8, {'pattern': patterns.NM(2, 4)}, '2:4 is a uniform sparsity of 0.5'),
    (0.5, {'pattern': patterns.NM(), 'budget': 'erk'}, 'got erk 0.5'),
    (0.4, {'pattern': patterns.NM(3, 5)}, 'conv/kernel has 8: leave it alone'),
    (0.5, {'pattern': patterns.Block(4, 4)}, 'head/kernel is 64 x 10'),
  ],
)
def test_bad_input(sparsity, settings, words):
  with pytest.raises(errors.UserError, match=words):
    selection.select(draw(), sparsity, **settings)


@pytest.mark.parametrize(
  ('make', 'words'),
  [
    (lambda: patterns.NM(5, 4), '1 <= n <= m; got 5:4'),
    (lambda: patterns.NM(0, 4), 'got 0:4'),
    (lambda: patterns.Block(0, 4), 'got 0 x 4'),
  ],
)
def test_bad_patterns(make, words):
  with pytest.raises(errors.UserError, match=words):
    make()
