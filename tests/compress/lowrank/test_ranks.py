"""Ranks keep the energy that was asked for, and meet the budget."""

from flax import linen, traverse_util
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors
from effnas.compress.lowrank import factored, factors, ranks

SHAPE = (6, 6, 8)


class Net(linen.Module):
  """A window, a point and a dense layer."""

  @linen.compact
  def __call__(self, x):
    x = linen.Conv(10, (3, 3), name='window')(x)
    x = linen.Conv(12, (1, 1), name='point')(x)
    return linen.Dense(16, name='dense')(x)


def _variables(falls=0.6):
  """Kernels whose singular values fall by a factor from one to the next."""
  rng = np.random.default_rng(0)

  def kernel(*shape):
    u, _, v = np.linalg.svd(rng.normal(size=shape), full_matrices=False)
    s = falls ** np.arange(min(shape))
    return jnp.asarray((u * s) @ v, jnp.float32)

  return {
    'params': {
      'window': {
        'kernel': kernel(72, 10).reshape(3, 3, 8, 10),
        'bias': jnp.zeros(10),
      },
      'point': {'kernel': kernel(10, 12)[None, None], 'bias': jnp.zeros(12)},
      'dense': {'kernel': kernel(12, 16), 'bias': jnp.zeros(16)},
    }
  }


def _kernels(variables):
  flat = traverse_util.flatten_dict(variables['params'], sep='/')
  return {k: v for k, v in flat.items() if k.endswith('kernel')}


def _kept(kernel, rank):
  """Share of a kernel's energy that factors of a rank have."""
  if kernel.ndim == 4 and kernel.shape[0] > 1:
    near = factors.whole(factors.tucker(kernel, rank))
  else:
    left, right = factors.svd(kernel.reshape(kernel.shape[-2:]), rank)
    near = (left @ right).reshape(kernel.shape)
  lost = np.linalg.norm((kernel - near).ravel()) ** 2
  return 1 - lost / np.linalg.norm(kernel.ravel()) ** 2


@pytest.mark.parametrize('energy', [0.7, 0.9, 0.99])
def test_each_layer_keeps_the_energy_and_one_rank_less_would_not(energy):
  variables = _variables()
  rules = ranks.by_energy(Net(), variables, energy, SHAPE)
  assert {rule.pattern for rule in rules} == {'window', 'point', 'dense'}
  for rule in rules:
    kernel = variables['params'][rule.pattern]['kernel']
    assert _kept(kernel, rule.rank) >= energy - 1e-5
    if isinstance(rule.rank, int) and rule.rank > 1:
      assert _kept(kernel, rule.rank - 1) < energy


def test_layers_that_would_grow_stay_whole():
  variables = _variables(falls=0.99)
  assert ranks.by_energy(Net(), variables, 0.999, SHAPE) == ()
  assert ranks.by_energy(Net(), variables, 1.0, SHAPE) == ()


@pytest.mark.parametrize('share', [0.15, 0.25, 0.5, 0.8, 1.0])
def test_the_budget_is_met_and_nearly_used(share):
  model, variables = Net(), _variables()
  rules = ranks.by_budget(model, variables, share, SHAPE)
  _, few = (
    factored.convert(model, variables, rules, SHAPE)
    if rules
    else (
      model,
      variables,
    )
  )
  before, after = (
    sum(k.size for k in _kernels(v).values()) for v in (variables, few)
  )
  assert 0.8 * share * before <= after <= share * before
  if share == 1:
    assert rules == ()


def test_a_larger_budget_loses_less():
  variables, lost = _variables(), []
  for share in (0.15, 0.25, 0.5, 0.8):
    rules = ranks.by_budget(Net(), variables, share, SHAPE)
    chosen = {rule.pattern: rule.rank for rule in rules}
    kernels = {path: variables['params'][path]['kernel'] for path in chosen}
    lost.append(sum(1 - _kept(kernels[p], r) for p, r in chosen.items()))
  assert lost == sorted(lost, reverse=True)
  assert lost[0] > 2 * lost[-1]


def test_the_budget_goes_where_the_energy_is():
  variables = _variables(falls=0.99)
  flat = variables['params']['dense']['kernel']
  variables['params']['dense']['kernel'] = jnp.outer(flat[:, 0], flat[0])
  rules = ranks.by_budget(Net(), variables, 0.9, SHAPE)
  assert factored.Factored('dense', 1) in rules


def test_the_choice_for_two_matrices_is_the_best_of_all():
  model = linen.Sequential([linen.Dense(6), linen.Dense(6)])
  rng = np.random.default_rng(3)
  params = {
    f'layers_{i}': {'kernel': rng.normal(size=(6, 6)) @ np.diag(0.5**power)}
    for i, power in enumerate((np.arange(6), np.arange(6) / 2))
  }
  ways = ranks.options(model, {'params': params}, (6,))
  for share in (0.4, 0.6, 0.7):
    chosen = {
      rule.pattern: rule.rank
      for rule in ranks.by_budget(model, {'params': params}, share, (6,))
    }
    lost = sum(
      way.lost[way.ranks.index(chosen.get(path))] for path, way in ways.items()
    )
    first, second = ways.values()
    lowest = first.lost[:, None] + second.lost
    fits = first.params[:, None] + second.params <= share * 72
    best = lowest[fits].min()
    # A greedy choice misses the best by less than a step.
    assert best <= lost <= best + 0.1


def test_a_pattern_leaves_other_layers_alone():
  rules = ranks.by_energy(Net(), _variables(), 0.9, SHAPE, 'd*')
  assert [rule.pattern for rule in rules] == ['dense']


def test_bad_input_is_one_line():
  model, variables = Net(), _variables()
  for energy in (0, 1.1):
    with pytest.raises(errors.UserError, match=r'in \(0, 1\]; got'):
      ranks.by_energy(model, variables, energy, SHAPE)
  with pytest.raises(errors.UserError, match=r'in \(0, 1\]; got 2'):
    ranks.by_budget(model, variables, 2, SHAPE)
  with pytest.raises(errors.UserError, match='rank 1 everywhere takes'):
    ranks.by_budget(model, variables, 0.01, SHAPE)
  with pytest.raises(errors.UserError, match="'head' is for no layer"):
    ranks.by_energy(model, variables, 0.9, SHAPE, 'head')


def test_the_least_share_that_is_named_is_enough():
  model, variables = Net(), _variables()
  with pytest.raises(errors.UserError, match='or more') as caught:
    ranks.by_budget(model, variables, 0.01, SHAPE)
  share = float(str(caught.value).split('take ')[1].split()[0])
  rules = ranks.by_budget(model, variables, share, SHAPE)
  assert jax.tree.leaves([list(factored.pair(r.rank)) for r in rules])
