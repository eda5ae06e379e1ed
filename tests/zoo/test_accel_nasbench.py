"""The networks of Accel-NASBench are those of its table."""

import csv
import dataclasses
import functools
import math
import pathlib

import jax
import pytest

from effnas import errors, footprint, jaxprs, space
from effnas.nn import layers, rewrite
from effnas.zoo import accel_nasbench

TABLE = pathlib.Path(__file__).parents[3] / 'shared/data/accel_nasbench_dev.csv'
SPACE = accel_nasbench.space()


@pytest.fixture(scope='module')
def rows():
  if not TABLE.exists():
    pytest.skip('the table of Accel-NASBench is not here')
  with TABLE.open() as file:
    return list(csv.DictReader(file))


@dataclasses.dataclass(frozen=True)
class Size:
  """What the table's counter adds up.

  Its MACs are those of convolutions and dense layers, four for each element
  that a normalisation gives, and one for each that a pooling sums or gives.
  """

  params: int
  macs: int
  normalised: int
  pooled: int

  def __add__(self, other):
    return Size(
      *map(sum, zip(*map(dataclasses.astuple, (self, other)), strict=True))
    )

  def __neg__(self):
    return Size(*(-n for n in dataclasses.astuple(self)))

  @property
  def columns(self):
    macs = self.macs + 4 * self.normalised + self.pooled
    return round(self.params / 1e6, 6), round(macs / 1e6, 6)


@functools.cache
def _size(net, shape):
  """(size, shape of the output) of a module on one example."""
  found = footprint.measure(net, shape)
  variables = rewrite.abstract_variables(net, shape)
  apply = functools.partial(
    net.apply,
    capture_intermediates=lambda m, _: isinstance(m, layers.Norm),
    mutable=['intermediates'],
  )
  x = jax.ShapeDtypeStruct((1, *shape), 'float32')
  traced, (y, state) = jax.make_jaxpr(apply, return_shape=True)(variables, x)
  size = Size(
    found['params'],
    found['macs'],
    sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(state)),
    sum(_sums(traced)),
  )
  return size, y.shape[1:]


def _sums(jaxpr):
  """Elements read and written by each sum, those inside of calls too."""
  for equation in jaxprs.read(jaxpr).equations:
    if jaxprs.name(equation) == 'reduce_sum':
      operands = (*equation.invars, *equation.outvars)
      yield sum(math.prod(operand.aval.shape) for operand in operands)
    inner = jaxprs.called(equation)
    if inner is not None:
      yield from _sums(inner)


def _stages(model):
  """Sum over the blocks, each on what the one before gives.

  There are only 168 that differ, but 601 networks.
  """
  total, shape = Size(0, 0, 0, 0), (112, 112, 32)
  for stage in model.stages:
    for i in range(stage.depth):
      stride = stage.stride if i == 0 else 1
      block = stage.block.copy(features=stage.features, stride=stride)
      size, shape = _size(block, shape)
      total += size
  return total


def _built(row):
  return SPACE.build(accel_nasbench.arch(row))['model']


def _published(row):
  return float(row['params']), float(row['macs'])


@pytest.mark.parametrize('step', [300, pytest.param(1, marks=pytest.mark.slow)])
def test_rows_have_the_published_sizes(rows, step):
  first = _built(rows[0])
  ends = _size(first, (224, 224, 3))[0] + -_stages(first)
  wrong = [
    i
    for i, row in enumerate(rows[::step])
    if (ends + _stages(_built(row))).columns != _published(row)
  ]
  assert len(rows) == 601
  assert wrong == []


def test_whole_networks_have_the_published_sizes(rows):
  for row in rows[100::300]:
    size, _ = _size(_built(row), (224, 224, 3))
    assert size.columns == _published(row)


def test_rows_and_archs_are_each_others_inverse(rows):
  for row in rows:
    arch = accel_nasbench.arch(row)
    SPACE.check(arch)
    columns = {k: v for k, v in row.items() if k.startswith('block')}
    assert accel_nasbench.row(arch) == columns


def test_the_builder_gives_points_of_the_space():
  blocks = ((1, 3, 1, False), (4, 5, 2, True), *[(6, 3, 3, False)] * 5)
  row = {
    f'block{i}_{name}': str(value)
    for i, block in enumerate(blocks)
    for name, value in zip(('e', 'k', 'l', 'se'), block, strict=True)
  }
  assert _built(row) == accel_nasbench.accel_nasbench(blocks)


def test_the_space_is_the_published_one():
  # Expansion, kernel and gate of seven blocks; layers, of which the sixth
  # block has up to four.
  assert SPACE.size == (3 * 2 * 2) ** 7 * 3**6 * 4
  assert space.load('effnas.zoo.accel_nasbench:space').size == SPACE.size


@pytest.mark.parametrize('value', [None, '2', 'four'])
def test_a_wrong_row_is_refused_by_its_column(value):
  good = accel_nasbench.row(SPACE.walk(lambda _, choice: choice.values()[0]))
  SPACE.check(accel_nasbench.arch(good))
  row = {**good, 'block3_e': value}
  if value is None:
    del row['block3_e']
  with pytest.raises(errors.UserError, match=r'block3_e .* 1, 4, 6; got'):
    accel_nasbench.arch(row)


def test_seven_blocks_are_needed():
  with pytest.raises(errors.UserError, match='seven blocks'):
    accel_nasbench.accel_nasbench(((1, 3, 1, False),))
