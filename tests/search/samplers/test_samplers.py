"""The contract of every sampler; a new file in samplers/ is found by itself."""

import importlib.util

import mixed_search
import numpy as np
import pytest
import toy_search

from effnas import errors, search
from effnas import space as space_lib
from effnas.search import conductor, journal, plain, samplers
from effnas.search import trial as trial_lib
from effnas.search.frontier import pareto
from effnas.search.proposing import paths
from effnas.search.samplers import bananas
from effnas.zoo import nasbench201

_NAMES = [
  pytest.param(
    name,
    marks=[
      pytest.mark.skipif(
        name == 'optuna' and importlib.util.find_spec('optuna') is None,
        reason='Optuna is not installed',
      )
    ],
  )
  for name in samplers.names()
]
# They do not look at results, or not at chance.
_BASELINES = ('random', 'grid', 'sobol', 'latin_hypercube')
_ORDERED = ('grid', 'sobol', 'latin_hypercube')
# They take one objective, or a scalarisation.
_SINGLE = ('local_search', 'reinforce', 'tpe')
_SLOW = ('gp', 'bananas', 'optuna')
_BOTH = {'weights': {'accuracy': 1, 'params': 0.002}}
_SPACES = {'mixed': mixed_search.mixed(), 'cells': mixed_search.cells()}


def load(name, problem):
  """The sampler; one for a single objective with a weighted sum of both."""
  propose = samplers.load(name, {})
  if len(problem.objectives) == 1 or name not in _SINGLE:
    return propose
  rng = np.random.default_rng(0)
  with pytest.raises(errors.UserError) as caught:
    propose(problem.space, problem, [], rng)
  assert f'sampler {name} takes one objective' in str(caught.value)
  assert '\n' not in str(caught.value)
  return samplers.load(name, {'scalarise': _BOTH})


@pytest.mark.parametrize('objectives', [['accuracy'], ['accuracy', 'params']])
@pytest.mark.parametrize('count', [0, 1, 2, 21, 42])
@pytest.mark.parametrize('space', _SPACES)
@pytest.mark.parametrize('name', _NAMES)
def test_proposes_valid_archs_and_is_a_pure_function(
  name, space, count, objectives
):
  problem = mixed_search.problem(_SPACES[space], objectives)
  propose = load(name, problem)
  trials = mixed_search.history(
    problem.space, count, np.random.default_rng(count)
  )
  before = [dict(t.arch) for t in trials]
  archs = []
  for seed in (0, 0, 1, 2, 3, 4):
    rng = np.random.default_rng([7, seed])
    archs.append(propose(problem.space, problem, trials, rng))
    problem.space.check(archs[-1])
  assert archs[0] == archs[1]
  different = len(set(map(plain.key, archs))) > 1
  assert different != (name in _ORDERED)
  assert [dict(t.arch) for t in trials] == before


@pytest.mark.parametrize('name', _NAMES)
def test_copes_with_failures_only(name):
  problem = mixed_search.problem(_SPACES['mixed'])
  rng = np.random.default_rng(0)
  failed = [
    mixed_search.trial(i, problem.space.sample(rng), 'failed')
    for i in range(50)
  ]
  problem.space.check(
    samplers.load(name, {})(problem.space, problem, failed, rng)
  )


@pytest.mark.parametrize('name', _NAMES)
def test_copes_with_equal_results(name):
  problem = mixed_search.problem(_SPACES['mixed'])
  rng = np.random.default_rng(0)
  trials = [
    trial_lib.Trial(i, problem.space.sample(rng), {}, 'done', {'accuracy': 0.5})
    for i in range(24)
  ]
  problem.space.check(
    samplers.load(name, {})(problem.space, problem, trials, rng)
  )


@pytest.mark.parametrize('name', _NAMES)
def test_a_search_keeps_to_constraints_and_never_repeats(name, tmp_path):
  problem = mixed_search.problem(_SPACES['mixed'], ['accuracy'], {'params': 40})
  with journal.Journal(tmp_path / 'trials.jsonl') as book:
    leader = conductor.Conductor(
      problem, samplers.load(name, {}), book, trials=24, seed=1
    )
    while (trial := leader.next()) is not None:
      leader.done(trial.id, {'accuracy': mixed_search.accuracy(trial.arch)})
    archs = [trial.arch for trial in book.trials]
  assert len(archs) == 24
  assert len(set(map(plain.key, archs))) == 24
  assert max(mixed_search.footprint(arch)['params'] for arch in archs) <= 40


@pytest.mark.parametrize(
  'name',
  ['grid', 'sobol', 'latin_hypercube', 'local_search', 'tpe', 'motpe']
  + ['gp', 'bananas'],
)
def test_finds_what_is_left(name):
  """Of 27 archs three were not tried."""
  space = space_lib.Space({f'o{i}': space_lib.oneof(*'abc') for i in range(3)})
  grid = list(space.grid())
  order = np.random.default_rng(0).permutation(27)
  trials = [
    trial_lib.Trial(i, grid[j], {}, 'done', {'accuracy': j / 27})
    for i, j in enumerate(order[:24])
  ]
  found = samplers.load(name, {})(
    space, mixed_search.problem(space), trials, np.random.default_rng(1)
  )
  assert found in [grid[j] for j in order[24:]]


