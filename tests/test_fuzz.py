"""Odd input by the hundred: each ends well, or in one line and exit code 2.

A case is named by its kind and its seed, and is made of them alone: what fails
is made again by `pytest tests/test_fuzz.py -k KIND` with that seed. Nothing is
trained; `evaluate` is a stand-in.
"""

import copy
import gzip
import itertools
import json
import pathlib
import random
import sys
import traceback

import numpy as np
import pytest

from effnas import errors, terminal
from effnas.cli import main

_ROOT = pathlib.Path(__file__).parent.parent
_DEEP = '[' * 5000 + ']' * 5000
_NASTY = (
  None, True, False, 0, -1, 1, 3, 2**31, 10**20, -(10**20), 0.5, -0.0, 1e308,
  1e-308, float('inf'), float('nan'), '', 'x', '8', 'None', '\0', '\x1b[31mred',
  '\u202e', '\ud800', '[red]', 'é→', 'n' * 300, '../..', '/', '/dev/null', '{}',
  [], {}, [[]], [None], {'': None}, [1, 2, 3], [-1], ['x'], {'a': {'b': [1]}},
  {'oneof': []}, {'oneof': [1, 'x']}, [1e308, -1e308], list(range(99)),
)  # fmt: skip
_SPACE = {
  'input_shape': [8, 8, 1],
  'classes': 10,
  'widths': [16, 32],
  'depths': [1, 2],
  'kernels': [3, 5],
}
_TINY = """
from effnas import space as sp
from flax import linen

class Tiny(linen.Module):
  features: int
  @linen.compact
  def __call__(self, x):
    return linen.Dense(3)(linen.Dense(self.features)(x))

def space():
  return sp.Space({'model': Tiny(sp.oneof(2, 4))})

def network():
  return Tiny(2)
"""


# ------------------------------------------------------------------ mutations


def _value(draw):
  return copy.deepcopy(draw.choice(_NASTY))


def _places(value, way=()):
  """Yields the way to each value inside JSON values."""
  inner = value.items() if isinstance(value, dict) else enumerate(value)
  for key, one in inner:
    yield (*way, key)
    if isinstance(one, dict | list):
      yield from _places(one, (*way, key))


def _mutated(draw, value, times=1):
  """Changes, drops or adds values somewhere inside of JSON values."""
  value = copy.deepcopy(value)
  for _ in range(times):
    places = list(_places(value)) if isinstance(value, dict | list) else []
    if not places or draw.random() < 0.05:
      return _value(draw)
    *way, last = draw.choice(places)
    at = value
    for key in way:
      at = at[key]
    how = draw.randrange(4)
    if how == 0:
      del at[last]
    elif how == 1 and isinstance(at, dict):
      at[draw.choice(['x', '', 'a/b', str(last) + '_'])] = _value(draw)
    else:
      at[last] = _value(draw)
  return value


def _damaged(draw, data):
  """Cuts, flips, repeats or adds bytes."""
  data = bytearray(data)
  how = draw.randrange(5)
  place = draw.randrange(len(data) + 1)
  if how == 0:
    return bytes(data[:place])
  if how == 1:
    return bytes(data[place:])
  if how == 2:
    data[place:place] = draw.randbytes(draw.randrange(1, 9))
  elif how == 3:
    data[place:place] = data[: draw.randrange(1, 30)]
  else:
    for _ in range(draw.randrange(1, 5)):
      data[draw.randrange(len(data))] = draw.randrange(256)
  return bytes(data)


def _written(draw, path, value, damage=0.2):
  """Writes JSON values to a file, now and then damaged or very deep."""
  data = json.dumps(value).encode()
  if draw.random() < 0.05:
    data = _DEEP.encode()
  elif draw.random() < damage:
    data = _damaged(draw, data)
  path.write_bytes(data)
  return path


# ---------------------------------------------------------------------- kinds


