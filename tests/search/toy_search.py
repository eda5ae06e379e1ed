"""A toy space, problem and evaluations; importable on workers by PYTHONPATH."""

import errno
import itertools
import json
import os
import pathlib
import re
import signal
import sys
import time

import numpy as np

from effnas import search
from effnas.search import problem as problem_lib

WIDTH = 6
VALUES = (0, 1, 2, 3, 4, 5, 6, 7)


class Space:
  """WIDTH digits; `keys` digits where only some are wanted."""

  def __init__(self, keys=WIDTH, values=VALUES):
    self.keys = [f'model.stage.{i}' for i in range(keys)]
    self.values = values

  @property
  def size(self):
    return len(self.values) ** len(self.keys)

  def sample(self, rng):
    return {k: int(rng.choice(self.values)) for k in self.keys}

  def mutate(self, arch, rng):
    key = self.keys[rng.integers(len(self.keys))]
    others = [v for v in self.values if v != arch[key]]
    return {**arch, key: int(rng.choice(others))}

  def crossover(self, a, b, rng):
    return {k: (a, b)[rng.integers(2)][k] for k in self.keys}

  def grid(self):
    for values in itertools.product(self.values, repeat=len(self.keys)):
      yield dict(zip(self.keys, values, strict=True))

  def check(self, arch):
    assert list(arch) == self.keys
    assert all(v in self.values for v in arch.values())

  def describe(self):
    return {k: list(self.values) for k in self.keys}


def params(arch):
  """Grows in all digits."""
  return 1 + sum((i + 1) * v for i, v in enumerate(arch.values()))


def accuracy(arch):
  """Grows with size in fits and starts, so that the front is worth finding."""
  digits = np.array(list(arch.values()), float)
  steps = digits * (1 + 0.5 * (digits % 3 == 1))
  return float(
    1 - np.exp(-0.12 * (steps * np.linspace(1, 0.3, len(digits))).sum())
  )


def footprint(arch):
  return {'params': params(arch), 'size_bytes': 4 * params(arch)}


def problem(
  constraints=(), objectives=('accuracy', 'params'), soft=(), starts=(), **space
):
  return problem_lib.Problem(
    Space(**space),
    list(objectives),
    footprint,
    dict(constraints),
    soft=dict(soft),
    starts=starts,
  )


def config(**search):
  defaults = {
    'engine': 'inline',
    'trials': 12,
    'concurrency': 2,
    'sampler': 'nsga2',
    'sampler_args': {'population': 4},
    'objectives': ['accuracy', 'params'],
  }
  if 'sampler' in search:
    del defaults['sampler_args']
  return {'space': 'toy_search:Space', 'search': {**defaults, **search}}


def evaluate(task, arch, trial, report):
  """Reports twice, then gives the accuracy; fails as task['config'] says."""
  plan = task['config'].get('toy', {})
  with pathlib.Path(task['workdir'], 'calls.txt').open('a') as file:
    file.write(f'{trial} {os.getpid()}\n')
  if plan.get('kill') == trial:
    os.kill(os.getpid(), signal.SIGKILL)
  if plan.get('kill_once') == trial and _tries(task, trial) == 1:
    os.kill(os.getpid(), signal.SIGKILL)
  if plan.get('hang') == trial:
    re.match('(a+)+b', 'a' * 40)  # holds the interpreter's lock
  if plan.get('leak') == trial:
    kept = []
    while True:
      kept.append(bytearray(2**24))
      time.sleep(0.01)
  if (
    plan.get('full') == trial and pathlib.Path(task['workdir'], 'full').exists()
  ):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), 'weights')
  if plan.get('fail') == trial:
    raise ValueError('this one\nfails')
  if plan.get('oom') == trial:
    raise MemoryError
  if plan.get('exit') == trial:
    raise SystemExit(3)
  time.sleep(plan.get('seconds', 0) * (1 + 3 * (trial % 3 == 0)))
  for epoch in (1, 2):
    report(epoch, {'accuracy': np.float32(accuracy(arch) * epoch / 2)})
  if plan.get('nan') == trial:
    return {'accuracy': float('nan')}
  return {'accuracy': accuracy(arch), 'note': plan.get('note', '')}


def _tries(task, trial):
  lines = pathlib.Path(task['workdir'], 'calls.txt').read_text().splitlines()
  return sum(line.split()[0] == str(trial) for line in lines)


def main():
  """Runs or resumes a search: WORKDIR CONFIG."""
  config = json.loads(sys.argv[2])
  search.run(
    config, sys.argv[1], evaluate='toy_search:evaluate', problem=problem()
  )


if __name__ == '__main__':
  main()
