"""Look-up tables: whole archs by a space's rows, networks by their blocks."""

import csv

from flax import linen
import jax
import pytest

from effnas import errors, zoo
from effnas.footprint import measured
from effnas.footprint.measured import keys
from effnas.nn.blocks import mbconv
from effnas.zoo import hw_gpt, nasbench201

# Rows of the latencies of HELP (Lee et al., 2021) for NAS-Bench-201.
CELLS = (
  (
    '|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|'
    '+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|',
    9.0,
  ),
  (nasbench201.BEST, 25.0),
)


@pytest.fixture
def write(tmp_path):
  def write(columns, rows):
    path = tmp_path / 'table.csv'
    with path.open('w', newline='') as file:
      writer = csv.writer(file)
      writer.writerows([columns, *rows])
    return str(path)

  return write


def test_an_arch_is_found_by_its_row(write):
  path = write(('arch_str', 'lat_ms_pixel2'), CELLS)
  table = measured.Table.read(path, 'arch_str', 'lat_ms_pixel2')
  for cell, ms in CELLS:
    arch = nasbench201.arch({'arch_str': cell})
    assert table.arch(nasbench201.row(arch)) == ms
  other = nasbench201.row(
    nasbench201.arch({'arch_str': CELLS[1][0].replace('1x1', '3x3')})
  )
  with pytest.raises(errors.UserError, match='has no latency of '):
    table.arch(other)
  with pytest.raises(errors.UserError, match='looked up by arch_str'):
    table.arch({'block0_e': '3'})


def test_keys_of_several_columns(write):
  path = write(('width', 'depth', 'ms'), [(8, 2, 1.5), (8, 3, 2.0)])
  table = measured.Table.read(path, ('width', 'depth'), 'ms')
  assert table.arch({'depth': 3, 'width': '8', 'other': 1}) == 2.0
  with pytest.raises(errors.UserError, match='one column'):
    table.network(linen.Dense(1), (2,))


def test_a_table_may_write_an_arch_in_several_forms(write):
  # HW-GPT-Bench goes on past the last layer.
  columns = ('embed_dim', 'n_layer', 'n_head', 'mlp_ratio', 'bias', 'ms')
  row = ('384', '10', ' '.join('4' * 12), ' '.join('2' * 12), 'True', 8.5)
  path = write(columns, [row])
  arch = hw_gpt.arch(dict(zip(columns, row, strict=True)))
  key = columns[:-1]
  as_written = measured.Table.read(path, key, 'ms')
  with pytest.raises(errors.UserError, match='no latency of 384, 10, 4 4'):
    as_written.arch(hw_gpt.row(arch))
  table = measured.Table.read(
    path, key, 'ms', lambda r: hw_gpt.row(hw_gpt.arch(r))
  )
  assert table.arch(hw_gpt.row(arch)) == 8.5


def test_rows_without_a_latency_are_counted(write):
  path = write(('arch', 'ms'), [('a', ''), ('b', 'nan'), ('c', 3)])
  table = measured.Table.read(path, 'arch', 'ms')
  assert (table.missing, dict(table.milliseconds)) == (2, {('c',): 3.0})


def test_repeated_measurements_are_one(write):
  path = write(('arch', 'ms'), [('a', 10), ('b', 1), ('a', 10.5), ('a', 10.2)])
  table = measured.Table.read(path, 'arch', 'ms')
  assert dict(table.milliseconds) == {('a',): 10.2, ('b',): 1.0}


@pytest.mark.parametrize(
  ('rows', 'key', 'said'),
  [
    ([('a', 1), ('a', 2)], 'arch', 'row 1 of .* repeats the key a'),
    ([('a', 'fast')], 'arch', "row 0 of .*ms must be .* got 'fast'"),
    ([('a', -1)], 'arch', 'above 0'),
    ([('a', 0)], 'arch', 'above 0'),
    ([('a', 'inf')], 'arch', 'above 0'),
    ([('a', 1)], 'arc', "unknown column of .* did you mean 'arch'"),
    ([], 'arch', 'no rows'),
  ],
)
def test_bad_tables_are_one_line(write, rows, key, said):
  path = write(('arch', 'ms'), rows)
  with pytest.raises(errors.UserError, match=said):
    measured.Table.read(path, key, 'ms')