def _config(draw, folder):
  """An override of the demo's config; a search of two trials."""
  config = str(_ROOT / 'configs/digits.py') + ':smoke'
  words = ['search', f'--config={config}', f'--workdir={folder}/run']
  for _ in range(draw.randrange(1, 3)):
    section = draw.choice(list(_KEYS))
    key = draw.choice(_KEYS[section])
    words.append(f'--config.{section}.{key}={_value(draw)!r}')
  return words


_KEYS = {
  section: keys.split()
  for section, keys in {
    'space_args': 'input_shape classes widths depths kernels lr weights',
    'data': 'name seed limit labels path x',
    'quant': 'activations patterns weights',
    'optim': 'name warmup schedule weight_decay clip sam lookahead',
    'train': 'epochs batch_size seed label_smoothing init ema dtype augment '
    'crop_padding eval_every checkpoint_every accumulate resolutions distill',
    'footprint': 'targets batch compile',
    'search': 'trials concurrency sampler sampler_args scheduler seed batch '
    'scheduler_args objectives constraints soft_constraints asynchronous '
    'max_draws start_with warm_start prefilter time_limit_s retries engine',
  }.items()
}


def _file(draw, folder):
  """A config.json of a run that somebody edited."""
  kept = {
    'table': {'name': 'nasbench_macro', 'path': 'x.json', 'verify': False},
    'search': {'objectives': ['accuracy'], 'constraints': {}, 'trials': 2},
  }
  path = folder / 'config.json'
  _written(draw, path, _mutated(draw, kept, draw.randrange(1, 3)))
  return ['search', f'--config={path}', f'--workdir={folder}/run']


def _arch(draw, folder):
  words = ['space', 'hybrid', 'check', f'--args={json.dumps(_SPACE)}']
  arch = {'model.stages.0.depth': 1, 'model.stages.0.blocks.0.kernel': 3}
  if draw.random() < 0.2:
    words[3] = f'--args={json.dumps(_mutated(draw, _SPACE))}'
  changed = _mutated(draw, arch, draw.randrange(1, 4))
  if draw.random() < 0.5:
    path = _written(draw, folder / 'arch.json', changed)
    return [*words, f'--arch={path}']
  return [*words, f'--arch={json.dumps(changed)}']


def _journal(draw, folder):
  config = {
    'space': 'hybrid',
    'data': {'name': 'digits'},
    'footprint': {'targets': [], 'batch': 1},
    'search': {'objectives': ['accuracy', 'size_bytes'], 'constraints': {}},
  }
  if draw.random() < 0.3:
    config = _mutated(draw, config, draw.randrange(1, 3))
  _written(draw, folder / 'config.json', config, damage=0.05)
  if draw.random() < 0.2:
    _written(draw, folder / 'environment.json', _value(draw))
  lines = []
  for i in range(4):
    size = {'size_bytes': 1000 + i, 'latency_ms@cpu': 0.5}
    told = {'latency_ms@cpu': 'datasheet, int8, batch 1'}
    lines += [
      {
        'event': 'proposed', 'trial': i, 'arch': {'model.kernel': i, 'lr': 0.1},
        'footprint': size, 'sources': told, 'time': 1.7e9,
      },
      {'event': 'failed', 'trial': i, 'reason': 'why', 'time': 1.7e9}
      if i == 3
      else {
        'event': 'done', 'trial': i, 'time': 1.7e9,
        'metrics': {'accuracy': 0.5 + i / 10, 'seconds': 1.0},
      },
    ]  # fmt: skip
  for _ in range(draw.randrange(1, 4)):
    i = draw.randrange(len(lines))
    lines[i] = _mutated(draw, lines[i])
  data = '\n'.join(map(json.dumps, lines)).encode() + b'\n'
  if draw.random() < 0.3:
    data = _damaged(draw, data)
  (folder / 'trials.jsonl').write_bytes(data)
  words = ['report', str(folder)]
  return [*words, '--format=json'] if draw.random() < 0.3 else words


