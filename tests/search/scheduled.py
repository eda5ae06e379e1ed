"""Searches under a scheduler, for the tests of schedulers."""

import budget_search
import numpy as np

from effnas.search import (
  conductor,
  journal,
  samplers,
  schedulers,
)


def lead(path, name, *, args=None, problem=None, epochs=9, **kwargs):
  given = budget_search.ARGS.get(name, {}) if args is None else args
  return conductor.Conductor(
    problem or budget_search.problem(budget_search.objectives(name)),
    samplers.load(*kwargs.pop('sampler', ('random', {}))),
    journal.Journal(path),
    scheduler=schedulers.load(name, given, epochs),
    **{'trials': 40, **kwargs},
  )


def play(leader, concurrency=1, seed=0, fails=()):
  """An engine whose running trials finish in random order."""
  rng, running, skills = np.random.default_rng(seed), [], {}
  while True:
    while (trial := leader.next()) is not None:
      running.append(trial)
    assert len(running) <= concurrency
    if not running:
      assert leader.exhausted
      leader.journal.close()
      return list(leader.journal.trials)
    trial = running.pop(rng.integers(len(running)))
    skill, last = skills.get(trial.parent, (0.0, 0))
    epochs = trial.epochs or 9
    trained = budget_search.trained(trial.arch, skill, epochs - last)
    skills[trial.id] = list(trained)[-1], epochs
    if trial.id in fails:
      leader.failed(trial.id, 'MemoryError')
    else:
      found = budget_search.accuracy(trial.arch, skills[trial.id][0])
      leader.done(trial.id, {'accuracy': found})
