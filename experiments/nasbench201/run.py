"""Searches NAS-Bench-201 with many samplers and many seeds.

python experiments/nasbench201/run.py --data=FILE [--samplers=tpe,gp]

FILE is nasbench201_12epoch.csv.gz. Samplers that results.json has with the
same arguments and seeds are not run again; --again runs them anew. Writes
results.json, plot.png and the tables of README.md beside this file after each
sampler.
"""

import dataclasses
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
import facts
import methods
import plot
import report

from effnas import errors, files
from effnas.cli import experiment
from effnas.search import tables

_DATA = flags.DEFINE_string('data', None, 'The published table.')
_SAMPLERS = flags.DEFINE_list(
  'samplers', list(methods.METHODS), 'Which samplers to run.'
)
_SEEDS = flags.DEFINE_integer(
  'seeds', None, 'At most so many seeds of each, for a first look.', 2
)
_AGAIN = flags.DEFINE_bool('again', False, 'Run also what is there already.')
_HERE = pathlib.Path(__file__).parent
_RESULTS = _HERE / 'results.json'


def _read():
  if not _RESULTS.exists():
    return {'samplers': {}}
  return json.loads(_RESULTS.read_text(encoding='utf-8'))


def _write(results):
  order = [name for name in methods.METHODS if name in results['samplers']]
  results['samplers'] = {name: results['samplers'][name] for name in order}
  files.write(_RESULTS, json.dumps(results) + '\n')
  plot.draw(results, _HERE / 'plot.png')
  report.renew(_HERE / 'README.md', results)


def _main(_):
  # A search that has found the best goes round in circles, and says so.
  logging.getLogger('effnas').setLevel(logging.ERROR)
  for name in _SAMPLERS.value:
    if name not in methods.METHODS:
      raise errors.unknown('sampler', name, methods.METHODS)
  table = tables.load('nasbench201', _DATA.value)
  results = _read()
  results['evaluations'] = list(methods.EVALUATIONS)
  results['facts'] = facts.of(table)
  results['expected'] = curves.expected(table)
  _write(results)
  for name in _SAMPLERS.value:
    method, there = methods.METHODS[name], results['samplers'].get(name)
    if _SEEDS.value:
      few = min(method.seeds, _SEEDS.value)
      method = dataclasses.replace(method, seeds=few)
    same = (
      there
      and there['seeds'] >= method.seeds
      and there['args'] == dict(method.args)
    )
    if same and not _AGAIN.value:
      continue
    results['samplers'][name] = found = curves.of(table, name, method)
    _write(results)
    print(
      f'{name}: {found["mean"][-1]:.5f} after {methods.BUDGET} evaluations, '
      f'{found["seconds"]} s a search',
      flush=True,
    )


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