def _table(draw, folder):
  """The search of a table, as JSON or CSV, or its rows as archs."""
  rows = {
    f'0000000{i}': {'mean_acc': 90.0 + i, 'params': 1e6, 'flops': 1e8}
    for i in range(3)
  }
  found = _mutated(draw, rows, draw.randrange(4))
  path = folder / 'table.json'
  if draw.random() < 0.7:
    _written(draw, path, found)
  else:
    path = folder / draw.choice(['table.csv', 'table.csv.gz'])
    text = 'arch,mean_acc,params\n00000000,90,1\n00000001,91,"1,2"\n'
    data = text.encode()
    data = gzip.compress(data) if path.suffix == '.gz' else data
    path.write_bytes(_damaged(draw, data))
  if draw.random() < 0.3:
    return ['space', 'nasbench_macro', 'check', f'--arch={path}']
  config = folder / 'config.json'
  section = {'name': 'nasbench_macro', 'path': str(path), 'verify': False}
  search = {
    'objectives': ['accuracy', 'params'], 'constraints': {}, 'trials': 3,
    'engine': 'inline',
    'sampler': draw.choice(['random', 'nsga2']),
  }  # fmt: skip
  config.write_text(json.dumps({'table': section, 'search': search}))
  return ['search', f'--config={config}', f'--workdir={folder}/run']


def _device(draw, folder):
  from effnas.footprint.latency import cost_model

  told = cost_model.load('a100').to_json()
  path = folder / 'device.json'
  _written(draw, path, _mutated(draw, told, draw.randrange(1, 3)))
  words = ['footprint', 'tiny_fuzz:network', '--input=4', f'--target={path}']
  return [*words, f'--batch={draw.choice([1, 64, 0, -1, 10**9])}']


def _weights(draw, folder):
  from effnas.footprint import weights

  def layer(rows, columns):
    return {
      'kernel': np.ones((rows, columns), 'float32'),
      'bias': np.zeros(columns, 'float32'),
    }

  layers = {'Dense_0': layer(4, 2), 'Dense_1': layer(2, 3)}
  if draw.random() < 0.2:
    layers['Dense_0']['kernel'] = np.ones((4, 2), draw.choice(['bool', 'int8']))
  data = weights.serialize({'params': layers})
  size = int.from_bytes(data[:8], 'little')
  if draw.random() < 0.5:
    header = _mutated(draw, json.loads(data[8 : 8 + size]))
    text = json.dumps(header).encode()
    data = len(text).to_bytes(8, 'little') + text + data[8 + size :]
  else:
    data = _damaged(draw, data)
  path = folder / 'weights.safetensors'
  path.write_bytes(data)
  words = ['footprint', 'tiny_fuzz:network', '--input=4', f'--init={path}']
  return [*words, f'--weights={draw.choice([8, 1, 32])}']


def _arrays(draw, folder):
  rng = np.random.default_rng(draw.randrange(99))
  x = draw.choice(
    [
      rng.integers(0, 256, (12, 4, 4, 1)).astype('uint8'),
      rng.normal(size=(12, 5)),
      rng.integers(0, 9, (12, 6)),
      rng.normal(size=(12, 5)) * 1e300,
      np.full((12, 5), np.nan),
      np.zeros((0, 5)),
      np.zeros((12, 0)),
      np.array(['a'] * 12),
      np.array(3),
      rng.integers(0, 2**62, (12, 6)),
      np.zeros((12, 5), 'complex64'),
    ]
  )
  y = draw.choice(
    [
      np.arange(12) % 3,
      np.arange(12) % 3 + 2**32,
      -np.arange(12),
      np.arange(11),
      np.arange(12) % 3 + 0.5,
      np.zeros((12, 3)),
      np.array(['a'] * 12),
      np.zeros(12, bool),
      np.full(12, np.nan),
      (np.arange(12) % 3 + 2**31).astype('uint32'),
    ]
  )
  path = folder / 'mine.npz'
  np.savez(path, **{draw.choice(['x', 'X', 'x_train']): x, 'y': y})
  if draw.random() < 0.4:
    path.write_bytes(_damaged(draw, path.read_bytes()))
  return lambda: _loaded(path)


