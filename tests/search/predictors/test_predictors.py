"""Predictors; a new file in predictors/ is held to the contract by itself."""

import subprocess
import sys

import mixed_search
import numpy as np
import pytest

from effnas import errors
from effnas import space as space_lib
from effnas.search import predictors
from effnas.search.proposing import features as features_lib
from effnas.search.proposing import paths
from effnas.zoo import nasbench201

_NAMES = predictors.names()
_SPACES = {'cells': mixed_search.cells(), 'mixed': mixed_search.mixed()}


def data(space, count, seed=0):
  rng = np.random.default_rng(seed)
  archs = [space.sample(rng) for _ in range(count)]
  return archs, np.array([mixed_search.accuracy(arch) for arch in archs])


def spearman(a, b):
  ranks = [np.argsort(np.argsort(x)) for x in (a, b)]
  return np.corrcoef(*ranks)[0, 1]


def fitted(name, space, archs, values, seed=1, **args):
  rng = np.random.default_rng(seed)
  return predictors.load(name, args)(space, archs, values, rng)


def nearest(space, archs, values, asked):
  """What the nearest known architectures have on average."""
  features = features_lib.Features(space)
  rows = [features.rows(some) for some in (asked, archs)]
  away = features.apart(*rows).sum(axis=0)
  order = np.argsort(away, axis=1, kind='stable')[:, :5]
  return values[order].mean(axis=1)


@pytest.mark.parametrize('kind', _SPACES)
@pytest.mark.parametrize('name', _NAMES)
def test_what_was_not_seen_is_ranked(name, kind):
  space = _SPACES[kind]
  archs, values = data(space, 300)
  mean, spread = fitted(name, space, archs[:150], values[:150])(archs[150:])
  assert mean.shape == spread.shape == (150,)
  assert (spread > 0).all()
  found = spearman(mean, values[150:])
  baseline = nearest(space, archs[:150], values[:150], archs[150:])
  assert found > 0.75
  assert found > spearman(baseline, values[150:]) + 0.02
  # It has the values' own unit.
  error = np.abs(mean - values[150:]).mean()
  assert error < 0.6 * np.abs(values[150:] - values[:150].mean()).mean()


@pytest.mark.parametrize('name', _NAMES)
def test_equal_seeds_tell_the_same_in_whatever_order_they_learn(name):
  space = _SPACES['mixed']
  archs, values = data(space, 40)
  archs, values = archs + archs[:3], np.append(values, values[:3] + 0.01)
  asked, _ = data(space, 20, seed=2)
  told = fitted(name, space, archs, values)(asked)
  order = np.random.default_rng(3).permutation(len(archs))
  shuffled = [archs[i] for i in order]
  again = fitted(name, space, shuffled, values[order])(asked)
  for one, other in zip(told, again, strict=True):
    np.testing.assert_allclose(one, other, rtol=1e-9)


@pytest.mark.parametrize('name', ['gp', 'networks'])
def test_doubt_grows_away_from_what_is_known(name):
  space = space_lib.Space(
    {'x': space_lib.uniform(0, 1), 'y': space_lib.uniform(0, 1)}
  )
  rng = np.random.default_rng(0)
  archs = [
    dict(zip('xy', xy, strict=True)) for xy in rng.uniform(0, 0.4, (40, 2))
  ]
  values = np.array([np.sin(5 * a['x']) + a['y'] for a in archs])
  predict = fitted(name, space, archs, values)
  _, near = predict(
    [dict(zip('xy', xy, strict=True)) for xy in rng.uniform(0.05, 0.35, (9, 2))]
  )
  _, far = predict(
    [dict(zip('xy', xy, strict=True)) for xy in rng.uniform(0.8, 1, (9, 2))]
  )
  assert far.min() > 1.5 * near.max()


@pytest.mark.parametrize('name', _NAMES)
@pytest.mark.parametrize('count', [1, 2, 30])
def test_what_is_always_the_same_is_expected(name, count):
  space = _SPACES['mixed']
  archs, _ = data(space, count)
  asked, _ = data(space, 5, seed=4)
  mean, spread = fitted(name, space, archs, np.full(count, 0.7))(asked)
  assert mean == pytest.approx(np.full(5, 0.7))
  assert (spread < 1e-6).all()


