import dataclasses

import numpy as np
from PIL import Image
import pytest

from effnas import report
from effnas.report import plot, summary

LATENCY = 'latency_ms@tpu_v5e'


def drawn(path) -> np.ndarray:
  with Image.open(path / 'pareto.png') as image:
    image.verify()
  with Image.open(path / 'pareto.png') as image:
    return np.asarray(image.convert('RGB'))


def blue(pixels: np.ndarray) -> int:
  return int((pixels == (0x0B, 0x63, 0xCE)).all(axis=-1).sum())


@pytest.mark.parametrize(
  'objectives',
  [
    ['accuracy'],
    ['accuracy', LATENCY],
    ['size_bytes', 'accuracy'],
    [LATENCY, 'size_bytes'],
    ['accuracy', LATENCY, 'size_bytes'],
    ['accuracy', 'throughput@a100:8'],
  ],
)
@pytest.mark.parametrize('values', ['single', 'equal', 'apart'])
def test_a_picture_for_every_study(make, objectives, values):
  work = make(objectives, {'size_bytes': 50_000})
  for i in range(1 if values == 'single' else 8):
    apart = i if values == 'apart' else 0
    rate = {'throughput@a100:8': 300.0 * 2**apart}
    work.propose(i, 0.001 * 3**apart, 1_000 * 2**apart, **rate)
    work.finish(i, 0.5 + 0.05 * apart)
  report.write(work.path)
  pixels = drawn(work.path)
  assert pixels.shape == (750, 1200, 3)
  assert 500 < (pixels < 250).any(axis=-1).sum() < pixels[..., 0].size / 4
  if len(objectives) < 3:
    assert blue(pixels) > 50


def test_without_a_finished_trial_it_says_so(make):
  work = make()
  work.propose(0)
  report.write(work.path)
  pixels = drawn(work.path)
  assert blue(pixels) == 0
  assert (pixels < 200).any()


def test_quality_stands_upwards(make):
  for objectives, axes in (
    (['accuracy', LATENCY], (LATENCY, 'accuracy')),
    ([LATENCY, 'accuracy'], (LATENCY, 'accuracy')),
    (['macs', 'params'], ('params', 'macs')),
  ):
    assert summary.axes(report.read(make(objectives).path)) == axes


def test_log_axis_where_the_range_is_wide():
  assert plot.is_log([1.0, 31.0])
  assert not plot.is_log([1.0, 30.0])
  assert not plot.is_log([-1.0, 100.0])
  assert not plot.is_log([0.0, 100.0])


@pytest.mark.parametrize('objectives', [['accuracy', 'size_bytes'], ['loss']])
def test_numbers_beyond_any_axis_are_left_out_and_counted(make, objectives):
  work = make(objectives)
  for i, value in enumerate((8e307, 5e-324, -8e307, 1.0, 2.0)):
    size = {'size_bytes': abs(value)}
    work.add('proposed', i, arch={'model.layers.²': i}, footprint=size)
    work.add('done', i, metrics={'accuracy': 0.5 + i / 10, 'loss': value})
  whole = report.read(work.path)
  picture = plot.picture(whole)
  assert picture.startswith(b'\x89PNG')
  assert report.write(work.path).sentence().startswith('5 trials: 5 done')
  few = dataclasses.replace(whole, rows=whole.rows[:3])
  assert plot.picture(few) != picture
