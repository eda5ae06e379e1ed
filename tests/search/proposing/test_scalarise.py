import numpy as np
import pytest

from effnas import errors
from effnas.search import problem as problem_lib
from effnas.search import trial as trial_lib
from effnas.search.proposing import scalarise

_NAMES = ('accuracy', 'latency_ms@pixel2')


def problem(*names):
  return problem_lib.Problem(None, names or _NAMES, dict)


def trials():
  values = [(0.7, 80.0), (0.735, 160.0), (0.65, 40.0)]
  return [
    trial_lib.Trial(i, {}, {}, 'done', dict(zip(_NAMES, v, strict=True)))
    for i, v in enumerate(values)
  ]


def test_reward_is_that_of_mnasnet():
  """Twice the latency is worth 5 % of the accuracy, at -0.07."""
  found = scalarise.scores(
    problem(), trials(), {'targets': {_NAMES[1]: 80}}, 'tpe'
  )
  assert found == pytest.approx(
    [-0.7, -0.735 * 2**-0.07, -0.65 * 2**0.07], rel=1e-12
  )
  assert found[1] == pytest.approx(found[0], rel=3e-3)


def test_an_exponent_of_choice():
  how = {'targets': {_NAMES[1]: 80}, 'exponent': -1}
  found = scalarise.scores(problem(), trials(), how, 'tpe')
  assert found == pytest.approx([-0.7, -0.735 / 2, -0.65 * 2])


def test_weights_take_each_objective_its_own_way():
  how = {'weights': {'accuracy': 1, _NAMES[1]: 0.001}}
  found = scalarise.scores(problem(), trials(), how, 'tpe')
  assert found == pytest.approx([-0.62, -0.575, -0.61])


def test_one_objective_needs_no_word():
  found = scalarise.scores(problem('accuracy'), trials(), None, 'tpe')
  assert found.tolist() == [-0.7, -0.735, -0.65]
  assert scalarise.scores(problem('accuracy'), [], None, 'tpe').shape == (0,)


@pytest.mark.parametrize(
  ('how', 'said'),
  [
    (None, r'sampler tpe takes one objective, got accuracy, latency_ms'),
    ({}, r"tpe.scalarise is \{'weights'"),
    ('mnasnet', r"got 'mnasnet'"),
    ({'weights': {}, 'exponent': -1}, r"tpe.scalarise is \{'weights'"),
    ({'weights': {'accuracy': 1, _NAMES[1]: 0}}, 'a number above 0 for every'),
    ({'weights': {'accuracy': 1}}, 'for every objective of accuracy, latency'),
    ({'weights': 3}, 'got 3'),
    ({'weights': {'acuracy': 1}}, "unknown objective in .* 'acuracy'"),
    ({'targets': dict.fromkeys(_NAMES, 1)}, 'all objectives but one'),
    ({'targets': {_NAMES[1]: 80}, 'exponent': 0.07}, 'below 0, got 0.07'),
    ({'targets': {_NAMES[1]: 80}, 'exponent': 'soft'}, "below 0, got 'soft'"),
  ],
)
def test_what_does_not_fit_is_one_line(how, said):
  with pytest.raises(errors.UserError, match=said) as caught:
    scalarise.scores(problem(), trials(), how, 'tpe')
  assert '\n' not in str(caught.value)


def test_the_given_mapping_is_not_changed():
  how = {'targets': {_NAMES[1]: 80}}
  scalarise.scores(problem(), trials(), how, 'tpe')
  assert how == {'targets': {_NAMES[1]: 80}}
  assert np.isfinite(scalarise.reward([1], [[1]], [2])).all()
