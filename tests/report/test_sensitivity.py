"""sensitivity.csv gives the numbers back; sensitivity.png shows them all."""

import csv

import numpy as np
from PIL import Image
import pytest

from effnas import strategy
from effnas.report import sensitivity

BLUE, RED = (0x0B, 0x63, 0xCE), (0xC2, 0x36, 0x2B)


def _found(layers=6, bits=(8, 4, 2), scale=1.0):
  rng = np.random.default_rng(0)
  paths = [f'stages_{i}/block/conv' for i in range(layers)]
  rows = []
  for path in paths:
    for width in bits:
      increase = float(scale * (rng.normal(0, 1e-3) + 2.0 ** -(2 * width)))
      row = strategy.Row(path, width, 0.9 - increase, 0.3 + increase, increase)
      rows.append(row)
  weights = {path: int(rng.integers(100, 90_000)) for path in paths}
  return strategy.Sensitivity(0.9, 0.3, 1000, 8, weights, tuple(rows))


def _count(path, colour):
  with Image.open(path) as image:
    pixels = np.asarray(image.convert('RGB'))
  return int((pixels == colour).all(-1).sum()), pixels.shape


def test_the_table_gives_the_very_numbers_back(tmp_path):
  found = _found()
  table, _ = sensitivity.write(found, tmp_path)
  with table.open() as file:
    first, *rows = csv.DictReader(file)
  assert (first['layer'], first['bits'], first['increase']) == ('', '32', '0.0')
  assert float(first['loss']) == found.loss
  assert int(first['weights']) == sum(found.weights.values())
  for line, row in zip(rows, found.rows, strict=True):
    assert (line['layer'], int(line['bits'])) == (row.path, row.bits)
    assert int(line['weights']) == found.weights[row.path]
    for name in ('accuracy', 'loss', 'increase'):
      assert float(line[name]) == getattr(row, name)


@pytest.mark.parametrize('layers', [1, 6, 70])
def test_each_width_has_its_dots(tmp_path, layers):
  _, picture = sensitivity.write(_found(layers), tmp_path)
  for colour in (BLUE, RED):
    dots, shape = _count(picture, colour)
    assert dots > 30 * layers
  _, without = sensitivity.write(_found(layers, (8, 4)), tmp_path)
  assert _count(without, RED)[0] == 0
  assert shape[0] > 20 * layers


def test_all_zero_and_all_better_can_be_drawn(tmp_path):
  for scale in (0.0, -1.0):
    _, picture = sensitivity.write(_found(scale=scale), tmp_path)
    assert _count(picture, BLUE)[0] > 30


def test_chosen_widths_are_marked(tmp_path):
  found = _found()
  ink = (0x1F, 0x29, 0x33)
  _, plain = sensitivity.write(found, tmp_path)
  before, _ = _count(plain, ink)
  _, marked = sensitivity.write(
    found, tmp_path, dict.fromkeys(found.weights, 4)
  )
  assert _count(marked, ink)[0] > before + 6 * 30
  # Equal input, equal bytes.
  once = marked.read_bytes()
  sensitivity.write(found, tmp_path, dict.fromkeys(found.weights, 4))
  assert marked.read_bytes() == once
