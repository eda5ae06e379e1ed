"""Operation classes against the whole network's counts, weights by bits."""

from flax import linen
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors, quant, zoo
from effnas.footprint import network, weights
from effnas.footprint.classes import OperationClass, classes, weight_bits
from effnas.footprint.latency import features
from effnas.nn import rewrite

FAMILIES = ('mobilenet_v2', 'deit', 'decoder', 'shufflenet_v2')
UNITS = {
  'macs': ('macs', 1),
  'operations': ('operations', 1),
  'reads': ('bytes_read', 4),
  'writes': ('bytes_written', 4),
  'weights': ('weight_bytes', 4),
  'launches': ('launches', 1),
}


def _of(family, batch):
  found = zoo.miniatures()[family]
  return classes(
    found.build(), found.input_shape, batch=batch, input_dtype=found.input_dtype
  )


@pytest.mark.parametrize('family', FAMILIES)
def test_classes_add_up_to_the_network(family):
  found = zoo.miniatures()[family]
  net, takes = found.build(), {'input_dtype': found.input_dtype}
  rows = classes(net, found.input_shape, batch=3, **takes)
  one = network.measure(net, found.input_shape, **takes)
  assert sum(row.macs for row in rows) == 3 * one['macs'] > 0
  by_kind = {row.kind: row for row in rows}
  assert len(by_kind) == len(rows)
  # The same as what a cost model gives prices to.
  priced = network.quantities(net, found.input_shape, batch=3, **takes)
  for name, quantity in zip(features.NAMES, priced, strict=True):
    kind, _, what = name.partition('.')
    if what:
      field, unit = UNITS[what]
      own = getattr(by_kind[kind], field) if kind in by_kind else 0
      assert own == unit * quantity, name
    elif kind == 'fixed':
      assert sum(row.other_bytes for row in rows) == quantity


@pytest.mark.parametrize('family', FAMILIES)
def test_intensity_is_operations_over_all_bytes(family):
  rows = _of(family, 2)
  total = rows[0].total(rows)
  for row in (*rows, total):
    moved = sum((row.bytes_read, row.bytes_written, row.weight_bytes))
    done = 2 * row.macs + row.operations
    assert row.intensity == done / (moved + row.other_bytes)
    assert row.intensity > 0 or row.kind == 'data'
  assert total.kind == 'total'
  assert total.macs == sum(row.macs for row in rows)
  assert total.launches == sum(row.launches for row in rows)


def test_a_batch_reads_its_weights_once():
  one, many = _of('mobilenet_v2', 1), _of('mobilenet_v2', 16)
  assert [row.kind for row in one] == [row.kind for row in many]
  for a, b in zip(one, many, strict=True):
    assert b.macs == 16 * a.macs
    assert b.bytes_read + b.bytes_written == 16 * (
      a.bytes_read + a.bytes_written
    )
    assert b.weight_bytes == a.weight_bytes
    assert b.launches == a.launches
  dense = {row.kind: row for row in one}, {row.kind: row for row in many}
  assert dense[1]['dense'].intensity > 4 * dense[0]['dense'].intensity


def test_indices_are_other_bytes():
  (length,) = zoo.miniatures()['decoder'].input_shape
  found = [row.other_bytes for row in _of('decoder', 2)]
  assert sum(found) == 4 * 2 * length
  assert not any(row.other_bytes for row in _of('deit', 2))


def test_a_layer_by_hand():
  conv = linen.Conv(8, (1, 1), use_bias=False)
  (row,) = classes(conv, (6, 6, 4), batch=2)
  pixels = 2 * 36
  assert row == OperationClass(
    kind='pointwise',
    macs=pixels * 32,
    operations=0,
    bytes_read=4 * pixels * 4,
    bytes_written=4 * pixels * 8,
    weight_bytes=4 * 32,
    other_bytes=0,
    launches=1,
    intensity=2 * pixels * 32 / (4 * (pixels * 12 + 32)),
  )


@pytest.mark.parametrize('batch', [0, -1])
def test_a_batch_is_positive(batch):
  with pytest.raises(errors.UserError, match=f'batch {batch}'):
    classes(linen.Dense(2), (3,), batch=batch)


def test_bits_of_a_converted_network_are_its_file():
  model = zoo.miniatures()['mobilenet_v2'].build()
  shape = zoo.miniatures()['mobilenet_v2'].input_shape
  rules = quant.rules(8, patterns={'classifier': 4})
  net = rewrite.Rewritten(model, rules)
  shapes = rewrite.abstract_variables(net, shape)
  variables = linen.meta.unbox(_zeros(shapes))
  integer = quant.convert(net, variables, shape)[1]
  for given in (variables, integer):
    data = weights.serialize(given)
    header = 8 + int.from_bytes(data[:8], 'little')
    assert sum(weight_bits(given).values()) == len(data) - header
  assert list(weight_bits(variables)) == [32]
  found = weight_bits(integer)
  assert list(found) == [32, 8, 4]
  kernel = variables['params']['classifier']['kernel']
  assert found[4] == kernel.size / 2


def test_widths_of_every_kind():
  arrays = {
    name: np.zeros(3, jnp.dtype(name))
    for name in ('int4', 'uint8', 'bool', 'bfloat16', 'float8_e5m2', 'float32')
  }
  assert weight_bits(arrays) == {32: 12, 16: 6, 8: 9, 4: 2}


def _zeros(tree):
  if isinstance(tree, dict):
    return {name: _zeros(value) for name, value in tree.items()}
  return np.zeros(tree.shape, tree.dtype)
