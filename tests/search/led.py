"""Searches led by a conductor, for its tests and those of its draws."""

import toy_search

from effnas.search import (
  conductor,
  journal,
  samplers,
)

_SMALL = {
  'nsga2': {'population': 3},
  'regularized_evolution': {'population': 3},
}


def lead(path, sampler='nsga2', problem=None, **kwargs):
  book = journal.Journal(path)
  args = _SMALL.get(sampler, {})
  return conductor.Conductor(
    problem or toy_search.problem(),
    samplers.load(sampler, args),
    book,
    **{'trials': 14, **kwargs},
  )


def shuffled(
  leader, concurrency, rng, stop_after=None, accuracy=toy_search.accuracy
):
  """An engine whose running trials finish in random order; some fail."""
  running, most, finished = [], 0, 0
  while True:
    while (trial := leader.next()) is not None:
      running.append(trial)
    most = max(most, len(running))
    assert leader.running == len(running) <= concurrency
    if not running:
      assert leader.exhausted
      break
    trial = running.pop(rng.integers(len(running)))
    if trial.id % 5 == 2:
      leader.failed(trial.id, 'MemoryError')
    else:
      leader.done(trial.id, {'accuracy': accuracy(trial.arch)})
    finished += 1
    if finished == stop_after:
      break
  leader.journal.close()
  return most
