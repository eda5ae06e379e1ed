"""Ranks cells of NAS-Bench-201 by zero-cost proxies.

python experiments/nasbench201/proxies.py --data=FILE --images=FOLDER

FILE is nasbench201_12epoch.csv.gz, FOLDER holds CIFAR-10's binary batches. Goes
on where proxies.json beside this file ends, cell after cell, for --seconds;
then writes it and the section on proxies of README.md, and prints the table.
Where --results names another file, README.md stays.
"""

import json
import os
import pathlib
import sys
import time

# Programs of all operations at once compile in less time.
os.environ.setdefault('XLA_FLAGS', '--xla_backend_optimization_level=1')

from absl import flags

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import gated
import jax
import numpy as np
import ranking

from effnas import data, errors, files
from effnas.cli import experiment
from effnas.search import proxies, tables
from effnas.search.proxies import grad_norm, naswot, snip
from effnas.search.scoring import gradients

_DATA = flags.DEFINE_string('data', None, 'The published table.')
_IMAGES = flags.DEFINE_string('images', None, 'Folder of the binary batches.')
_VERIFY = flags.DEFINE_bool('verify', True, 'Whether to verify the images.')
_CELLS = flags.DEFINE_integer('cells', 200, 'How many in all.', 10)
_BATCH = flags.DEFINE_integer('batch', 32, 'Images.', 2)
_DEPTH = flags.DEFINE_integer('depth', 1, 'Cells in each stage.', 1)
_SECONDS = flags.DEFINE_integer('seconds', 480, 'Begin none after these.', 0)
_ONLY = flags.DEFINE_list('only', None, 'Proxies; all by default.')
_FILE = flags.DEFINE_string('results', None, 'Another file than proxies.json.')
_HERE = pathlib.Path(__file__).parent
_COUNTED = ('params', 'macs')  # taken from the table


def _path():
  return pathlib.Path(_FILE.value) if _FILE.value else _HERE / 'proxies.json'


def _read():
  path = _path()
  wanted = {'batch': _BATCH.value, 'depth': _DEPTH.value, 'seed': 0}
  if not path.exists():
    return {**wanted, 'cells': {}}
  found = json.loads(path.read_text(encoding='utf-8'))
  there = {key: found[key] for key in wanted}
  if there != wanted:
    raise errors.UserError(
      f'{path.name} is of {there}, not of {wanted}; move it away, or take '
      f'--batch={there["batch"]} --depth={there["depth"]}'
    )
  return found


def _write(results):
  files.write(_path(), json.dumps(results) + '\n')


def _scores(names, net, arch, variables, images, labels, key):
  """Returns the scores of a cell by proxy; gradients are taken once."""
  variables = {**variables, 'gates': {'cell': gated.gates(arch)}}
  found = {}
  if {'grad_norm', 'snip'} & set(names):
    slopes = gradients.of_loss(net, variables, images, labels)
    found['grad_norm'] = grad_norm.of_gradients(slopes)
    found['snip'] = snip.of_gradients(variables['params'], slopes)
  if 'naswot' in names:
    distances, _ = naswot.codes(net, variables, images)
    kernel = gated.units(net, arch, images.shape[1]) - distances
    found['naswot'] = naswot.of_kernel(kernel)
  for name in names:
    if name not in found and name not in _COUNTED:
      found[name] = proxies.load(name)(net, variables, images, labels, key)
  return {
    name: float(f'{value:.9g}')
    for name, value in found.items()
    if name in names
  }


def _main(_):
  began, names = time.monotonic(), _ONLY.value or proxies.names()
  for name in names:
    proxies.load(name)  # An unknown one is told at once.
  table = tables.load('nasbench201', _DATA.value)
  dataset = data.load('cifar10', path=_IMAGES.value, verify=_VERIFY.value)
  results, rng = _read(), np.random.default_rng(0)
  order = rng.permutation(len(table.archs))[: _CELLS.value].tolist()
  at = rng.permutation(len(dataset.train.x))[: _BATCH.value]
  images = dataset.prepare(dataset.train.x[at])
  labels = jax.numpy.asarray(dataset.train.y[at])
  net = gated.Gated(depth=_DEPTH.value)
  init = jax.jit(lambda key: net.init(key, images[:1]))
  taken = {name: table.values(name) for name in ('accuracy', *_COUNTED)}
  for number in order:
    if str(number) in results['cells']:
      continue
    if time.monotonic() - began > _SECONDS.value:
      break
    start, key = time.monotonic(), jax.random.key(number)
    found = {name: float(values[number]) for name, values in taken.items()}
    found |= _scores(
      names, net, table.archs[number], init(key), images, labels, key
    )
    results['cells'][str(number)] = found
    _write(results)
    if len(results['cells']) % 20 == 1:
      took = time.monotonic() - start
      print(f'{len(results["cells"])} cells, the last {took:.1f} s', flush=True)
  results['correlations'] = ranking.of(results['cells'], names)
  _write(results)
  if not _FILE.value:
    ranking.renew(_HERE / 'README.md', results)
  print(ranking.table(results))


def main(argv):
  """Runs the experiment; a user's error is one line."""
  try:
    _main(argv)
  except errors.UserError as e:
    print(f'proxies.py: {e}', file=sys.stderr)
    sys.exit(2)


if __name__ == '__main__':
  flags.mark_flags_as_required(['data', 'images'])
  experiment.run(main)
