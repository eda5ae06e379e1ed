import hypothesis
from hypothesis import strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors, footprint, zoo
from effnas.compress.pruning import budgets, kernels, masks


def test_erk_by_hand():
  # e = 12 * 0.5 * (16 + 64) / (8 + 16) of 1 / side: each kernel's density is
  # 20 / 12 * (sum of sides) / (product).
  shapes = {'a': (4, 4), 'b': (8, 8)}
  found = budgets.erk(shapes, 0.75)
  assert found == pytest.approx({'a': 20 / 24 * 8 / 16, 'b': 20 / 24 * 16 / 64})
  # All four sides of a convolution count.
  shapes = {'conv': (3, 3, 8, 16), 'dense': (64, 64)}
  e = 0.1 * (1152 + 4096) / (30 + 128)
  found = budgets.erk(shapes, 0.9)
  assert found == pytest.approx(
    {'conv': e * 30 / 1152, 'dense': e * 128 / 4096}
  )


def test_erk_redistributes_what_a_full_kernel_cannot_take():
  # Unbounded, 'small' would have density 676 / 60 * 30 / 200 = 1.69.
  found = budgets.erk({'small': (10, 20), 'large': (3, 3, 8, 16)}, 0.5)
  assert found == pytest.approx({'small': 1.0, 'large': (676 - 200) / 1152})


def test_shares_of_resnet_50s_macs_are_the_published_ones():
  # The table of https://github.com/google-research/rigl, whose uniform
  # networks have a dense first layer.
  net = zoo.load('resnet_50').build()
  macs = {
    f'{layer.path}/kernel': layer.macs
    for layer in footprint.layers(net, (224, 224, 3))
    if layer.macs
  }
  variables = jax.eval_shape(
    net.init, jax.random.key(0), jnp.zeros((1, 224, 224, 3))
  )
  every = kernels.Kernels(thin=0).select(variables['params'])
  shapes = {path: leaf.shape for path, leaf in every.items()}
  assert shapes.keys() == macs.keys()

  def share(densities):
    done = sum(n * densities.get(path, 1) for path, n in macs.items())
    return done / sum(macs.values())

  rest = {path: shape for path, shape in shapes.items() if shape[-2] > 3}
  published = {0.8: (0.42, 0.23), 0.9: (0.24, 0.13), 0.95: (0.12, 0.08)}
  for sparsity, (erk, uniform) in published.items():
    found = share(budgets.erk(shapes, sparsity))
    assert found == pytest.approx(erk, abs=0.01)
    found = share(budgets.uniform(rest, sparsity))
    assert found == pytest.approx(uniform, abs=0.01)


SHAPES = st.lists(
  st.one_of(
    st.tuples(st.integers(2, 40), st.integers(2, 40)),
    st.tuples(st.just(3), st.just(3), st.integers(2, 20), st.integers(2, 20)),
  ),
  min_size=1,
  max_size=6,
)


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(SHAPES, st.floats(0, 0.99))
def test_budgets_are_met_to_the_weight(sides, sparsity):
  shapes = {f'k{i}': shape for i, shape in enumerate(sides)}
  sizes = {path: int(np.prod(shape)) for path, shape in shapes.items()}
  total = sum(sizes.values())
  for budget in (budgets.uniform, budgets.erk):
    densities = budget(shapes, sparsity)
    assert all(0 <= d <= 1 for d in densities.values())
    living = sum(densities[path] * sizes[path] for path in shapes)
    assert living == pytest.approx((1 - sparsity) * total)
    pruned = budgets.counts(sizes, densities)
    assert abs(sum(pruned.values()) - sparsity * total) <= 0.5 + 1e-6
    for path, n in pruned.items():
      assert abs(n - (1 - densities[path]) * sizes[path]) < 1 + 1e-6


def test_no_kernel_loses_its_last_unit_where_another_can_give():
  # Shares of 3.6 and 9.3: the larger remainder would have emptied 'a'.
  found = budgets.counts({'a': 4, 'b': 93}, {'a': 0.1, 'b': 0.9})
  assert found == {'a': 3, 'b': 10}


def test_kernels_that_are_left_alone():
  shapes = {
    'stem': {'kernel': (3, 3, 3, 8), 'bias': (8,)},
    'depthwise': {'kernel': (3, 3, 1, 8)},
    'norm': {'scale': (8,), 'bias': (8,)},
    'head': {'kernel': (8, 10), 'bias': (10,)},
    'embed': {'embedding': (50, 8)},
  }
  params = jax.tree.map(
    jnp.zeros, shapes, is_leaf=lambda s: isinstance(s, tuple)
  )

  def select(**rules):
    return [p.split('/')[0] for p in kernels.Kernels(**rules).select(params)]

  assert select() == ['head']
  assert select(thin=0) == ['head', 'stem']
  assert select(depthwise=True) == ['depthwise', 'head']
  assert select(only='*') == ['embed', 'head']
  assert select(only='*', keep=['head/*']) == ['embed']


@pytest.mark.parametrize(
  ('rules', 'words'),
  [
    ({'keep': 'haed/*'}, "'haed/.' matches no parameter; there are head/bias"),
    ({'only': ['*weight']}, 'matches no parameter'),
    ({'thin': 8}, 'leaves no kernel to prune'),
    ({'only': '*bias'}, 'leaves no kernel to prune'),
  ],
)
def test_bad_rules(rules, words):
  params = {'head': {'kernel': jnp.zeros((8, 10)), 'bias': jnp.zeros(10)}}
  with pytest.raises(errors.UserError, match=words):
    kernels.Kernels(**rules).select(params)


@pytest.mark.parametrize('sparsity', [1, 1.0, -0.1, 80, float('nan'), '0.5'])
def test_bad_sparsity(sparsity):
  with pytest.raises(errors.UserError, match='from 0 to less than 1; got'):
    budgets.erk({'a': (2, 2)}, sparsity)


def test_masks_that_do_not_fit():
  params = {'kernel': jnp.zeros((2, 2))}
  with pytest.raises(errors.UserError, match='unknown masked kernel'):
    masks.apply(params, {'kernal': jnp.ones((2, 2), bool)})
  with pytest.raises(errors.UserError, match=r'kernel is \(2, 2\) and its'):
    masks.apply(params, {'kernel': jnp.ones((1, 2), bool)})
