"""A problem over every kind of decision, for the tests of samplers."""

import dataclasses
import itertools
import math
from typing import Any

import numpy as np

from effnas import space as space_lib
from effnas.search import plain
from effnas.search import problem as problem_lib
from effnas.search import trial as trial_lib

_OPTIONS = ('a', 'b', 'c', 'd', 'e')


@dataclasses.dataclass(frozen=True)
class Convolution:
  kernel: Any
  groups: Any = 1


@dataclasses.dataclass(frozen=True)
class Attention:
  heads: Any
  dropout: Any


def mixed():
  """Options, integers, real and log ranges; some only within alternatives."""
  return space_lib.Space(
    {
      'width': space_lib.intrange(8, 64, 8),
      'twins': space_lib.oneof(True, 1, 1.0),
      'only': space_lib.oneof('this'),
      'block': space_lib.oneof(
        Convolution(kernel=space_lib.oneof(3, 5, 7)),
        Attention(
          heads=space_lib.oneof(1, 2, 4), dropout=space_lib.uniform(0, 0.5)
        ),
      ),
      'rate': space_lib.loguniform(1e-4, 1e-1),
    }
  )


def cells():
  """Eight decisions of five options, 390,625 architectures."""
  return space_lib.Space(
    {f'op{i}': space_lib.oneof(*_OPTIONS) for i in range(8)}
  )


def accuracy(arch):
  """What the tests train: additive, with pairs, or a bowl where it is mixed."""
  if 'op0' in arch:
    x = [_OPTIONS.index(value) for value in arch.values()]
    single = sum((3 * i + 2 * v) % 5 for i, v in enumerate(x))
    pairs = sum(
      (v * w + i) % 4 for i, (v, w) in enumerate(itertools.pairwise(x))
    )
    return (single + pairs) / 60
  found = 0.9 - 0.05 * abs(math.log10(arch['rate']) + 2.5)
  found -= 0.1 * (arch['width'] / 64 - 0.75) ** 2
  if 'block.Attention.dropout' in arch:
    return found - 0.3 * (arch['block.Attention.dropout'] - 0.1) ** 2
  return found - 0.02 * (arch['block.Convolution.kernel'] != 5)


def footprint(arch):
  """Bytes and so on: dearer with every step away from the first option."""
  if 'op0' in arch:
    costs = [(1 + 4 * _OPTIONS.index(v)) for v in arch.values()]
    return {'params': sum(c * (1 + i % 3) for i, c in enumerate(costs))}
  return {'params': arch['width'] * (3 if arch['block'] == 'Attention' else 1)}


def problem(space, objectives=('accuracy',), constraints=None):
  return problem_lib.Problem(
    space, list(objectives), footprint, constraints or {}
  )


def trial(number, arch, status='done'):
  """A trial as a sampler sees it."""
  found = {'accuracy': accuracy(arch)} if status == 'done' else {}
  return trial_lib.Trial(
    number,
    arch,
    footprint(arch),
    status,
    found,
    'MemoryError' if status in ('failed', 'stopped') else '',
  )


def history(space, count, rng):
  """Trials of which some failed or were stopped; the last one still runs."""
  trials = []
  for i in range(count):
    status = {3: 'failed', 8: 'stopped'}.get(i % 10, 'done')
    status = 'proposed' if 0 < i == count - 1 else status
    trials.append(trial(i, space.sample(rng), status))
  return trials


def search(propose, space, count, seed, objectives=('accuracy',)):
  """Returns the scores of a search without an engine."""
  asked = problem(space, objectives)
  trials, known = [], set()
  for i in range(count):
    rng = np.random.default_rng([seed, i])
    for _ in range(20):
      arch = propose(space, asked, trials, rng)
      if plain.key(arch) not in known:
        break
    known.add(plain.key(arch))
    trials.append(trial(i, arch))
  return asked.scores(trials)
