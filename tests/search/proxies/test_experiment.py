"""The experiment on NAS-Bench-201: its correlations, and its README."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from effnas.search import proxies

_FOLDER = pathlib.Path(__file__).parents[3] / 'experiments' / 'nasbench201'


@pytest.fixture
def ranking(modules_of):
  """The module of that name."""
  return modules_of(_FOLDER, ['ranking'])['ranking']


@pytest.fixture(scope='module')
def results():
  """What proxies.json holds."""
  return json.loads((_FOLDER / 'proxies.json').read_text(encoding='utf-8'))


@pytest.mark.parametrize('name', ['spearman', 'kendall'])
def test_correlations_are_scipys_with_ties_too(ranking, name):
  rng = np.random.default_rng(0)
  known = {'spearman': stats.spearmanr, 'kendall': stats.kendalltau}[name]
  for high in (4, 1000):
    a, b = rng.integers(high, size=(2, 40)).astype(float)
    b += a
    assert getattr(ranking, name)(a, b) == pytest.approx(known(a, b).statistic)


def test_intervals_hold_the_true_correlation_most_of_the_time(ranking):
  # Of normal numbers with correlation r, Kendall's tau is 2 / pi * asin(r).
  tau, rng, held = 2 / np.pi * np.arcsin(0.6), np.random.default_rng(0), 0
  for _ in range(20):
    a, b = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], size=60).T
    rows = enumerate(zip(a, b, strict=True))
    cells = {str(i): {'accuracy': x, 'p': y} for i, (x, y) in rows}
    low, high = ranking.of(cells, ['p'], draws=100)['p']['kendall_95']
    held += low <= tau <= high
  assert held >= 16


def test_the_readme_has_the_table_of_the_results(ranking, results, tmp_path):
  readme = (_FOLDER / 'README.md').read_text(encoding='utf-8')
  table = ranking.table(results)
  assert f'<!-- proxies -->\n{table}<!-- /proxies -->' in readme
  copy = tmp_path / 'README.md'
  copy.write_text(readme.replace(table, 'old\n'), encoding='utf-8')
  ranking.renew(copy, results)
  assert copy.read_text(encoding='utf-8') == readme


def test_correlations_are_those_of_the_cells(ranking, results):
  cells = results['cells'].values()
  assert len(cells) >= 100
  assert set(results['correlations']) == set(proxies.names())
  accuracy = [cell['accuracy'] for cell in cells]
  for name, found in results['correlations'].items():
    scores = [cell[name] for cell in cells]
    for kind, known in (
      ('spearman', stats.spearmanr),
      ('kendall', stats.kendalltau),
    ):
      expected = known(scores, accuracy).statistic
      assert found[kind] == pytest.approx(expected, abs=1e-4)
      low, high = found[f'{kind}_95']
      assert low < found[kind] < high


def test_an_unknown_proxy_is_one_line():
  found = subprocess.run(
    [
      sys.executable,
      str(_FOLDER / 'proxies.py'),
      '--data=nowhere',
      '--images=nowhere',
      '--only=snap',
    ],
    capture_output=True,
    text=True,
    check=False,
  )
  assert found.returncode == 2
  [line] = found.stderr.strip().splitlines()
  assert line.startswith(
    "proxies.py: unknown proxy 'snap'; did you mean 'snip'"
  )