def _miniature():
  network = zoo.miniatures()['mobilenet_v2']
  return network.build(), network.input_shape


def _leaves(net, shape):
  return [b for b in keys.blocks(net, shape) if b.params]


def test_a_network_is_the_sum_of_its_blocks(write):
  net, shape = _miniature()
  leaves = _leaves(net, shape)
  by_key = {b.key: 1.0 + i for i, b in enumerate(leaves)}
  table = measured.Table.read(write(('key', 'ms'), by_key.items()), 'key', 'ms')
  assert table.network(net, shape) == sum(by_key[b.key] for b in leaves)


def test_an_outer_block_counts_once_as_a_whole(write):
  net, shape = _miniature()
  rows = {b.key: 1.0 for b in _leaves(net, shape)}
  inner = measured.Table.read(write(('key', 'ms'), rows.items()), 'key', 'ms')
  outer = [
    b for b in keys.blocks(net, shape) if '"block": "MBConv"' in b.key[:18]
  ]
  assert len(outer) > 1
  rows |= {b.key: 100.0 for b in outer}
  # What lies in these blocks is not added to them.
  path = write(('key', 'ms'), rows.items())
  found = measured.Table.read(path, 'key', 'ms').network(net, shape)
  within = sum(
    any(b.path.startswith(f'{o.path}/') for o in outer)
    for b in _leaves(net, shape)
  )
  assert within
  expected = inner.network(net, shape) - within + 100 * len(outer)
  assert found == expected


def test_a_missing_block_is_named_as_a_whole(write):
  net, shape = _miniature()
  whole = [
    b for b in keys.blocks(net, shape) if '"block": "MBConv"' in b.key[:18]
  ]
  gone = whole[1]
  rows = {b.key: 1.0 for b in whole if b.key != gone.key}
  stem_and_head = [
    b for b in _leaves(net, shape) if not b.path.startswith('stages')
  ]
  rows |= {b.key: 1.0 for b in stem_and_head}
  said = _said(write(('key', 'ms'), rows.items()), net, shape)
  assert said.endswith(f'has no latency of {gone.path}: {gone.key}')


def test_a_missing_layer_is_named(write):
  net, shape = _miniature()
  *rest, gone = _leaves(net, shape)
  rows = {b.key: 1.0 for b in rest}
  said = _said(write(('key', 'ms'), rows.items()), net, shape)
  assert said.endswith(f'has no latency of {gone.path}: {gone.key}')
  said = _said(write(('key', 'ms'), [('conv 3x3', 1)]), net, shape)
  assert f'{rest[0].path}: {rest[0].key} and' in said


def _said(path, net, shape):
  table = measured.Table.read(path, 'key', 'ms')
  with pytest.raises(errors.UserError) as error:
    table.network(net, shape)
  assert '\n' not in str(error.value)
  return str(error.value)


def test_keys_tell_what_a_latency_depends_on():
  def key(shape=(8, 8, 4), **fields):
    return keys.of(mbconv.MBConv(features=8, **fields), [shape])

  assert key() == key(kernel=3, name='other')
  assert len({key(), key(kernel=5), key((4, 4, 4)), key(act=jax.nn.relu)}) == 4
  assert ' at 0x' not in key(act=jax.nn.relu)


def test_json_keys_are_equal_whatever_their_form(write):
  row = '{"input":[[4]],"fields":{"features":8},  "block":"Dense"}'
  table = measured.Table.read(write(('key', 'ms'), [(row, 2)]), 'key', 'ms')
  assert table.network(linen.Dense(8), (4,)) == 2.0


def test_every_call_of_a_shared_module_counts(write):
  class Twice(linen.Module):
    @linen.compact
    def __call__(self, x):
      dense = linen.Dense(4, name='shared')
      return dense(dense(x))

  key = keys.of(linen.Dense(4), [(4,)])
  table = measured.Table.read(write(('key', 'ms'), [(key, 3)]), 'key', 'ms')
  assert table.network(Twice(), (4,)) == 6.0
