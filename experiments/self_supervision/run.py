"""Pre-trains without labels: digits for few labels, and text for itself.

python experiments/self_supervision/run.py --data=TEXT [--tasks=digits]

TEXT is tiny Shakespeare; digits need no file. Writes results.json, plot.png and
the tables of README.md beside this file after each seed; what results.json has
is not run again.
"""

import json
import os
import pathlib
import sys
import time

# Many small matrices: more threads only wait for each other.
os.environ.setdefault('OMP_NUM_THREADS', '1')

from absl import flags

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import digits
import plot
import report
import text

from effnas import errors, files
from effnas.cli import experiment
from effnas.search.running import compile_cache

_DATA = flags.DEFINE_string('data', None, 'The text, or its folder.')
_TASKS = flags.DEFINE_list('tasks', ['digits', 'text'], 'Which tasks.')
_SECONDS = flags.DEFINE_integer(
  'seconds', None, 'Begin nothing new after so long; go on another time.', 1
)
_HERE = pathlib.Path(__file__).parent
_RESULTS = _HERE / 'results.json'


def _write(results):
  files.write(_RESULTS, json.dumps(results) + '\n')
  if len(results['digits']) > 1:
    plot.draw(results, _HERE / 'plot.png')
    report.renew(_HERE / 'README.md', results)


def _main(_):
  for name in _TASKS.value:
    if name not in ('digits', 'text'):
      raise errors.unknown('task', name, ('digits', 'text'))
  results = {'digits': {}, 'text': {}}
  if _RESULTS.exists():
    results = json.loads(_RESULTS.read_text(encoding='utf-8'))
  compile_cache.turn_on()
  end = time.monotonic() + (_SECONDS.value or float('inf'))
  for seed in range(digits.SEEDS if 'digits' in _TASKS.value else 0):
    if str(seed) in results['digits'] or time.monotonic() > end:
      continue
    results['digits'][str(seed)] = digits.measure(seed)
    _write(results)
    print(f'digits, seed {seed}: done', flush=True)
  for task in text.TASKS if 'text' in _TASKS.value else ():
    if task in results['text'] or time.monotonic() > end:
      continue
    results['text'][task] = text.measure(task, _DATA.value)
    results['text']['counted'] = text.counted(_DATA.value)
    _write(results)
    print(f'text, {task}: {results["text"][task]}', flush=True)
  _write(results)


def main(argv):
  """Runs the experiment; a user's error is one line."""
  try:
    _main(argv)
  except errors.UserError as e:
    print(f'run.py: {e}', file=sys.stderr)
    sys.exit(2)


if __name__ == '__main__':
  experiment.run(main)
