"""Samplers behind a predictor."""

import dataclasses

import mixed_search
import numpy as np
import pytest

from effnas import errors
from effnas.search import plain, samplers
from effnas.search.proposing import prefilter
from effnas.search.tabular import simulate

_SPACE = mixed_search.cells()
_RANDOM = samplers.load('random', {})


def test_of_a_pool_the_better_one_is_taken():
  """Random search is better with it than without, at as many trials."""
  found = {}
  for name, args in (('plain', {}), ('filtered', {'predictor': 'gp'})):
    section = {**args, 'initial': 12} if args else {}
    propose = prefilter.load(section, _RANDOM)
    found[name] = [
      mixed_search.search(propose, _SPACE, 30, seed).min() for seed in range(14)
    ]
  gain = np.array(found['plain']) - found['filtered']
  assert gain.mean() > 2 * gain.std(ddof=1) / len(gain) ** 0.5 > 0


def test_fronts_grow_faster():
  both = ('accuracy', 'params')
  volumes = {}
  for pool in (1, 8):
    section = {'predictor': 'gp', 'pool': pool, 'initial': 12}
    propose = prefilter.load(section, _RANDOM)
    volumes[pool] = [
      simulate.hypervolumes(
        mixed_search.search(propose, _SPACE, 30, seed, both), (0, 300)
      )[-1]
      for seed in range(5)
    ]
  assert np.mean(volumes[8]) > 1.05 * np.mean(volumes[1])


def test_it_is_pure_and_says_nothing_before_its_time():
  trials = mixed_search.history(_SPACE, 40, np.random.default_rng(0))
  before = [dict(t.arch) for t in trials]
  problem = mixed_search.problem(_SPACE, ('accuracy', 'params'))
  propose = prefilter.filtered(_RANDOM, predictor='trees', initial=20)
  made = [
    propose(_SPACE, problem, trials, np.random.default_rng(7)) for _ in range(2)
  ]
  assert made[0] == made[1]
  assert [dict(t.arch) for t in trials] == before
  early = propose(_SPACE, problem, trials[:15], np.random.default_rng(7))
  assert early == _SPACE.sample(np.random.default_rng(7))


def test_constraints_and_what_was_tried_are_left_out():
  rng = np.random.default_rng(1)
  trials = [mixed_search.trial(i, _SPACE.sample(rng)) for i in range(25)]
  first = trials[0].arch
  cheap = dict.fromkeys(_SPACE.decisions, 'a')
  dear = dict.fromkeys(_SPACE.decisions, 'e')
  problem = mixed_search.problem(
    _SPACE, ('accuracy',), {'params': mixed_search.footprint(cheap)['params']}
  )
  queue = [first, dear, cheap]
  propose = prefilter.filtered(
    lambda *_: queue.pop(0), predictor='gp', pool=3, initial=5
  )
  assert propose(_SPACE, problem, trials, rng) == cheap
  queue = [first, dear, first]
  assert propose(_SPACE, problem, trials, rng) == first  # nothing is better
  free = mixed_search.problem(_SPACE)
  best = max(trials, key=lambda trial: trial.metrics['accuracy']).arch
  queue = [best, cheap, best]
  assert propose(_SPACE, free, trials, rng) == cheap


def test_what_does_not_fit_is_told():
  with pytest.raises(errors.UserError, match="did you mean 'trees'"):
    prefilter.load({'predictor': 'tree'}, _RANDOM)
  with pytest.raises(
    errors.UserError, match=r'prefilter\.pool must be a whole'
  ):
    prefilter.load({'pool': 0}, _RANDOM)
  assert prefilter.load({}, _RANDOM) is _RANDOM


def test_a_config_has_a_prefilter(tmp_path):
  from effnas import search

  def config(**more):
    return {
      'search': {
        'objectives': ['accuracy', 'params'],
        'sampler': 'random',
        'trials': 16,
        'engine': 'inline',
        **more,
      }
    }

  problem = mixed_search.problem(_SPACE, ('accuracy', 'params'))
  section = {'predictor': 'gp', 'initial': 8, 'pool': 4}
  archs = {}
  for name, more in (('with', {'prefilter': section}), ('without', {})):
    trials = search.run(
      config(**more),
      tmp_path / name,
      evaluate=f'{__name__}:_evaluate',
      problem=problem,
    )
    archs[name] = [plain.key(trial.arch) for trial in trials]
  assert archs['with'][:8] == archs['without'][:8]
  assert archs['with'] != archs['without']
  with pytest.raises(errors.UserError, match="mean 'trees'"):
    search.run(config(prefilter={'predictor': 'tree'}), tmp_path / 'bad')


def _evaluate(task, arch, trial, report):
  del task, trial, report
  return {'accuracy': mixed_search.accuracy(arch)}


def test_only_what_is_new_is_counted_and_what_cannot_be_is_left_out():
  """A footprint takes longer than all the rest."""
  rng = np.random.default_rng(2)
  archs = [_SPACE.sample(rng) for _ in range(20)]
  trials = [mixed_search.trial(i, arch) for i, arch in enumerate(archs[:16])]
  counted = []

  def footprint(arch):
    counted.append(plain.key(arch))
    if arch != archs[19]:
      raise ValueError('no such network')
    return mixed_search.footprint(arch)

  problem = dataclasses.replace(
    mixed_search.problem(_SPACE), footprint=footprint
  )
  pool = iter([archs[0], archs[1], *archs[16:20]])
  propose = prefilter.filtered(
    lambda *_: next(pool), predictor='trees', initial=4, pool=6
  )
  assert propose(_SPACE, problem, trials, rng) == archs[19]
  assert counted == [plain.key(arch) for arch in archs[16:20]]
