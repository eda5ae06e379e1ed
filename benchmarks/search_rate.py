"""How many trials a second the inline engine runs, apart from evaluating them.

  python benchmarks/search_rate.py

Random search over six decisions of five options, as in NAS-Bench-201, with a
table of two columns as the evaluation: what is left is drawing, the journal on
the disk, and progress. Prints the rate for each number of trials, and with
--profile where the time goes.
"""

import argparse
import cProfile
import pstats
import tempfile
import time

from effnas import search
from effnas import space as space_lib

_OPTIONS = ('none', 'skip', 'conv1', 'conv3', 'pool')
_TABLE: dict[tuple, float] = {}


def problem() -> search.Problem:
  """Returns a problem of 15,625 architectures."""
  names = [f'op{i}' for i in range(6)]
  space = space_lib.Space({name: space_lib.oneof(*_OPTIONS) for name in names})
  for i, arch in enumerate(space.grid()):
    _TABLE[tuple(arch.values())] = (i * 7919 % 15625) / 15625
  return search.Problem(
    space,
    ['accuracy', 'params'],
    lambda arch: {'params': 1 + sum(map(len, arch.values()))},
  )


def evaluate(task, arch, trial, report):
  """Looks an architecture up."""
  return {'accuracy': _TABLE[tuple(arch.values())]}


def run(trials: int, made: search.Problem, **settings) -> float:
  """Returns the seconds that a search took."""
  config = {
    'search': {
      'engine': 'inline',
      'sampler': 'random',
      'trials': trials,
      'objectives': ['accuracy', 'params'],
      **settings,
    }
  }
  with tempfile.TemporaryDirectory() as folder:
    start = time.perf_counter()
    search.run(config, folder, evaluate='search_rate:evaluate', problem=made)
    return time.perf_counter() - start


def main() -> None:
  """Prints the rates."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--profile', action='store_true')
  parser.add_argument('--trials', type=int, nargs='*', default=[1000, 5000])
  args = parser.parse_args()
  import search_rate  # the module that the dotted name means

  made = search_rate.problem()
  for trials in args.trials:
    for settings in ({}, {'concurrency': 4}):
      taken = run(trials, made, **settings)
      print(f'{trials} trials {settings}: {trials / taken:,.0f} a second')
  if args.profile:
    profile = cProfile.Profile()
    profile.runcall(run, args.trials[-1], made)
    pstats.Stats(profile).sort_stats('tottime').print_stats(25)


if __name__ == '__main__':
  main()
