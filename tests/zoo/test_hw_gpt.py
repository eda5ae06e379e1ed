"""HW-GPT-Bench's space: its table's rows, parameters and MACs, exactly."""

import csv
import functools
import gzip
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors, footprint
from effnas import space as sp
from effnas.zoo import hw_gpt

SHARED = pathlib.Path(__file__).parents[2].parent / 'shared' / 'data'
TABLE = SHARED / 'hw_gpt_bench_s_dev.csv.gz'
TOKENS = 1024
SEQUENCES = 8


@pytest.fixture(scope='module')
def rows():
  if not TABLE.is_file():
    pytest.skip(f'no table at {TABLE}')
  with gzip.open(TABLE, 'rt') as stream:
    return list(csv.DictReader(stream))


@functools.cache
def _layer(features, heads, mlp, bias):
  """Traces one layer: its parameters, and MACs without attention's products."""
  layer = hw_gpt.hw_gpt(features, (heads,), (mlp,), bias).blocks[0]
  counted = footprint.measure(layer, (TOKENS, features))
  return counted['params'], counted['macs'] - _products(heads)


@functools.cache
def _rest(features):
  """Traces what a network is without layers."""
  net = hw_gpt.hw_gpt(features, (), ())
  counted = footprint.measure(net, (TOKENS,), input_dtype='int32')
  return counted['params'], counted['macs']


def _products(heads):
  """MACs of queries by keys and weights by values, which the table lacks."""
  return 2 * TOKENS**2 * heads * 64


def test_rows_become_archs_and_come_back(rows):
  space = hw_gpt.space()
  for row in rows:
    arch = hw_gpt.arch(row)
    space.check(arch)
    back = hw_gpt.row(arch)
    assert hw_gpt.arch(back) == arch
    depth = int(row['n_layer'])
    for column in ('n_head', 'mlp_ratio'):
      assert back[column].split() == row[column].split()[:depth]
    for column in ('embed_dim', 'n_layer', 'bias'):
      assert back[column] == row[column]


def test_parameters_and_macs_of_all_rows_are_the_sums_of_traced_layers(rows):
  assert len(rows) == 1500
  for row in rows:
    features = int(row['embed_dim'])
    heads, ratios = (
      map(int, row[column].split()[: int(row['n_layer'])])
      for column in ('n_head', 'mlp_ratio')
    )
    parts = [_rest(features)] + [
      _layer(features, *numbers, row['bias'] == 'True')
      for numbers in zip(heads, ratios, strict=True)
    ]
    params, macs = np.sum(parts, axis=0)
    assert params == int(row['params'])
    assert SEQUENCES * macs == int(row['macs'])


@pytest.mark.parametrize('index', [0, 1, 3])
def test_whole_networks_are_what_the_table_says(rows, index):
  arch = hw_gpt.arch(rows[index])
  net = hw_gpt.space().build(arch)['model']
  counted = footprint.measure(net, (TOKENS,), input_dtype='int32')
  products = sum(_products(block.attention.heads) for block in net.blocks)
  assert counted['params'] == int(rows[index]['params'])
  assert SEQUENCES * (counted['macs'] - products) == int(rows[index]['macs'])


@pytest.mark.parametrize(('scale', 'depth'), [('s', 12), ('m', 24), ('l', 36)])
def test_the_largest_network_is_a_point_of_its_space(scale, depth):
  net = hw_gpt.networks()[f'hw_gpt_{scale}'].build()
  arch = {
    'model.features': net.features,
    'model.blocks.times': depth,
    'bias': True,
  }
  for i in range(depth):
    arch[f'model.blocks.{i}.attention.heads'] = net.blocks[0].attention.heads
    arch[f'model.blocks.{i}.mlp'] = 4
  assert hw_gpt.space(scale).build(arch)['model'] == net
  assert hw_gpt.arch(hw_gpt.row(arch)) == arch


def test_the_layers_that_an_arch_lacks_are_no_choices_of_it():
  space = hw_gpt.space()
  rng = np.random.default_rng(0)
  for _ in range(5):
    arch = space.sample(rng)
    depth = arch['model.blocks.times']
    assert len(arch) == 3 + 2 * depth
    assert len(space.build(arch)['model'].blocks) == depth
  assert space.size == 6 * (9**10 + 9**11 + 9**12)


def test_the_supernet_is_tied_and_has_two_matrices_a_perceptron():
  arch = hw_gpt.space().sample(np.random.default_rng(1))
  profiled = hw_gpt.space().build(arch)['model']
  supernet = hw_gpt.space(gated=False, tied=True).build(arch)['model']
  features = arch['model.features']
  less = features * 50254
  for i in range(arch['model.blocks.times']):
    hidden = features * arch[f'model.blocks.{i}.mlp']
    less += features * hidden + arch['bias'] * hidden
  counts = [
    footprint.measure(net, (16,), input_dtype='int32')['params']
    for net in (profiled, supernet)
  ]
  assert counts[0] - counts[1] == less


def test_what_cannot_be_is_refused_in_one_line():
  with pytest.raises(errors.UserError, match='an entry for each layer'):
    hw_gpt.hw_gpt(heads=(4,), mlp=(2, 2))
  with pytest.raises(errors.UserError, match='scale'):
    hw_gpt.space('xl')
  with pytest.raises(errors.UserError):
    hw_gpt.space().check({'model.features': 200})
  assert isinstance(hw_gpt.space('m'), sp.Space)


def test_positions_see_the_order_of_earlier_ones_and_no_later_one():
  # One layer: a second one would see the order in the first one's sums.
  net = hw_gpt.miniature().build(heads=(2,), mlp=(2,))
  x = jnp.arange(16)[None] % 10
  variables = jax.jit(net.init)(jax.random.key(0), x)
  logits = net.apply(variables, x)
  later = net.apply(variables, x.at[0, 9].set(3))
  np.testing.assert_array_equal(logits[:, :9], later[:, :9])
  swapped = net.apply(variables, x.at[0, 2].set(4).at[0, 4].set(2))
  assert jnp.abs(logits - swapped)[0, 9].max() > 1e-5
