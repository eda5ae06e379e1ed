"""Seconds that a trial takes beyond its own evaluation, with the Ray engine.

  python benchmarks/trial_overhead.py

Two workers evaluate trials that only wait, some of them reporting on the way.
Prints a row for each length of a trial: 'first' is when the first one ends
after the start of the search, less its own length: Ray, two processes and their
imports. 'steady' is what each further trial takes of a worker's time beyond its
own length, once the workers have served one each, and 'rate' the trials that
end in a second then. With --profile the driver's functions that take longest
are listed. Takes two minutes.
"""

import argparse
import cProfile
import json
import pathlib
import pstats
import tempfile
import time

from effnas import search
from effnas import space as space_lib

_LENGTHS = ((0.0, 0), (0.0, 10), (0.5, 0), (0.5, 10))  # seconds and reports
_WORKERS = 2


def problem() -> search.Problem:
  """Returns a problem of a million architectures."""
  names = [f'op{i}' for i in range(6)]
  space = space_lib.Space({name: space_lib.intrange(0, 9, 1) for name in names})
  return search.Problem(
    space, ['accuracy'], lambda arch: {'params': 1 + sum(arch.values())}
  )


def evaluate(task, arch, trial, report):
  """Waits, reporting in equal steps."""
  seconds, reports = task['config']['wait']
  start = time.monotonic()
  for epoch in range(1, reports + 1):
    time.sleep(seconds / reports)
    report(epoch, {'accuracy': arch['op0'] / 9})
  time.sleep(max(0, start + seconds - time.monotonic()))
  return {'accuracy': arch['op0'] / 9}


def run(trials: int, seconds: float, reports: int) -> dict[str, float]:
  """Runs a search; returns 'first', 'steady' and 'rate'."""
  config = {
    'search': {
      'engine': 'ray',
      'sampler': 'random',
      'trials': trials,
      'concurrency': _WORKERS,
      'objectives': ['accuracy'],
    },
    'wait': [seconds, reports],
  }
  with tempfile.TemporaryDirectory() as folder:
    start = time.time()
    search.run(
      config, folder, evaluate='trial_overhead:evaluate', problem=problem()
    )
    text = pathlib.Path(folder, 'trials.jsonl').read_text(encoding='utf-8')
  events = [json.loads(line) for line in text.splitlines()]
  ends = sorted(e['time'] for e in events if e['event'] == 'done')
  counted = len(ends) - _WORKERS
  taken = ends[-1] - ends[_WORKERS - 1]
  return {
    'first': ends[0] - start - seconds,
    'steady': taken * _WORKERS / counted - seconds,
    'rate': counted / taken,
  }


def main() -> None:
  """Prints the table."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--profile', action='store_true')
  parser.add_argument('--trials', type=int, default=60)
  args = parser.parse_args()
  print(f'{"length":>8}{"reports":>9}{"first":>8}{"steady":>9}{"rate":>8}')
  print(f'{"s":>8}{"":9}{"s":>8}{"s/trial":>9}{"1/s":>8}', flush=True)
  profile = cProfile.Profile()
  for seconds, reports in _LENGTHS:
    if args.profile:
      found = profile.runcall(run, args.trials, seconds, reports)
    else:
      found = run(args.trials, seconds, reports)
    print(
      f'{seconds:8.1f}{reports:9}{found["first"]:8.1f}{found["steady"]:9.3f}'
      f'{found["rate"]:8.1f}',
      flush=True,
    )
  if args.profile:
    pstats.Stats(profile).sort_stats('tottime').print_stats(25)


if __name__ == '__main__':
  main()
