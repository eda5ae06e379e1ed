"""Searches architecture and training together, at equal numbers of epochs.

python experiments/hpo/run.py --data=FOLDER [--tasks=digits] [--methods=TPE]

FOLDER has the four files of MNIST; digits need none. First every point of a
task's grid is trained once, into digits.json and mnist.json, which takes up
where it was cut off; then the searches are run on these tables. Methods that
results.json has for the same table and seeds are not run again. Writes
results.json, plot.png and the tables of README.md beside this file after each
method.
"""

import hashlib
import json
import logging
import os
import pathlib
import sys
import time

# Many small matrices: more threads only wait for each other.
os.environ.setdefault('OMP_NUM_THREADS', '1')

from absl import flags

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import curves
import measured
import methods
import plot
import report
import tasks

from effnas import errors, files
from effnas.cli import experiment
from effnas.search.running import compile_cache

_DATA = flags.DEFINE_string('data', None, 'The folder of MNIST.')
_TASKS = flags.DEFINE_list('tasks', list(tasks.TASKS), 'Which tasks.')
_METHODS = flags.DEFINE_list(
  'methods', [], 'Which methods to run, by sampler or scheduler; all.'
)
_SECONDS = flags.DEFINE_integer(
  'seconds', None, 'Train for so long at most, and go on another time.', 1
)
_HERE = pathlib.Path(__file__).parent
_RESULTS = _HERE / 'results.json'


def digest(name: str) -> str:
  """Returns a checksum of the table of a task."""
  return hashlib.sha256(measured.path(name).read_bytes()).hexdigest()[:16]


def _read():
  if not _RESULTS.exists():
    return {'tasks': {}}
  return json.loads(_RESULTS.read_text(encoding='utf-8'))


def _write(results):
  found = results['tasks']
  results['tasks'] = {
    name: found[name] for name in tasks.TASKS if name in found
  }
  for task in results['tasks'].values():
    rows = task['methods']
    task['methods'] = {m: rows[m] for m in methods.METHODS if m in rows}
  files.write(_RESULTS, json.dumps(results) + '\n')
  if all('random' in task['methods'] for task in results['tasks'].values()):
    plot.draw(results, _HERE / 'plot.png')
    report.renew(_HERE / 'README.md', results)


def _measure(name, end):
  """Trains what the table lacks; says whether it lacks nothing any more."""
  table = measured.read(name)
  if table['rows'] and None not in table['rows']:
    return True
  compile_cache.turn_on()
  for total, left in measured.measure(name, _DATA.value):
    if left % 100 == 0 or time.monotonic() > end:
      print(f'{name}: {total - left} of {total} trained', flush=True)
    if time.monotonic() > end:
      return left == 0
  return True


def _search(name, results):
  known = curves.Known(name, measured.read(name))
  here = results['tasks'].get(name)
  if here is None or here['table'] != digest(name):
    here = {'table': digest(name), 'methods': {}}
    results['tasks'][name] = here
  here['facts'] = curves.facts(known)
  for key, method in methods.METHODS.items():
    named = {key, method.sampler, method.scheduler}
    there = here['methods'].get(key)
    if there and there['seeds'] == method.seeds:
      continue
    if _METHODS.value and not named & set(_METHODS.value) and key != 'random':
      continue
    here['methods'][key] = found = curves.of(known, method)
    _write(results)
    print(
      f'{name}, {key}: {found["mean"][-1]:.4f}, {found["seconds"]} s a search',
      flush=True,
    )
  _write(results)


def _main(_):
  logging.getLogger('effnas').setLevel(logging.ERROR)
  for name in _TASKS.value:
    if name not in tasks.TASKS:
      raise errors.unknown('task', name, tasks.TASKS)
  there = {
    word
    for key, method in methods.METHODS.items()
    for word in (key, method.sampler, method.scheduler)
  }
  for name in _METHODS.value:
    if name not in there:
      raise errors.unknown('method', name, there)
  end = time.monotonic() + (_SECONDS.value or float('inf'))
  results = _read()
  for name in _TASKS.value:
    if _measure(name, end):
      _search(name, results)
    else:
      print(f'{name}: the table has gaps; run it again to go on', flush=True)


def main(argv):
  """Runs the experiment; a user's error is one line."""
  try:
    _main(argv)
  except errors.UserError as e:
    print(f'run.py: {e}', file=sys.stderr)
    sys.exit(2)


if __name__ == '__main__':
  experiment.run(main)
