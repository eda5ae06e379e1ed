"""Folders of runs, their journals written by hand."""

import json
import pathlib
import random

import pytest

LATENCY = 'latency_ms@tpu_v5e'
NASTY = 'Diverged: </script><b onclick="x()">&amp; {{data}} \u2028 ü'


class Workdir:
  """The folder of a run, as a search leaves it."""

  def __init__(self, path: pathlib.Path, objectives, constraints=None):
    self.path = path
    config = {
      'space': 'effnas.zoo.hybrid:space',
      'data': {'name': 'digits'},
      'footprint': {'targets': [], 'batch': 1},
      'search': {'objectives': objectives, 'constraints': constraints or {}},
    }
    (path / 'config.json').write_text(json.dumps(config))
    (path / 'environment.json').write_text(json.dumps({'python': '3.11.0'}))
    (path / 'trials.jsonl').write_text('')

  def add(self, event, trial, **rest):
    line = {'event': event, 'trial': trial, **rest, 'time': 1.7e9}
    with (self.path / 'trials.jsonl').open('a') as file:
      file.write(json.dumps(line) + '\n')

  def propose(self, trial, latency=0.01, size=10_000, *, sources=None, **more):
    """Proposes a trial; without sources as journals once were.

    More of the footprint goes by names with '@', choices by others.
    """
    footprint = {
      'params': size,
      'macs': int(latency * 1e8),
      'size_bytes': size,
      LATENCY: latency,
    }
    footprint |= {name: v for name, v in more.items() if '@' in name}
    arch = {'model.stages.0.block.kernel': 3, 'optim.lr': 0.0131234}
    arch |= {name: v for name, v in more.items() if '@' not in name}
    said = {} if sources is None else {'sources': sources}
    self.add('proposed', trial, arch=arch, footprint=footprint, **said)

  def finish(self, trial, accuracy):
    self.add('done', trial, metrics={'accuracy': accuracy, 'seconds': 1.5})


@pytest.fixture
def make(tmp_path):
  def build(objectives=('accuracy', LATENCY), constraints=None):
    return Workdir(tmp_path, list(objectives), constraints)

  return build


@pytest.fixture
def study(make):
  """Thirty trials of two objectives: some tied, failed, unfinished, tested."""
  work = make(constraints={'size_bytes': 90_000})
  draw = random.Random(0)
  for i in range(30):
    work.propose(i, 10 ** draw.uniform(-3, -1), draw.randrange(10**3, 10**5))
    work.add('reported', i, epoch=1, metrics={'accuracy': 0.111})
    if i % 10 == 4:
      work.add('failed', i, reason=f'{NASTY} {i}')
    elif i < 28:
      work.finish(i, round(draw.uniform(0.5, 1), 2))
  for i in (0, 1, 2):
    work.add('tested', i, metrics={'test_accuracy': 0.1 + i / 7})
  return work


RATE, MEMORY = 'throughput@a100:128', 'peak_memory_bytes@tpu_v5e'
FITTED = 'calibrated (n=601, error 0.52 %), bfloat16, batch 128'
OUTSIDE = f'{FITTED}, outside of the measured range'
SHEET = 'datasheet, int8, batch 1'
COMPILED = 'compiled (libtpu 0.0.42), batch 1'


@pytest.fixture
def sourced(make):
  """Three trials on the front with sources; the last one did not compile."""
  work = make(['accuracy', RATE], {RATE: 1000})
  for i, text in enumerate((FITTED, OUTSIDE, FITTED)):
    rate = {RATE: 4310.0 - 1500 * i}
    sources = {RATE: text, LATENCY: SHEET, MEMORY: COMPILED}
    work.propose(i, sources=sources, **rate)
    work.finish(i, 0.9 + i / 100)
  for i in (0, 1):
    found = {'test_accuracy': 0.9, MEMORY: 12_345_678 + i}
    work.add('tested', i, metrics=found)
  said = {'failed_to_compile@tpu_v5e': 'libtpu crashed (SIGSEGV)'}
  work.add('tested', 2, metrics={'test_accuracy': 0.9, **said})
  return work
