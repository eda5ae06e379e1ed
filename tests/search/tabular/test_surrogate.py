"""Surrogates of incomplete tables."""

import itertools
import json
import pathlib

import mixed_search
import numpy as np
import pytest

from effnas import errors, search
from effnas.search import tables
from effnas.search.tabular import simulate, surrogate, table_trials
from effnas.search.tabular import table as table_lib

_SPACE = mixed_search.cells()
_NAMES = ('accuracy', 'params')


def _table(rows=400):
  rng = np.random.default_rng(0)
  archs = list({tuple(_SPACE.sample(rng).values()) for _ in range(rows)})
  archs = [dict(zip(_SPACE.decisions, a, strict=True)) for a in sorted(archs)]
  columns = {
    'accuracy': np.array([mixed_search.accuracy(a) for a in archs]),
    'params': np.array(
      [mixed_search.footprint(a)['params'] for a in archs], float
    ),
    'latency_ms@board': np.full(len(archs), np.nan),
  }
  return table_lib.Table('Toy', _SPACE, archs, columns, {'file': 'none'})


@pytest.fixture(scope='module')
def made():
  return surrogate.Surrogate(_table(), _NAMES, predictor='gp', seed=3)


def test_the_held_out_error_is_that_of_other_networks(made):
  """What it says of its own worth is so on networks of no table."""
  rng = np.random.default_rng(9)
  archs = [_SPACE.sample(rng) for _ in range(300)]
  for name, tell in (
    ('accuracy', mixed_search.accuracy),
    ('params', lambda a: mixed_search.footprint(a)['params']),
  ):
    told = np.array(
      [{**made.evaluate(a), **made.footprint(a)}[name] for a in archs]
    )
    true = np.array([tell(a) for a in archs])
    held = made.held_out[name]
    assert held['spearman'] > 0.8
    assert held['relative_error'] < 0.2
    assert held['fitted'] == 4 * held['tried'] == 320
    assert surrogate.spearman(told, true) == pytest.approx(
      held['spearman'], abs=0.08
    )
    assert surrogate.kendall(told, true) == pytest.approx(
      held['kendall'], abs=0.1
    )
    error = (np.abs(told - true) / true).mean()
    assert error == pytest.approx(held['relative_error'], rel=0.4)


def test_nothing_pretends_to_be_measured(made):
  problem = made.problem(_NAMES, {'params': 150})
  assert problem.space.size == _SPACE.size
  arch = dict.fromkeys(_SPACE.decisions, 'c')
  sources = problem.sources(arch)
  assert set(sources) == set(_NAMES)
  for name, text in sources.items():
    held = made.held_out[name]
    assert text.startswith('surrogate of Toy (held-out Spearman ')
    assert f'{held["spearman"]:.2f}' in text
    assert f'error {100 * held["relative_error"]:.1f} %' in text
  kept = json.loads(json.dumps(problem.provenance))
  assert kept['surrogate']['held_out'] == made.held_out
  assert kept['file'] == 'none'
  assert made.test(arch) == {}
  trials = simulate.run(problem, made.evaluate, 'nsga2', trials=30, seed=0)
  assert all(t.status == 'done' for t in trials)
  assert all(t.sources == sources for t in trials)
  assert max(t.footprint['params'] for t in trials) <= 150


def test_seeds_say_which_rows_are_fitted(made):
  again, other = (
    surrogate.Surrogate(_table(), ['accuracy'], predictor='gp', seed=seed)
    for seed in (3, 4)
  )
  assert again.held_out['accuracy'] == made.held_out['accuracy']
  assert other.held_out['accuracy'] != made.held_out['accuracy']


def test_what_cannot_be_fitted_is_told(made):
  with pytest.raises(errors.UserError, match='10 rows with latency_ms@board'):
    surrogate.Surrogate(_table(), ['latency_ms@board'])
  with pytest.raises(errors.UserError, match='got 32 and 8'):
    surrogate.Surrogate(_table(40), ['params'])
  with pytest.raises(errors.UserError, match="metric of Toy 'macs'"):
    surrogate.Surrogate(_table(), ['macs'])
  with pytest.raises(errors.UserError, match='of the surrogate of Toy'):
    made.problem(['loss'])
  with pytest.raises(errors.UserError, match=r'share must lie between'):
    surrogate.Surrogate(_table(), ['params'], share=1)


def test_ranks_with_ties_by_hand():
  a, b = np.array([1, 2, 2, 4]), np.array([1, 3, 2, 2])
  # Ranks 0 1.5 1.5 3 and 0 3 1.5 1.5: sums of products 2.25, of squares 4.5.
  assert surrogate.spearman(a, b) == pytest.approx(0.5)
  # Pairs: 3 alike, 1 the other way, each with one tie of six pairs.
  assert surrogate.kendall(a, b) == pytest.approx((3 - 1) / 5)
  assert surrogate.spearman(a, np.ones(4)) == surrogate.kendall(a, b * 0) == 0


def test_a_config_names_a_surrogate(tmp_path):
  rng = np.random.default_rng(0)
  keys = [''.join(key) for key in itertools.product('012', repeat=8)]
  rows = {
    keys[i]: {
      'mean_acc': 80 + sum(map(int, keys[i])),
      'params': 9 + keys[i].count('2'),
      'flops': 9,
    }
    for i in rng.choice(len(keys), 120, replace=False)
  }
  path = tmp_path / 'macro.json'
  path.write_text(json.dumps(rows))
  how = {'predictor': 'gp', 'seed': 1}
  config = {
    'table': {
      'name': 'nasbench_macro',
      'path': str(path),
      'verify': False,
      'surrogate': how,
    },
    'search': {
      'objectives': ['accuracy', 'params'],
      'sampler': 'random',
      'trials': 10,
      'engine': 'inline',
    },
  }
  trials = search.run(config, tmp_path / 'work')
  assert [t.status for t in trials] == ['done'] * 10
  assert all('surrogate of' in t.sources['accuracy'] for t in trials)
  assert table_trials.problem(config).space.size == len(keys)
  config['table']['surrogate'] = {'predicter': 'gp'}
  with pytest.raises(errors.UserError, match="mean 'predictor'"):
    table_trials.problem(config)


@pytest.mark.slow
@pytest.mark.parametrize(
  ('name', 'file', 'metric', 'least'),
  [
    ('accel_nasbench', 'accel_nasbench_dev.csv', 'accuracy', 0.8),
    ('hw_gpt', 'hw_gpt_bench_s_dev.csv.gz', 'loss', 0.8),
  ],
)
def test_published_tables_have_surrogates(name, file, metric, least):
  path = pathlib.Path(__file__).parents[4] / 'shared' / 'data' / file
  if not path.is_file():
    pytest.skip(f'no table at {path}')
  made = surrogate.Surrogate(tables.load(name, path), [metric, 'params'])
  assert made.held_out[metric]['spearman'] > least
