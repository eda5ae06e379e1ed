"""Odd inputs of many kinds, each made of a seeded generator alone.

Each function takes (draw, folder), a `random.Random` and where to write, and
returns the words of a command line, or a call.
"""

import gzip
import json
import pathlib

import mutations
import numpy as np

_ROOT = pathlib.Path(__file__).parents[2]
_SPACE = {
  'input_shape': [8, 8, 1],
  'classes': 10,
  'widths': [16, 32],
  'depths': [1, 2],
  'kernels': [3, 5],
}


def config(draw, folder):
  """An override of the demo's config; a search of two trials."""
  config = str(_ROOT / 'configs/digits.py') + ':smoke'
  words = ['search', f'--config={config}', f'--workdir={folder}/run']
  for _ in range(draw.randrange(1, 3)):
    section = draw.choice(list(_KEYS))
    key = draw.choice(_KEYS[section])
    words.append(f'--config.{section}.{key}={mutations.nasty(draw)!r}')
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


def file(draw, folder):
  """A config.json of a run that somebody edited."""
  kept = {
    'table': {'name': 'nasbench_macro', 'path': 'x.json', 'verify': False},
    'search': {'objectives': ['accuracy'], 'constraints': {}, 'trials': 2},
  }
  path = folder / 'config.json'
  mutations.written(
    draw, path, mutations.mutated(draw, kept, draw.randrange(1, 3))
  )
  return ['search', f'--config={path}', f'--workdir={folder}/run']


def arch(draw, folder):
  words = ['space', 'hybrid', 'check', f'--args={json.dumps(_SPACE)}']
  arch = {'model.stages.0.depth': 1, 'model.stages.0.blocks.0.kernel': 3}
  if draw.random() < 0.2:
    words[3] = f'--args={json.dumps(mutations.mutated(draw, _SPACE))}'
  changed = mutations.mutated(draw, arch, draw.randrange(1, 4))
  if draw.random() < 0.5:
    path = mutations.written(draw, folder / 'arch.json', changed)
    return [*words, f'--arch={path}']
  return [*words, f'--arch={json.dumps(changed)}']


def journal(draw, folder):
  config = {
    'space': 'hybrid',
    'data': {'name': 'digits'},
    'footprint': {'targets': [], 'batch': 1},
    'search': {'objectives': ['accuracy', 'size_bytes'], 'constraints': {}},
  }
  if draw.random() < 0.3:
    config = mutations.mutated(draw, config, draw.randrange(1, 3))
  mutations.written(draw, folder / 'config.json', config, damage=0.05)
  if draw.random() < 0.2:
    mutations.written(draw, folder / 'environment.json', mutations.nasty(draw))
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
    lines[i] = mutations.mutated(draw, lines[i])
  data = '\n'.join(map(json.dumps, lines)).encode() + b'\n'
  if draw.random() < 0.3:
    data = mutations.damaged(draw, data)
  (folder / 'trials.jsonl').write_bytes(data)
  words = ['report', str(folder)]
  return [*words, '--format=json'] if draw.random() < 0.3 else words


def table(draw, folder):
  """The search of a table, as JSON or CSV, or its rows as archs."""
  rows = {
    f'0000000{i}': {'mean_acc': 90.0 + i, 'params': 1e6, 'flops': 1e8}
    for i in range(3)
  }
  found = mutations.mutated(draw, rows, draw.randrange(4))
  path = folder / 'table.json'
  if draw.random() < 0.7:
    mutations.written(draw, path, found)
  else:
    path = folder / draw.choice(['table.csv', 'table.csv.gz'])
    text = 'arch,mean_acc,params\n00000000,90,1\n00000001,91,"1,2"\n'
    data = text.encode()
    data = gzip.compress(data) if path.suffix == '.gz' else data
    path.write_bytes(mutations.damaged(draw, data))
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


def device(draw, folder):
  from effnas.footprint.latency import cost_model

  told = cost_model.load('a100').to_json()
  path = folder / 'device.json'
  mutations.written(
    draw, path, mutations.mutated(draw, told, draw.randrange(1, 3))
  )
  words = ['footprint', 'tiny_fuzz:network', '--input=4', f'--target={path}']
  return [*words, f'--batch={draw.choice([1, 64, 0, -1, 10**9])}']


def weights(draw, folder):
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
    header = mutations.mutated(draw, json.loads(data[8 : 8 + size]))
    text = json.dumps(header).encode()
    data = len(text).to_bytes(8, 'little') + text + data[8 + size :]
  else:
    data = mutations.damaged(draw, data)
  path = folder / 'weights.safetensors'
  path.write_bytes(data)
  words = ['footprint', 'tiny_fuzz:network', '--input=4', f'--init={path}']
  return [*words, f'--weights={draw.choice([8, 1, 32])}']


def arrays(draw, folder):
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
    path.write_bytes(mutations.damaged(draw, path.read_bytes()))
  return lambda: _loaded(path)


def _loaded(path):
  from effnas import data

  data.load('arrays', path=str(path))
