"""Searches accuracy against a cost: our samplers beside other packages'.

python experiments/hardware_pareto/run.py --data=FOLDER [--methods=nsga2,gp]

FOLDER has nasbench201_12epoch.csv.gz and nasbench_macro_cifar10.json. First
each method's settings are chosen on the tasks and seeds for that, then it is
run on the final ones. What results.json has is not run again; what is not
installed is left out. Writes results.json, plot.png and the tables of README.md
beside this file after each method.
"""

import importlib.util
import json
import logging
import os
import pathlib
import sys

# Many small matrices: more threads only wait for each other.
os.environ.setdefault('OMP_NUM_THREADS', '1')

from absl import flags

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import curves
import methods
import numpy as np
import plot
import report
import tasks

from effnas import errors, files
from effnas.cli import experiment

_DATA = flags.DEFINE_string('data', None, 'The folder of the tables.')
_METHODS = flags.DEFINE_list(
  'methods', list(methods.METHODS), 'Which methods to run.'
)
_SEEDS = flags.DEFINE_integer(
  'seeds', len(methods.SEEDS), 'How many of the final seeds to run.', 2
)
_HERE = pathlib.Path(__file__).parent
_RESULTS = _HERE / 'results.json'


def _read():
  if not _RESULTS.exists():
    return {'chosen': {}, 'tasks': {}}
  return json.loads(_RESULTS.read_text(encoding='utf-8'))


def _write(results):
  results['tasks'] = {name: results['tasks'][name] for name in tasks.FINAL}
  files.write(_RESULTS, json.dumps(results) + '\n')
  plot.draw(results, _HERE / 'plot.png')
  report.renew(_HERE / 'README.md', results)


def _installed(method):
  package = method.rsplit('_', 1)[0]
  return method in methods.OURS or importlib.util.find_spec(package) is not None


def _choose(folder, method):
  """The settings with the largest mean share at the end, and all of them."""
  found = []
  for args in methods.METHODS[method]:
    shares = [
      curves.volumes(tasks.Known(task, folder), method, args, seed)[-1]
      for task in tasks.CHOICE.values()
      for seed in methods.CHOICE_SEEDS
    ]
    found.append([args, round(float(np.mean(shares)), 6)])
  best = max(range(len(found)), key=lambda i: found[i][1])
  return {'args': found[best][0], 'tried': found}


def _main(_):
  logging.getLogger('effnas').setLevel(logging.ERROR)
  folder = pathlib.Path(_DATA.value)
  for method in _METHODS.value:
    if method not in methods.METHODS:
      raise errors.unknown('method', method, methods.METHODS)
  results = _read()
  results['evaluations'] = list(methods.EVALUATIONS)
  for name, task in tasks.FINAL.items():
    if name not in results['tasks']:
      known = tasks.Known(task, folder)
      results['tasks'][name] = {
        'front': known.front,
        'expected': curves.expected(known),
        'methods': {},
      }
  for method in _METHODS.value:
    if not _installed(method):
      print(f'{method}: not installed, left out', flush=True)
      continue
    settings = methods.METHODS[method]
    tried = results['chosen'].get(method, {}).get('tried', [])
    if [args for args, _ in tried] != settings:
      if len(settings) > 1:
        results['chosen'][method] = _choose(folder, method)
      else:
        only = {'args': settings[0], 'tried': [[settings[0], None]]}
        results['chosen'][method] = only
    args = results['chosen'][method]['args']
    for name, task in tasks.FINAL.items():
      rows = results['tasks'][name]['methods']
      there = rows.get(method)
      if there and there['args'] == args and there['seeds'] >= _SEEDS.value:
        continue
      seeds = methods.SEEDS[: _SEEDS.value]
      rows[method] = curves.of(tasks.Known(task, folder), method, args, seeds)
      order = [one for one in methods.METHODS if one in rows]
      results['tasks'][name]['methods'] = {one: rows[one] for one in order}
      print(
        f'{name}, {method}: {rows[method]["mean"][-1]:.4f}, '
        f'{rows[method]["seconds"]} s a search',
        flush=True,
      )
      _write(results)


def main(argv):
  """Runs the experiment; a user's error is one line."""
  try:
    _main(argv)
  except errors.UserError as e:
    print(f'run.py: {e}', file=sys.stderr)
    sys.exit(2)


if __name__ == '__main__':
  flags.mark_flag_as_required('data')
  experiment.run(main)
