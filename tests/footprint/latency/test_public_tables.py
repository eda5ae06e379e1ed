"""Fifty measured networks tell the order of all others, on public tables.

`python experiments/accel_nasbench/run.py` makes the whole table.
"""

import pathlib

import numpy as np
import pytest

from effnas import footprint
from effnas.footprint import tables
from effnas.footprint.latency import calibrate, device, features
from effnas.zoo import accel_nasbench, hw_gpt

DATA = pathlib.Path(__file__).parents[4] / 'shared' / 'data'


def _rows(name, number):
  path = DATA / name
  if not path.is_file():
    pytest.skip(f'needs {name}, which is not part of effnas')
  return tables.read(str(path))[:number]


def _median(quantities, ms, on, kind, splits):
  prior = features.prior(device.load(on))
  found = calibrate.few_shot(quantities, ms, prior, kind, splits=splits)
  return np.median([f.spearman for f in found])


@pytest.mark.parametrize(
  ('number', 'splits', 'bars'),
  [
    (120, 4, (0.999, 0.997, 0.96, 0.93)),
    pytest.param(
      601, 100, (0.9995, 0.998, 0.970, 0.940), marks=pytest.mark.slow
    ),
  ],
)
def test_accel_nasbench(number, splits, bars):
  rows = _rows('accel_nasbench_dev.csv', number)
  space = accel_nasbench.space()
  archs = [accel_nasbench.arch(row) for row in rows]
  counted = {
    batch: footprint.quantities(space, archs, (224, 224, 3), batch=batch)
    for batch in (64, 128)
  }
  columns = {
    'a100': ('throughput_a100.mean', 128),
    'rtx3090': ('throughput_3090.mean', 128),
    'tpu_v2': ('throughput_tpuv2.mean', 64),
    'tpu_v3': ('throughput_tpuv3.mean', 128),
  }
  for (name, (column, batch)), bar in zip(columns.items(), bars, strict=True):
    kept, ms = calibrate.milliseconds(rows, column, 'throughput', batch)
    assert (
      _median(counted[batch][kept], ms, name, 'throughput', splits) > bar
    ), name


@pytest.mark.slow
def test_hw_gpt():
  rows = _rows('hw_gpt_bench_s_dev.csv.gz', 300)
  counted = footprint.quantities(
    hw_gpt.space(),
    [hw_gpt.arch(row) for row in rows],
    (1024,),
    batch=8,
    input_dtype='int32',
  )
  for name, bar in (('a100', 0.999), ('v100', 0.985), ('rtx3080', 0.99)):
    kept, ms = calibrate.milliseconds(rows, f'lat_ms_{name}', 'latency', 8)
    assert _median(counted[kept], ms, name, 'latency', 10) > bar, name
