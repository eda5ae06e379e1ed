"""The contract of every sampler; a new file in samplers/ is found by itself."""

import numpy as np
import pytest
import toy_search

from effnas.search import conductor, journal, pareto, samplers
from effnas.search import trial as trial_lib

_NAMES = samplers.names()


def finished(rng, count):
  """Some trials as a sampler may see them, failed ones among them."""
  space, trials = toy_search.Space(), []
  for i in range(count):
    arch = space.sample(rng)
    failed = i % 5 == 3
    trials.append(
      trial_lib.Trial(
        i,
        arch,
        toy_search.footprint(arch),
        'failed' if failed else 'done',
        {} if failed else {'accuracy': toy_search.accuracy(arch)},
        'MemoryError' if failed else '',
      )
    )
  return trials


def run(path, sampler, *, trials, seed, objectives, constraints=()):
  problem = toy_search.problem(constraints, objectives)
  with journal.Journal(path) as book:
    leader = conductor.Conductor(
      problem, samplers.load(sampler, {}), book, trials=trials, seed=seed
    )
    while (trial := leader.next()) is not None:
      leader.done(trial.id, {'accuracy': toy_search.accuracy(trial.arch)})
    return problem.scores(book.trials)


def test_names():
  assert {'random', 'regularized_evolution', 'nsga2'} <= set(_NAMES)


@pytest.mark.parametrize('objectives', [['accuracy'], ['accuracy', 'params']])
@pytest.mark.parametrize('count', [0, 1, 19, 60])
@pytest.mark.parametrize('name', _NAMES)
def test_proposes_valid_archs_and_is_a_pure_function(name, count, objectives):
  problem = toy_search.problem((), objectives)
  propose = samplers.load(name, {})
  trials = finished(np.random.default_rng(count), count)
  before = [dict(t.arch) for t in trials]
  for seed in range(5):
    archs = [
      propose(problem.space, problem, trials, np.random.default_rng([7, seed]))
      for _ in range(2)
    ]
    problem.space.check(archs[0])
    assert archs[0] == archs[1]
  assert [dict(t.arch) for t in trials] == before


@pytest.mark.parametrize('name', _NAMES)
def test_copes_with_failures_only(name):
  problem = toy_search.problem()
  failed = [
    trial_lib.Trial(
      i, problem.space.sample(np.random.default_rng(i)), {}, 'failed'
    )
    for i in range(50)
  ]
  rng = np.random.default_rng(0)
  problem.space.check(
    samplers.load(name, {})(problem.space, problem, failed, rng)
  )


def test_nsga2_finds_a_larger_front_than_random(tmp_path):
  def volume(sampler, seed):
    scores = run(
      tmp_path / f'{sampler}{seed}',
      sampler,
      trials=120,
      seed=seed,
      objectives=['accuracy', 'params'],
    )
    return pareto.hypervolume(scores / [1, 150], (0, 1))

  gains = [volume('nsga2', s) - volume('random', s) for s in range(6)]
  # Six seeds gave a mean gain of 0.06 with a standard deviation of 0.04.
  assert np.mean(gains) > 0.02
  assert sum(gain > 0 for gain in gains) >= 5


@pytest.mark.parametrize('name', ['regularized_evolution', 'nsga2'])
def test_evolution_beats_random_on_one_objective_under_a_budget(name, tmp_path):
  def best(sampler, seed):
    return -run(
      tmp_path / f'{sampler}{seed}',
      sampler,
      trials=100,
      seed=seed,
      objectives=['accuracy'],
      constraints={'params': 40},
    ).min()

  gains = [best(name, s) - best('random', s) for s in range(5)]
  assert np.mean(gains) > 0.01


def test_the_oldest_dies_in_regularized_evolution():
  """A trial out of the population, however good, is never a parent."""
  problem = toy_search.problem((), ['accuracy'])
  best = dict.fromkeys(problem.space.keys, 7)
  poor = dict.fromkeys(problem.space.keys, 0)
  trials = [
    trial_lib.Trial(
      i, arch, {}, 'done', {'accuracy': toy_search.accuracy(arch)}
    )
    for i, arch in enumerate([best, *[poor] * 4])
  ]
  for population, parent in ((4, poor), (5, best)):
    propose = samplers.load(
      'regularized_evolution', {'population': population, 'tournament': 50}
    )
    child = propose(problem.space, problem, trials, np.random.default_rng(0))
    assert sum(child[k] != parent[k] for k in child) == 1
