"""A search space is a network with choices in its fields."""

import json
import subprocess
import sys
from typing import Any

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors
from effnas import space as sp


class Block(linen.Module):
  """A user's own block, of plain Linen layers."""

  width: int = 2
  act: Any = linen.relu

  @linen.compact
  def __call__(self, x):
    return x + self.act(linen.Dense(self.width, name='in')(x)).sum()


class Stage(linen.Module):
  depth: int
  block: Any

  @linen.compact
  def __call__(self, x):
    for i in range(self.depth):
      x = self.block.copy(name=f'block_{i}')(x)
    return x


class Net(linen.Module):
  stages: Any
  head: Any = None

  @linen.compact
  def __call__(self, x):
    for i, stage in enumerate(self.stages):
      x = stage.copy(name=f'stage_{i}')(x)
    return x if self.head is None else self.head(x)


def _net(depth, width, act, head):
  return Net(
    stages=[Stage(depth=depth(), block=Block(width=width(), act=act()))],
    head=head(),
  )


def _space():
  net = _net(
    lambda: sp.oneof(1, 2, 3),
    lambda: sp.oneof(2, 4),
    lambda: sp.oneof(linen.relu, linen.gelu),
    lambda: sp.oneof(linen.Dense(3), Block(width=sp.oneof(1, 2)), None),
  )
  return sp.Space(
    {
      'model': net,
      'quant': {'bits': sp.oneof(4, 8)},
      'optim': {'lr': sp.loguniform(1e-4, 1e-1)},
    }
  )


_ARCH = {
  'model.stages.0.depth': 2,
  'model.stages.0.block.width': 4,
  'model.stages.0.block.act': 'gelu',
  'model.head': 'Block',
  'model.head.Block.width': 1,
  'quant.bits': 4,
  'optim.lr': 0.01,
}


def _parameters(model):
  shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.ones((1, 5)))
  return sum(leaf.size for leaf in jax.tree.leaves(shapes))


def test_the_built_network_is_the_one_written_by_hand():
  built = _space().build(_ARCH)
  by_hand = Net(
    stages=(Stage(depth=2, block=Block(width=4, act=linen.gelu)),),
    head=Block(width=1),
  )
  assert built['model'] == by_hand
  assert hash(built['model']) == hash(by_hand)
  assert dict(built['quant']) == {'bits': 4}
  x = jnp.ones((2, 5))
  variables = built['model'].init(jax.random.key(0), x)
  np.testing.assert_array_equal(
    built['model'].apply(variables, x), by_hand.apply(variables, x)
  )
  assert 'head' in variables['params']


def test_parameters_grow_with_depth():
  counts = [
    _parameters(_space().build(_ARCH | {'model.stages.0.depth': d})['model'])
    for d in (1, 2, 3)
  ]
  assert counts[1] - counts[0] == counts[2] - counts[1] == 5 * 4 + 4


@pytest.mark.parametrize('shared', [False, True])
def test_parameters_grow_with_the_length_of_a_repeat(shared):
  body = Block(width=3)  # without choices, so that it is built only once
  space = sp.Space(Net(stages=sp.repeat(body, sp.oneof(1, 2, 3), shared)))
  # Sequential calls what it is given, without copying.
  nets = [
    linen.Sequential(space.build({'stages.times': d}).stages) for d in (1, 2, 3)
  ]
  counts = [_parameters(net) for net in nets]
  assert counts == [18, 36, 54]


def test_options_of_two_decisions_share_no_parameters():
  dense = linen.Dense(5)
  layers = [sp.oneof(dense, linen.relu), sp.oneof(dense, linen.gelu)]
  space = sp.Space(linen.Sequential(layers))
  built = space.build({'layers.0': 'Dense', 'layers.1': 'Dense'})
  assert _parameters(built) == 2 * 30


@pytest.mark.parametrize('width', [5, lambda: sp.oneof(5, 7, name='width')])
def test_one_declared_instance_stays_one(width):
  dense = linen.Dense(width if isinstance(width, int) else width())
  space = sp.Space(linen.Sequential([dense, linen.relu, dense]))
  built = space.build({} if isinstance(width, int) else {'width': 5})
  assert built.layers[0] is built.layers[2]
  assert _parameters(built) == 30


def test_equal_archs_build_equal_trees_that_hash():
  space = _space()
  rng = np.random.default_rng(0)
  for _ in range(10):
    arch = space.sample(rng)
    a = space.build(arch)
    b = _space().build(json.loads(json.dumps(arch)))
    assert a == b
    assert hash(a['model']) == hash(b['model'])
    assert hash(a) == hash(b)
  other = space.mutate(arch, rng)
  assert space.build(other) != space.build(arch)


def test_names_are_kept_and_parents_are_not():
  space = sp.Space(Net(stages=[Block(width=sp.oneof(1, 2), name='first')]))
  built = space.build({'stages.0.width': 2})
  assert built.stages[0].name == 'first'
  assert built.stages[0].parent is None
  assert built.parent is None


def test_lists_and_dicts_are_frozen_everywhere():
  space = sp.Space(
    Net(stages=[{'a': [1, {'b': [2]}]}, sp.oneof([3], {'c': [4]})], head=[5])
  )
  for arch in space.grid():
    hash(space.build(arch))
  built = space.build({'stages.1': '[3]'})
  assert built.stages[1] == (3,)
  assert built.stages[0]['a'][1]['b'] == (2,)
  assert built.head == (5,)


def test_the_sample_is_a_function_of_the_seed():
  space = _space()
  archs = [space.sample(np.random.default_rng(i)) for i in (0, 0, 1)]
  assert archs[0] == archs[1] != archs[2]
  assert set(archs[0]) <= set(space.decisions)


