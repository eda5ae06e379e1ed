"""Networks out of searched cells."""

import math

import jax
import numpy as np
import pytest

from effnas import errors, footprint
from effnas.zoo import darts, darts_genotypes

INSIDE = ('darts_v1', 'darts_v2', 'pc_darts', 'pc_darts_image')


@pytest.mark.parametrize('name', INSIDE)
def test_a_published_genotype_is_a_point_of_the_space(name):
  arch = darts.published_arch(name)
  assert darts.space().build(arch)['model'] == darts.darts(name)


def test_the_space_is_as_large_as_published():
  # Seven operations on each of eight edges, and pairs of 2, 3, 4, 5 inputs.
  cell = 7**8 * math.prod(math.comb(n, 2) for n in (2, 3, 4, 5))
  assert darts.space().size == cell**2
  assert round(math.log10(cell**2)) == 18


def test_all_inputs_stand_before_their_node():
  for normal, reduction, _ in darts_genotypes.PUBLISHED.values():
    for cell in (normal, reduction):
      assert max(cell.concat) < len(cell.nodes) + 2
      for i, node in enumerate(cell.nodes):
        assert all(source < i + 2 for source in node.inputs)


def _cell(nodes, concat, **fields):
  nodes = [darts_genotypes.Node(*node) for node in nodes]
  genotype = darts_genotypes.Genotype(tuple(nodes), concat)
  return darts.Cell(genotype, channels=4, **fields)


def test_a_node_sums_what_it_reads():
  skips = ('skip_connect', 'skip_connect')
  before, x = jax.random.normal(jax.random.key(0), (2, 1, 4, 4, 3))
  once, again = (
    _cell([(skips, (1, 1)), (skips, (1, 2))], concat) for concat in ((2,), (3,))
  )
  variables = once.init(jax.random.key(1), before, x)
  last = once.apply(variables, 0 * before, x)
  np.testing.assert_allclose(once.apply(variables, before, x), last)
  np.testing.assert_allclose(
    again.apply(variables, before, x), 1.5 * last, rtol=1e-6
  )


@pytest.mark.parametrize(
  ('operation', 'reduce', 'drops'),
  [
    ('skip_connect', False, False),
    ('skip_connect', True, True),
    ('max_pool_3x3', False, True),
  ],
)
def test_stochastic_depth_leaves_identities_alone(operation, reduce, drops):
  x = jax.random.normal(jax.random.key(0), (8, 4, 4, 3))
  cells = [
    _cell([((operation,) * 2,)], (2,), reduce=reduce, drop_path=rate)
    for rate in (0.0, 0.5)
  ]
  variables = cells[0].init(jax.random.key(1), x, x)
  whole, dropped = (
    cell.apply(
      variables,
      x,
      x,
      True,
      mutable=['batch_stats'],
      rngs={'dropout': jax.random.key(2)},
    )[0]
    for cell in cells
  )
  assert np.allclose(whole, dropped) != drops


def test_errors_name_what_would_work():
  with pytest.raises(errors.UserError, match="did you mean 'darts_v2"):
    darts.darts('darts_v3')
  with pytest.raises(errors.UserError, match='darts_v1, darts_v2, pc_darts'):
    darts.published_arch('nasnet_a')
  with pytest.raises(errors.UserError, match=r'stride 1 .* got 2'):
    footprint.measure(darts.darts(depth=1, stem_stride=2), (32, 32, 3))
