"""Every sampler in the smoke form of a shipped config, by command line."""

import importlib
import inspect
import json
import pathlib

import numpy as np
import pytest

from effnas.cli import main
from effnas.search import samplers

_ROOT = pathlib.Path(__file__).parents[3]
_WEIGHTS = {'accuracy': 1, 'latency_ms@tpu_v5e': 0.1}
# So few trials come before it looks at results; and networks that compile fast.
_EARLY = {'initial': 2, 'population': 2}
_SMALL = {'widths': (8,), 'depths': (1,), 'kernels': (3,), 'expansions': (2,)}


@pytest.fixture(scope='module')
def shared(tmp_path_factory):
  """A folder for what all of these tests may use: images, compiled programs."""
  rng = np.random.default_rng(0)
  root = tmp_path_factory.mktemp('cifar10')
  folder = root / 'cifar-10-batches-bin'
  folder.mkdir()
  for name in (*(f'data_batch_{i}' for i in range(1, 6)), 'test_batch'):
    records = rng.integers(0, 256, (100, 3073), np.uint8)
    records[:, 0] %= 10
    (folder / f'{name}.bin').write_bytes(records.tobytes())
  return root


@pytest.fixture(autouse=True)
def _own_cache(shared, monkeypatch):
  """One for all samplers, in place of one for each test."""
  monkeypatch.setenv('XDG_CACHE_HOME', str(shared / 'cache'))


def _arguments(name):
  """Its own arguments: soon at work, and with one objective out of two."""
  module = importlib.import_module(f'{samplers.__name__}.{name}')
  known = inspect.signature(module.propose).parameters
  args = {key: value for key, value in _EARLY.items() if key in known}
  if 'scalarise' in known:
    args['scalarise'] = {'weights': _WEIGHTS}
  return args


@pytest.mark.slow
@pytest.mark.parametrize('name', samplers.names())
def test_the_smoke_search_runs(name, shared, tmp_path, monkeypatch, capsys):
  if name == 'optuna':
    pytest.importorskip('optuna', reason='Optuna is not installed')
  monkeypatch.chdir(_ROOT)
  overrides = {
    'data.path': shared,
    'data.verify': False,
    'data.limit': 128,
    'search.sampler': name,
    'search.sampler_args': _arguments(name),
    'search.trials': 3,
    'search.concurrency': 1,
  }
  overrides |= {f'space_args.{key}': value for key, value in _SMALL.items()}
  argv = ['search', '--config=configs/cifar10.py:smoke']
  argv += [f'--workdir={tmp_path}/run']
  argv += [f'--config.{key}={value}' for key, value in overrides.items()]
  assert main.run(argv) == 0, capsys.readouterr().err
  lines = (tmp_path / 'run' / 'trials.jsonl').read_text().splitlines()
  done = [e for e in map(json.loads, lines) if e['event'] == 'done']
  assert [event['trial'] for event in done] == [0, 1, 2]
  assert (tmp_path / 'run' / 'report.html').stat().st_size > 1000