def _loaded(path):
  from effnas import data

  data.load('arrays', path=str(path))


# ----------------------------------------------------------------------- runs

# How many of each in `make test`, and as `slow`.
_KINDS = {
  _config: (24, 600),
  _file: (40, 600),
  _arch: (60, 1000),
  _journal: (60, 1500),
  _table: (40, 600),
  _device: (40, 800),
  _weights: (40, 1000),
  _arrays: (50, 800),
}


@pytest.fixture
def _stand_ins(tmp_path, monkeypatch):
  """No training, and (but in slow runs) no drawing."""
  from effnas.search.networks import network_trials

  (tmp_path / 'tiny_fuzz.py').write_text(_TINY)
  monkeypatch.chdir(tmp_path)
  monkeypatch.setattr(sys, 'path', [str(tmp_path), *sys.path])
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
  monkeypatch.setattr(
    network_trials, 'evaluate', lambda *_: {'accuracy': 0.5, 'seconds': 0.1}
  )
  monkeypatch.setattr(network_trials, 'test', lambda *_: {'test_accuracy': 0.5})
  yield
  sys.modules.pop('tiny_fuzz', None)


def _went(asked, capsys):
  """Runs a case; returns what is wrong with how it ended, None if nothing."""
  capsys.readouterr()
  try:
    code = main.run(asked) if isinstance(asked, list) else _code(asked)
  except BaseException as e:
    if isinstance(e, KeyboardInterrupt):
      raise
    where = traceback.extract_tb(e.__traceback__)
    ours = [f for f in where if '/effnas/' in f.filename] or where
    place = pathlib.Path(ours[-1].filename)
    return f'{place.name}:{ours[-1].lineno} {type(e).__name__}: {str(e)[:150]}'
  said = capsys.readouterr().err
  lines = [x for x in said.splitlines() if x.startswith('effnas: ')]
  told = [x for x in lines if not x.startswith('effnas: warning')]
  if code == 2 and len(told) != 1:
    return f'exit code 2 and {len(told)} lines: {said[-300:]!r}'
  if code not in (0, 2):
    return f'exit code {code}'
  if any(len(line) > 320 or not line.isprintable() for line in told):
    return f'no line to read: {told}'
  return None


def _code(call):
  try:
    call()
  except errors.UserError as e:
    terminal.err(f'effnas: {terminal.brief(e)}')
    return 2
  return 0


def _fuzz(kind, seeds, tmp_path, capsys):
  found = {}
  for seed in seeds:
    folder = tmp_path / str(seed)
    folder.mkdir()
    asked = kind(random.Random(f'{kind.__name__} {seed}'), folder)
    wrong = _went(asked, capsys)
    if wrong:
      words = ' '.join(asked) if isinstance(asked, list) else ''
      text = f'seed {seed}: {wrong} {words[:400]}'
      found.setdefault(wrong.partition(': ')[0], text)
  assert not found, '\n' + '\n'.join(found.values())


@pytest.mark.usefixtures('_stand_ins')
@pytest.mark.parametrize('kind', _KINDS, ids=lambda k: k.__name__[1:])
def test_odd_input_is_one_line(kind, tmp_path, capsys, monkeypatch):
  from effnas.report import plot

  monkeypatch.setattr(plot, 'picture', lambda summary: b'')
  _fuzz(kind, range(_KINDS[kind][0]), tmp_path, capsys)


@pytest.mark.slow
@pytest.mark.usefixtures('_stand_ins')
@pytest.mark.parametrize('kind', _KINDS, ids=lambda k: k.__name__[1:])
def test_more_odd_input_is_one_line(kind, tmp_path, capsys, monkeypatch):
  from effnas.report import plot

  drawn, count = plot.picture, itertools.count()
  some = lambda summary: drawn(summary) if next(count) % 12 == 0 else b''  # noqa: E731
  monkeypatch.setattr(plot, 'picture', some)
  fast, many = _KINDS[kind]
  _fuzz(kind, range(fast, fast + many), tmp_path, capsys)
