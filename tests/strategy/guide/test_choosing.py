import dataclasses

import pytest

from effnas.strategy.guide import choosing
from effnas.strategy.guide import here as here_lib


def _tried(*pairs):
  return [
    here_lib.Tried(
      'step', i, '', {'accuracy': a, 'size_bytes': s}, None, {}, {}
    )
    for i, (a, s) in enumerate(pairs)
  ]


@pytest.fixture
def choose(plan):
  def run(kind, *pairs, at=(0.9, 100)):
    (stands,) = _tried(at)
    found, why = choosing.choose(kind, plan, 0.85, stands, _tried(*pairs))
    return found and found.trial, why

  return run


def test_shrinking_takes_the_cheapest_that_keeps_the_quality(choose):
  assert choose('shrink', (0.95, 80), (0.85, 50), (0.8, 10)) == (1, '')
  assert choose('shrink', (0.86, 50), (0.87, 50)) == (1, '')
  assert choose('shrink', (0.8, 10), (0.83, 20)) == (
    1,
    '2 points under what is to be kept',
  )
  assert choose('shrink', (0.95, 120))[1].startswith('no smaller')
  assert choose('shrink') == (None, 'no trial finished')


@pytest.mark.parametrize('kind', ['improve', 'grow'])
def test_improving_takes_the_best_that_is_better(choose, kind):
  assert choose(kind, (0.91, 300), (0.92, 200), (0.92, 100)) == (2, '')
  assert choose(kind, (0.9, 10)) == (0, 'no better than before')


def test_fitting_takes_the_best(choose):
  assert choose('fit', (0.5, 9), (0.6, 10)) == (1, '')


def test_the_front_is_what_nothing_dominates(plan):
  tried = _tried((0.9, 100), (0.8, 50), (0.7, 60), (0.9, 90))
  assert [t.trial for t in choosing.front(plan, tried)] == [1, 3]


def test_recommended_is_what_the_walk_was_for(plan):
  tried = _tried((0.9, 100), (0.86, 60), (0.85, 50), (0.8, 10))

  def best(goal, **budget):
    asked = dataclasses.replace(plan, goal=goal, budget=budget)
    return choosing.recommend(asked, 0.85, tried).trial

  assert best('shrink') == 2
  assert best('shrink', size_bytes=70) == 2
  assert best('shrink', size_bytes=20) == 2  # the quality goes first
  assert best('grow', size_bytes=70) == 1
  assert best('grow', size_bytes=5) == 3
