"""The experiment on joint search: its space, its tables, its searches."""

import hashlib
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from effnas import search
from effnas.search import samplers, schedulers
from effnas.search.networks import candidate

_FOLDER = pathlib.Path(__file__).parent.parent / 'experiments' / 'hpo'
_MODULES = (
  'curves', 'joint', 'measured', 'methods', 'plot', 'report', 'tasks',
)  # fmt: skip
_WHOLE = {'digits', 'mnist'}  # the tables without gaps


@pytest.fixture
def experiment(modules_of):
  """The modules of the experiment by name, and its results."""
  candidate._load_space.cache_clear()
  results = json.loads((_FOLDER / 'results.json').read_text(encoding='utf-8'))
  yield modules_of(_FOLDER, _MODULES), results
  candidate._load_space.cache_clear()


def _toy(modules, values):
  """Digits as if a point's number of right answers were given."""
  rows = [[v // 2, v - v // 4, v, v - 1] for v in values]
  return modules['curves'].Known(
    'digits', {'valid': 600, 'test': 600, 'rows': rows}
  )


@pytest.mark.parametrize('grid', [True, False])
def test_momentum_is_sgds_and_weight_decay_adamws(experiment, grid):
  modules, _ = experiment
  for name in modules['tasks'].TASKS:
    config = modules['tasks'].config(name, grid=grid)
    space = candidate.load_space(config)
    seen = set()
    for seed in range(20):
      arch = space.sample(np.random.default_rng(seed))
      made = candidate.build(config, arch)
      seen.add(made.optim['name'])
      own = {'sgd': 'momentum', 'adamw': 'weight_decay'}[made.optim['name']]
      assert set(made.optim) == {'schedule', 'name', 'lr', 'warmup', own}
      low, high = modules['joint'].LR[made.optim['name']]
      assert low <= made.optim['lr'] <= high * (1 + 1e-9)
      assert made.train['batch_size'] == arch['train.batch_size']
    assert seen == {'sgd', 'adamw'}


def test_tables_have_a_row_for_each_point(experiment):
  modules, results = experiment
  assert set(results['tasks']) == _WHOLE
  for name, task in results['tasks'].items():
    table = modules['measured'].read(name)
    assert len(table['rows']) == len(modules['measured'].archs(name))
    assert None not in table['rows']
    for *right, test in table['rows']:
      assert all(r is None or 0 <= r <= table['valid'] for r in right)
      assert (right[-1] is None) == (test is None)
    file = modules['measured'].path(name).read_bytes()
    assert task['table'] == hashlib.sha256(file).hexdigest()[:16]


def test_a_table_is_read_as_it_was_written(experiment, monkeypatch, tmp_path):
  measured = experiment[0]['measured']
  monkeypatch.setattr(measured, 'HERE', tmp_path)
  table = {'valid': 6, 'test': 5, 'rows': [[1, 2, 3, 4], None] * 11}
  measured.write('digits', table)
  assert measured.read('digits') == table
  assert [path.name for path in tmp_path.iterdir()] == ['digits.json']


def test_only_gaps_are_measured(experiment, monkeypatch, tmp_path):
  measured = experiment[0]['measured']
  monkeypatch.setattr(measured, 'HERE', tmp_path)
  count = len(measured.archs('digits'))
  rows = [[1, 2, 3, 4]] * count
  rows[5] = rows[7] = None
  measured.write('digits', {'valid': 600, 'test': 600, 'rows': rows})
  asked = []

  def row(config, arch, dataset):
    asked.append(arch)
    return [4, 3, 2, 1]

  monkeypatch.setattr(measured, 'row', row)
  assert [left for _, left in measured.measure('digits', None)] == [1, 0]
  points = measured.archs('digits')
  assert sorted(map(str, asked)) == sorted(map(str, (points[5], points[7])))
  found = measured.read('digits')['rows']
  assert [i for i, row in enumerate(found) if row[0] == 4] == [5, 7]


def test_every_search_pays_for_the_same_epochs(experiment):
  modules, _ = experiment
  count = len(modules['measured'].archs('digits'))
  known = _toy(modules, np.random.default_rng(0).integers(300, 590, count))
  budget, epochs = modules['methods'].BUDGET, modules['tasks'].EPOCHS
  for method in modules['methods'].METHODS.values():
    if method.sampler == 'gp':  # takes a second, and is counted as the others
      continue
    paid = modules['curves'].search(known, method.sampler, method.scheduler, 1)
    trials = [trial for _, trial in paid]
    cost = 0
    for spent, trial in paid:
      parent = 0 if trial.parent is None else trials[trial.parent].epochs
      cost += (trial.epochs or epochs) - parent
      assert spent == cost
    # What is left is less than one more trial could take.
    assert budget - epochs < cost <= budget


def test_what_is_found_is_of_networks_trained_to_the_end(experiment):
  modules, _ = experiment
  count = len(modules['measured'].archs('digits'))
  known = _toy(modules, np.arange(count) % 500)
  known.valid[:, 0] = 1.0  # a rung that must not count
  paid = modules['curves'].search(known, 'random', 'asha', 0)
  curve, test = modules['curves'].best(known, paid)
  whole = [t for _, t in paid if t.epochs == modules['tasks'].EPOCHS]
  top = max(whole, key=lambda t: t.metrics['accuracy'])
  assert curve[-1] == top.metrics['accuracy'] < 1
  assert test == known.test[known.row(top.arch)]
  assert np.isnan(curve[0])  # nine epochs are no whole training of ASHA
  told = curve[np.isfinite(curve)]
  assert (np.diff(told) >= 0).all()


def test_a_training_that_diverged_is_a_failed_trial(experiment):
  modules, _ = experiment
  count = len(modules['measured'].archs('digits'))
  known = _toy(modules, np.arange(count) % 500)
  known.valid[::2] = known.test[::2] = np.nan
  paid = modules['curves'].search(known, 'random', 'none', 0)
  status = {trial.status for _, trial in paid}
  assert status == {'done', 'failed'}
  curve, test = modules['curves'].best(known, paid)
  assert np.isfinite(curve[-1])
  assert np.isfinite(test)
  assert modules['curves'].facts(known)['diverged'] == count / 2


def test_methods_are_those_of_the_results(experiment):
  modules, results = experiment
  for method in modules['methods'].METHODS.values():
    assert samplers.load(method.sampler, {})
    assert schedulers.load(method.scheduler, {}, modules['tasks'].EPOCHS)
  for task in results['tasks'].values():
    assert list(task['methods']) == list(modules['methods'].METHODS)
    for key, found in task['methods'].items():
      method = modules['methods'].METHODS[key]
      assert found['seeds'] == method.seeds == len(found['shown'])
      assert len(found['test']) == method.seeds
      ends = [row[-1] for row in found['shown']]
      assert np.mean(ends) == pytest.approx(found['mean'][-1], abs=1e-5)
      assert max(ends) <= task['facts']['best_valid'] + 1e-5


def test_a_search_of_the_results_is_found_again(experiment):
  modules, results = experiment
  for name, task in results['tasks'].items():
    known = modules['curves'].Known(name, modules['measured'].read(name))
    for key in ('TPE', 'BOHB, TPE'):
      method = modules['methods'].METHODS[key]
      paid = modules['curves'].search(
        known, method.sampler, method.scheduler, 3
      )
      curve, test = modules['curves'].best(known, paid)
      assert curve[-1] == pytest.approx(
        task['methods'][key]['shown'][3][-1], abs=1e-5
      )
      assert test == pytest.approx(task['methods'][key]['test'][3], abs=1e-5)


def test_random_search_is_as_good_as_the_formula_says(experiment):
  modules, results = experiment
  methods = modules['methods']
  for task in results['tasks'].values():
    shown = np.array(task['methods']['random']['shown'])
    error = shown.std(axis=0, ddof=1) / len(shown) ** 0.5
    exact = [
      task['facts']['expected'][round(s * methods.FULL) - 1]
      for s in methods.SHOWN
    ]
    assert (np.abs(shown.mean(axis=0) - exact) < 4 * error).all()


def test_the_readme_has_the_tables_of_the_results(experiment):
  modules, results = experiment
  readme = (_FOLDER / 'README.md').read_text(encoding='utf-8')
  for name, table in modules['report'].tables(results).items():
    assert f'<!-- {name} -->\n{table}<!-- /{name} -->' in readme, name


def test_the_picture_is_drawn_from_the_results(experiment, tmp_path):
  modules, results = experiment
  modules['plot'].draw(results, tmp_path / 'plot.png')
  assert (tmp_path / 'plot.png').read_bytes().startswith(b'\x89PNG')


def test_intervals_are_students_and_paired(experiment):
  report = experiment[0]['report']
  mean, half = report.difference([1, 2, 4], [1, 1, 1, 9])
  assert mean == pytest.approx(4 / 3)
  # t of 2 degrees of freedom is 4.3027 at 97.5 %.
  assert half == pytest.approx(4.302653 * np.std([0, 1, 3], ddof=1) / 3**0.5)


def test_an_unknown_method_is_one_line():
  found = subprocess.run(
    [sys.executable, str(_FOLDER / 'run.py'), '--methods=tbe'],
    capture_output=True,
    text=True,
    check=False,
  )
  assert found.returncode == 2
  [line] = found.stderr.strip().splitlines()
  assert line.startswith("run.py: unknown method 'tbe'; did you mean")
  assert 'tpe' in line


def test_a_trial_of_the_continuous_space_runs(experiment, tmp_path):
  tasks = experiment[0]['tasks']
  config = tasks.config(
    'digits',
    grid=False,
    search={
      'sampler': 'random',
      'trials': 1,
      'start_with': [{'model.depth': 1, 'model.width': 8, 'optim': 'sgd'}],
    },
  )
  config['train']['epochs'] = 1
  [trial] = search.run(config, tmp_path / 'work')
  assert trial.status == 'done', trial.reason
  assert 0 <= trial.metrics['accuracy'] <= 1
  assert 'test_accuracy' in trial.metrics
  assert 'optim.sgd.momentum' in str(trial.arch) or any(
    key.endswith('momentum') for key in trial.arch
  )


@pytest.mark.slow
def test_a_search_gives_what_the_table_says(experiment, tmp_path):
  modules, _ = experiment
  points = modules['measured'].archs('digits')
  rows = modules['measured'].read('digits')['rows']
  number = next(
    i
    for i, arch in enumerate(points)
    if arch['model.depth'] == 2 and rows[i][-1] and rows[i][2] > 550
  )
  config = modules['tasks'].config(
    'digits',
    search={
      'sampler': 'random',
      'trials': 1,
      'start_with': [points[number]],
      'scheduler': 'hyperband',
      'scheduler_args': {'min_epochs': 9},
    },
  )
  [trial] = search.run(config, tmp_path / 'work')
  *_, valid, test = rows[number]
  # Other processors round otherwise.
  assert trial.metrics['accuracy'] == pytest.approx(valid / 600, abs=0.01)
  assert trial.metrics['test_accuracy'] == pytest.approx(test / 600, abs=0.01)