def test_inactive_choices_are_absent():
  space = _space()
  rng = np.random.default_rng(0)
  seen = set()
  for _ in range(30):
    arch = space.sample(rng)
    seen.add(arch['model.head'])
    assert ('model.head.Block.width' in arch) == (arch['model.head'] == 'Block')
  assert seen == {'Dense', 'Block', None}


def test_mutate_draws_what_it_activates():
  space = sp.Space({'op': sp.oneof('skip', Block(width=sp.oneof(*range(9))))})
  rng = np.random.default_rng(0)
  new = [space.mutate({'op': 'skip'}, rng) for _ in range(60)]
  assert {arch['op'] for arch in new} == {'Block'}
  assert {arch['op.Block.width'] for arch in new} == set(range(9))


def test_mutate_can_change_everything():
  space = _space()
  rng = np.random.default_rng(0)
  changed = set()
  for _ in range(150):
    new = space.mutate(_ARCH, rng)
    changed |= {key for key in _ARCH if new.get(key, _ARCH[key]) != _ARCH[key]}
  assert changed == set(_ARCH)


def test_crossover_takes_from_both():
  space = sp.Space([sp.oneof(0, 1) for _ in range(8)])
  zeros, ones = ({str(i): v for i in range(8)} for v in (0, 1))
  rng = np.random.default_rng(0)
  children = [space.crossover(zeros, ones, rng) for _ in range(20)]
  assert all(len({c[str(i)] for c in children}) == 2 for i in range(8))


@pytest.mark.parametrize(
  ('change', 'said'),
  [
    ({'model.stages.0.depth': 4}, 'is 4; it must be in oneof.1, 2, 3.'),
    ({'model.stages.0.depth': 2.0}, r'is 2\.0'),
    ({'model.stages.0.depth': [1]}, r'is \[1\]'),
    ({'optim.lr': 3.0}, 'loguniform'),
    ({'optim.lr': None}, 'loguniform'),
    ({'model.stages.0.dept': 1}, "did you mean 'model.stages.0.depth'"),
    ({'quant.bits': ...}, "lacks 'quant.bits'; it must be in oneof.4, 8."),
    (
      {'model.head': 'Dense'},
      "'model.head.Block.width' is inactive because 'model.head' is 'Dense', "
      "not 'Block'",
    ),
  ],
)
def test_check_says_what_is_wrong(change, said):
  arch = {k: v for k, v in (_ARCH | change).items() if v is not ...}
  for method in (_space().check, _space().build, _space().encode):
    with pytest.raises(errors.UserError, match=said) as caught:
      method(arch)
    assert '\n' not in str(caught.value)


def test_check_names_the_length_that_makes_a_layer_inactive():
  space = sp.Space({'s': sp.repeat(sp.oneof(3, 5), sp.oneof(1, 2, 3))})
  with pytest.raises(errors.UserError, match=r"'s.times' is 1, not 2 or 3"):
    space.check({'s.times': 1, 's.0': 3, 's.1': 3})
  with pytest.raises(errors.UserError, match='an arch is a dict'):
    space.check([1, 2])
  with pytest.raises(errors.UserError, match='there are none'):
    sp.Space(3).check({'a': 1})


def test_encode_is_one_hot_and_scaled():
  space = sp.Space(
    {
      'op': sp.oneof('skip', {'k': sp.oneof(3, 5), 'd': sp.intrange(1, 5)}),
      'lr': sp.loguniform(1e-4, 1e-2),
    }
  )
  np.testing.assert_allclose(
    space.encode({'op': 'skip', 'lr': 1e-3}), [1, 0, 0, 0, -1, 0.5]
  )
  arch = {'op': '{k: OneOf, d: IntRange}', 'lr': 1e-2}
  arch |= {f'op.{arch["op"]}.k': 5, f'op.{arch["op"]}.d': 2}
  np.testing.assert_allclose(space.encode(arch), [0, 1, 0, 1, 0.25, 1])
  with pytest.raises(errors.UserError, match=r'shape \(6,\)'):
    space.decode(np.zeros(5))


def test_describe_and_text():
  space = sp.Space(
    {'op': sp.oneof('skip', Block(width=sp.oneof(1, 2))), 'p': sp.uniform(0, 1)}
  )
  assert space.describe() == {
    'size': None,
    'decisions': [
      {
        'key': 'op',
        'kind': 'oneof',
        'options': ['skip', 'Block'],
        'when': None,
      },
      {
        'key': 'op.Block.width',
        'kind': 'oneof',
        'options': [1, 2],
        'when': [{'op': ['Block']}],
      },
      {'key': 'p', 'kind': 'uniform', 'low': 0.0, 'high': 1.0, 'when': None},
    ],
  }
  assert str(space).splitlines() == [
    'Space of infinitely many archs, 3 decisions',
    "  op              oneof('skip', Block)",
    "  op.Block.width  oneof(1, 2) when op = 'Block'",
    '  p               uniform(0.0, 1.0)',
  ]


def test_choices_compare_by_identity():
  a, b = sp.oneof(3, 5), sp.oneof(3, 5)
  assert a == a  # noqa: PLR0124
  assert a != b
  assert len({a, b}) == 2
  assert Block(width=a) == Block(width=a)
  assert 'oneof(3, 5)' in repr(Block(width=a))


def test_importing_is_light():
  code = (
    'import sys, effnas.space, jax\n'
    'heavy = {"ray", "aqt", "tensorflow", "torch"} & set(sys.modules)\n'
    'from jax._src import xla_bridge\n'
    'print(heavy, xla_bridge.backends_are_initialized())'
  )
  said = subprocess.run(
    [sys.executable, '-c', code], capture_output=True, text=True, check=True
  ).stdout
  assert said.strip() == 'set() False'
