"""What the model-based samplers learn with."""

import mixed_search
import numpy as np
import pytest

from effnas import space as space_lib
from effnas.search.frontier import pareto
from effnas.search.proposing import ensemble, gaussian_process
from effnas.search.proposing import features as features_lib
from effnas.search.samplers import gp


def spearman(a, b):
  ranks = [np.argsort(np.argsort(x)) for x in (a, b)]
  return np.corrcoef(*ranks)[0, 1]


def data(space, count, seed=0):
  rng = np.random.default_rng(seed)
  archs = [space.sample(rng) for _ in range(count)]
  values = np.array([mixed_search.accuracy(a) for a in archs])
  return features_lib.Features(space), archs, values


@pytest.mark.parametrize('space', [mixed_search.cells(), mixed_search.mixed()])
def test_models_rank_what_they_have_not_seen(space):
  features, archs, values = data(space, 260)
  rows = features.rows(archs)
  x = features.one_hot(rows)
  told = ensemble.Ensemble(x[:160], values[:160], np.random.default_rng(1))
  assert spearman(told.predict(x[160:]).mean(axis=0), values[160:]) > 0.7
  process = gaussian_process.GaussianProcess(
    features.apart(rows[:160], rows[:160]), values[:160]
  )
  mean, deviation = process.predict(features.apart(rows[160:], rows[:160]))
  assert spearman(mean, values[160:]) > 0.8
  # Errors are about as large as it says.
  within = np.abs(mean - values[160:]) < 2 * deviation
  assert 0.75 < within.mean() <= 1


def test_a_process_goes_through_its_points_and_doubts_what_is_far():
  space = space_lib.Space({'x': space_lib.uniform(0, 1)})
  features = features_lib.Features(space)
  rows = np.linspace(0, 0.4, 12)[:, None]
  values = np.sin(6 * rows[:, 0])
  process = gaussian_process.GaussianProcess(features.apart(rows, rows), values)
  asked = np.array([[0.1], [0.15], [1.0]])
  mean, deviation = process.predict(features.apart(asked, rows))
  assert mean[:2] == pytest.approx(np.sin(6 * asked[:2, 0]), abs=0.05)
  assert deviation[2] > 3 * deviation[1]


def test_the_likelihood_finds_the_decision_that_matters():
  space = mixed_search.cells()
  features, archs, _ = data(space, 80)
  rows = features.rows(archs)
  values = np.array(['abcde'.index(a['op3']) for a in archs], float) % 3
  process = gaussian_process.GaussianProcess(features.apart(rows, rows), values)
  assert np.argmax(process._weights) == 3
  assert process._weights[3] > 5 * np.delete(process._weights, 3).max()


def test_gradients_of_the_ensemble_are_those_of_its_loss():
  rng = np.random.default_rng(0)
  x, y = rng.normal(size=(7, 4)), rng.normal(size=7)
  net = ensemble.Ensemble(x, y, rng, members=2, width=5, steps=3)
  net._parameters = [p.astype(float) for p in net._parameters]
  seen = rng.random((2, 7, 1))
  slopes = net._slopes(x, y[:, None], seen)

  def loss():
    return (seen * (net._layers(x)[-1] - y[:, None]) ** 2).sum()

  for i, (parameter, slope) in enumerate(
    zip(net._parameters, slopes, strict=True)
  ):
    place = tuple(rng.integers(n) for n in parameter.shape)
    kept = parameter[place]
    sides = []
    for step in (1e-6, -1e-6):
      net._parameters[i][place] = kept + step
      sides.append(loss())
    net._parameters[i][place] = kept
    assert slope[place] == pytest.approx(
      (sides[0] - sides[1]) / 2e-6, rel=1e-4, abs=1e-7
    )


def test_expected_improvement_is_that_of_draws():
  values = np.array([[1.0], [0.2]])
  mean, deviation = np.array([[0.3], [0.1]]), np.array([[0.4], [0.05]])
  found = gp._improvement(values)(mean, deviation)
  rng = np.random.default_rng(0)
  draws = rng.normal(mean[:, 0], deviation[:, 0], (200_000, 2))
  expected = np.maximum(0.2 - draws, 0).mean(axis=0)
  assert found == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize('objectives', [2, 3, 4])
def test_expected_hypervolume_improvement_is_that_of_draws(objectives):
  rng = np.random.default_rng(1)
  values = rng.random((9, objectives))
  front = values[pareto.front(values)]
  mean = rng.random((3, objectives)) * 0.5 + 0.1
  deviation = np.full((3, objectives), 0.2)
  low, high = front.min(axis=0), front.max(axis=0)
  corner = (high + gp._MARGIN * (high - low)).tolist()
  base = pareto.hypervolume(front, corner)
  found = gp._improvement(values)(mean, deviation)
  for m, d, one in zip(mean, deviation, found, strict=True):
    gains = [
      pareto.hypervolume(np.vstack([front, draw]), corner) - base
      for draw in rng.normal(m, d, (500, objectives))
    ]
    assert abs(one - np.mean(gains)) < 4 * np.std(gains) / 500**0.5


@pytest.mark.parametrize('objectives', [1, 2, 3])
def test_a_sure_candidate_gains_what_the_hypervolume_does(objectives):
  rng = np.random.default_rng(0)
  values = rng.random((12, objectives))
  values = np.vstack([values, values[:4]])  # equal ones are no trouble
  points = rng.random((30, objectives)) - 0.1
  front = values[pareto.front(values)]
  low, high = front.min(axis=0), front.max(axis=0)
  corner = (high + gp._MARGIN * (high - low)).tolist()
  found = gp._improvement(values)(points, np.full(points.shape, 1e-9))
  expected = [
    pareto.hypervolume(np.vstack([front, p]), corner)
    - pareto.hypervolume(front, corner)
    for p in points
  ]
  assert found == pytest.approx(np.array(expected), abs=1e-6)


def test_of_many_trials_the_best_and_some_others_are_learned_from():
  places = np.random.default_rng(0).permutation(1000)
  kept = gp._kept(places)
  assert len(set(kept.tolist())) == len(kept) == gp._MOST
  assert set(places[: gp._MOST // 2]) <= set(kept)
  assert np.array_equal(gp._kept(places[:50]), np.arange(50))