@pytest.mark.parametrize('name', _NAMES)
def test_values_of_any_size_are_told(name):
  """Bytes and shares alike: what is told moves with the unit."""
  space = _SPACES['cells']
  archs, values = data(space, 60)
  asked, _ = data(space, 10, seed=5)
  mean, spread = fitted(name, space, archs, values)(asked)
  more, wider = fitted(name, space, archs, 1e6 * values + 3e6)(asked)
  np.testing.assert_allclose(more, 1e6 * mean + 3e6, rtol=1e-3)
  np.testing.assert_allclose(wider, 1e6 * spread, rtol=0.05)


@pytest.mark.parametrize('name', _NAMES)
def test_no_question_has_no_answer(name):
  archs, values = data(_SPACES['cells'], 20)
  mean, spread = fitted(name, _SPACES['cells'], archs, values)([])
  assert mean.shape == spread.shape == (0,)


def test_numbers_have_an_order_for_trees():
  """Names are apart from each other; of numbers the middle lies between."""
  rng = np.random.default_rng(0)
  labels = {'numbers': (5, 1, 3, 7, 9), 'names': ('v', 'i', 'iii', 'x', 'y')}
  for kind, options in labels.items():
    space = space_lib.Space(
      {'a': space_lib.oneof(*options), 'b': space_lib.uniform(0, 1)}
    )
    ends = [options[i] for i in (1, 4)]  # the middle was never seen
    archs = [{'a': ends[i % 2], 'b': float(rng.random())} for i in range(40)]
    values = np.array([float(a['a'] == ends[1]) for a in archs])
    predict = fitted('trees', space, archs, values)
    [above, below], _ = predict([{'a': options[i], 'b': 0.5} for i in (3, 2)])
    assert (above - below > 0.9) == (kind == 'numbers')


def test_few_are_learned_from_where_there_are_many():
  archs, values = data(_SPACES['cells'], 120)
  whole, some = (
    fitted('gp', _SPACES['cells'], archs, values, most=most)(archs)[0]
    for most in (500, 30)
  )
  assert spearman(whole, values) > spearman(some, values) > 0.3


def test_networks_learn_from_paths():
  space = nasbench201.space()
  rng = np.random.default_rng(0)
  archs = [space.sample(rng) for _ in range(240)]
  cells = paths.Cells(space)
  convs = [sum('conv' in step for step in path) for path in cells.columns]
  values = (cells.rows(archs) * convs).max(axis=1)
  dead = {'model.edge_0_1': 'none'}  # then node 1 has no part in it
  twins = [
    {**archs[0], **dead, 'model.edge_1_2': op}
    for op in ('none', 'avg_pool_3x3')
  ]
  for encoding, alike in (('one_hot', False), ('paths', True)):
    predict = fitted(
      'networks', space, archs[:120], values[:120], encoding=encoding
    )
    assert spearman(predict(archs[120:])[0], values[120:]) > 0.5
    one, other = predict(twins)[0]
    assert (one == other) == alike
  with pytest.raises(errors.UserError, match="take 'one_hot'"):
    fitted('networks', _SPACES['mixed'], [], [], encoding='paths')
  with pytest.raises(errors.UserError, match="mean 'paths'"):
    fitted('networks', space, archs, values, encoding='path')


def test_scikit_learn_is_loaded_when_trees_grow():
  code = (
    'import sys; from effnas.search import predictors; '
    '[predictors.load(name, {}) for name in predictors.names()]; '
    'print("sklearn" in sys.modules)'
  )
  found = subprocess.run(
    [sys.executable, '-c', code], capture_output=True, text=True, check=True
  )
  assert found.stdout.strip() == 'False'


def test_unknown_names_are_told():
  with pytest.raises(errors.UserError, match="did you mean 'trees'"):
    predictors.load('tree', {})
  with pytest.raises(
    errors.UserError, match=r'gp\.most must be a whole number'
  ):
    predictors.load('gp', {'most': 0})