@pytest.mark.parametrize('name', ['gp', 'bananas'])
def test_a_scalarisation_makes_one_objective_of_two(name):
  space = _SPACES['cells']
  rng = np.random.default_rng(0)
  trials = []
  for i in range(20):
    arch = space.sample(rng)
    found = {'accuracy': mixed_search.accuracy(arch), 'loss': i % 4}
    found['params'] = -found['loss']  # so that loss + params is nothing
    trials.append(trial_lib.Trial(i, arch, {}, 'done', found))
  one, both = (
    samplers.load(name, args)(
      space,
      mixed_search.problem(space, objectives),
      trials,
      np.random.default_rng(3),
    )
    for objectives, args in (
      (['accuracy'], {}),
      (
        ['accuracy', 'loss', 'params'],
        {
          'scalarise': {
            'weights': dict.fromkeys(['accuracy', 'loss', 'params'], 1)
          }
        },
      ),
    )
  )
  assert one == both


def beats_random(name, space, count, seeds, objectives):
  def volume(sampler, seed):
    scores = mixed_search.search(
      samplers.load(sampler, {}), space, count, seed, objectives
    )
    if len(objectives) == 1:
      return -scores.min()
    return pareto.hypervolume(scores / [1, 300], (0, 1))

  found, base = (
    np.median([volume(sampler, seed) for seed in range(seeds)])
    for sampler in (name, 'random')
  )
  assert found > base


@pytest.mark.parametrize(
  'name', [n for n in samplers.names() if n not in (*_BASELINES, *_SLOW)]
)
def test_beats_random_on_one_objective(name):
  beats_random(name, _SPACES['cells'], 70, 5, ['accuracy'])


@pytest.mark.parametrize('name', ['nsga2', 'nsga3', 'mo_evolution', 'motpe'])
def test_beats_random_on_two_objectives(name):
  beats_random(name, _SPACES['cells'], 60, 5, ['accuracy', 'params'])


@pytest.mark.parametrize('name', ['gp', 'bananas'])
def test_models_beat_random_with_few_trials(name):
  beats_random(name, _SPACES['cells'], 30, 3, ['accuracy'])


@pytest.mark.slow
@pytest.mark.parametrize('name', ['gp', 'bananas'])
def test_models_beat_random_on_two_objectives(name):
  beats_random(name, _SPACES['cells'], 60, 5, ['accuracy', 'params'])


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


@pytest.mark.parametrize('count', [1, 2, 3, 5])
@pytest.mark.parametrize('name', _NAMES)
def test_takes_so_many_objectives_or_says_so_at_once(name, count):
  """Before the first trial, and then never again."""
  objectives = ['accuracy', 'params', 'macs', 'size_bytes', 'loss'][:count]
  problem = mixed_search.problem(_SPACES['cells'], objectives)
  rng = np.random.default_rng(0)
  trials = [
    trial_lib.Trial(
      i,
      problem.space.sample(rng),
      {},
      'done',
      dict(zip(objectives, rng.random(count).tolist(), strict=True)),
    )
    for i in range(42)
  ]
  propose = samplers.load(name, {})
  if name in _SINGLE and count > 1:
    with pytest.raises(errors.UserError) as caught:
      propose(problem.space, problem, [], rng)
    assert str(caught.value).startswith(
      f'sampler {name} takes one objective, got {", ".join(objectives)}; '
    )
    assert '\n' not in str(caught.value)
    weights = dict.fromkeys(objectives, 1)
    propose = samplers.load(name, {'scalarise': {'weights': weights}})
  for seen in ([], trials):
    problem.space.check(propose(problem.space, problem, seen, rng))


@pytest.mark.parametrize('name', _SINGLE)
def test_a_search_for_too_many_objectives_trains_nothing(name, tmp_path):
  first = toy_search.Space().sample(np.random.default_rng(0))
  with pytest.raises(errors.UserError, match='takes one objective, got acc'):
    search.run(
      toy_search.config(sampler=name),
      tmp_path,
      evaluate='toy_search:evaluate',
      problem=toy_search.problem(starts=[first]),
    )
  assert not (tmp_path / 'calls.txt').exists()


@pytest.mark.parametrize(
  'name', [pytest.param('gp', marks=pytest.mark.slow), 'tpe', 'motpe']
)
def test_models_beat_random_where_types_are_mixed(name):
  """Architecture and hyper-parameters at once, some of them inactive."""
  beats_random(name, _SPACES['mixed'], 40, 7, ['accuracy'])


def test_paths_are_what_bananas_sees_of_a_cell():
  space = nasbench201.space()
  cells = paths.Cells(space)
  archs = [space.sample(np.random.default_rng(i)) for i in range(9)]
  one_hot = bananas._inputs(_SPACES['cells'], 'auto')
  assert np.array_equal(
    bananas._inputs(space, 'auto')(archs), cells.rows(archs)
  )
  assert np.array_equal(
    bananas._inputs(space, 'path')(archs), cells.rows(archs)
  )
  assert bananas._inputs(space, 'one_hot')(archs).shape == (9, 6 * 5)
  assert one_hot([_SPACES['cells'].sample(np.random.default_rng(0))]).sum() == 8


@pytest.mark.parametrize(
  ('encoding', 'said'),
  [
    (
      'path',
      "'path' needs a space .*; take 'one_hot' or 'auto' for op0, op1, ",
    ),
    (
      'paths',
      "unknown encoding of sampler bananas 'paths'; did you mean 'path'",
    ),
  ],
)
def test_an_encoding_that_does_not_fit_is_told_at_once(encoding, said):
  problem = mixed_search.problem(_SPACES['cells'])
  propose = samplers.load('bananas', {'encoding': encoding})
  with pytest.raises(errors.UserError, match=said):
    propose(problem.space, problem, [], np.random.default_rng(0))
