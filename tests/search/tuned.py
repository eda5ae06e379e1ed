"""Searchers and searches for the tests of Tune's adapters; no cluster."""

from ray.tune import search

from effnas.search import conductor, journal, schedulers
from effnas.search.engines.ray import asking, searchers


class Noting(search.Searcher):
  """Proposes what `plan` says, and notes what it is told."""

  notes = []
  plan = None

  def __init__(self, repeat=1):
    super().__init__()
    self._repeat = repeat
    self._asked = 0

  def set_search_properties(self, metric, mode, config, **spec):
    self.notes.append(('properties', metric, mode, sorted(config)))
    self._space = config
    return True

  def suggest(self, trial_id):
    found = type(self).plan(self._asked // self._repeat)
    self._asked += 1
    self.notes.append(('suggest', trial_id))
    return found

  def on_trial_result(self, trial_id, result):
    self.notes.append(('result', trial_id, result))

  def on_trial_complete(self, trial_id, result=None, error=False):
    self.notes.append(('complete', trial_id, result, error))

  def add_evaluated_point(self, parameters, value, **kwargs):
    self.notes.append(('add', parameters, value))


class Budgeted(Noting):
  """One that plans for so many trials."""

  def __init__(self, budget=10):
    super().__init__()


def load(name, problem, args=None, **kwargs):
  return searchers.load(
    name, args or {}, problem, **{'trials': 20, 'seed': 3, **kwargs}
  )


def lead(path, name, problem, *, args=None, trials=20, concurrency=1, **kwargs):
  """A conductor whose sampler is a searcher."""
  propose = load(name, problem, args, trials=trials, concurrency=concurrency)
  return conductor.Conductor(
    problem,
    propose,
    journal.Journal(path),
    trials=trials,
    concurrency=concurrency,
    scheduler=asking.waiting(schedulers.load('none', {})),
    **kwargs,
  )
