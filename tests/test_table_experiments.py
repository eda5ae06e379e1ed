"""The experiments on tables: their READMEs are those of their results."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from effnas.search import samplers

_ROOT = pathlib.Path(__file__).parent.parent / 'experiments'
_MODULES = {
  'nasbench201': ('curves', 'facts', 'methods', 'plot', 'report'),
  'hardware_pareto': (
    'curves', 'methods', 'peers', 'plot', 'report', 'tasks',
  ),
}  # fmt: skip


@pytest.fixture(params=_MODULES)
def experiment(request, modules_of):
  """The name, the folder, the modules by name, the results."""
  folder = _ROOT / request.param
  results = json.loads((folder / 'results.json').read_text(encoding='utf-8'))
  modules = modules_of(folder, _MODULES[request.param])
  return request.param, folder, modules, results


def test_the_readme_has_the_tables_of_the_results(experiment):
  _, folder, modules, results = experiment
  readme = (folder / 'README.md').read_text(encoding='utf-8')
  for name, table in modules['report'].tables(results).items():
    assert f'<!-- {name} -->\n{table}<!-- /{name} -->' in readme, name


def test_the_picture_is_drawn_from_the_results(experiment, tmp_path):
  _, _, modules, results = experiment
  modules['plot'].draw(results, tmp_path / 'plot.png')
  assert (tmp_path / 'plot.png').read_bytes().startswith(b'\x89PNG')


def test_methods_are_samplers_that_take_their_settings(experiment):
  name, _, modules, results = experiment
  methods = modules['methods']
  if name == 'nasbench201':
    settings = {key: [m.args] for key, m in methods.METHODS.items()}
    assert set(results['samplers']) == set(settings)
    for key, found in results['samplers'].items():
      assert found['args'] == methods.METHODS[key].args
  else:
    settings = methods.OURS
    for task in results['tasks'].values():
      assert set(task['methods']) <= set(methods.METHODS)
      for key, found in task['methods'].items():
        assert found['args'] == results['chosen'][key]['args']
        assert found['args'] in methods.METHODS[key]
        assert found['seeds'] == len(found['shown'])
  for key, found in settings.items():
    for args in found:
      assert samplers.load(key, args)


def test_random_search_is_as_good_as_the_formula_says(experiment):
  name, _, modules, results = experiment
  if name == 'nasbench201':
    found = results['samplers']['random']
    for got, error, exact in zip(
      found['mean'], found['error'], results['expected']['mean'], strict=True
    ):
      assert abs(got - exact) < 4 * error
  else:
    assert modules['methods'].SHOWN[-1] == modules['methods'].BUDGET
    for task in results['tasks'].values():
      shares = np.array(task['methods']['random']['shown'])
      error = shares.std(axis=0, ddof=1) / len(shares) ** 0.5
      gap = np.abs(shares.mean(axis=0) - task['expected'])
      assert (gap < 4 * error).all()


def test_settings_were_chosen_elsewhere(experiment):
  name, _, modules, results = experiment
  if name != 'hardware_pareto':
    return
  tasks, methods = modules['tasks'], modules['methods']
  costs = {task.cost for task in tasks.FINAL.values()}
  assert not costs & {task.cost for task in tasks.CHOICE.values()}
  assert not set(methods.SEEDS) & set(methods.CHOICE_SEEDS)
  for key, found in results['chosen'].items():
    tried = found['tried']
    assert [args for args, _ in tried] == methods.METHODS[key]
    if len(tried) > 1:
      assert found['args'] == max(tried, key=lambda one: one[1])[0]


def test_intervals_are_students(experiment):
  name, _, modules, _ = experiment
  if name != 'hardware_pareto':
    return
  mean, low, high = modules['report'].difference([1, 2, 4], [1, 1, 1, 9])
  assert mean == pytest.approx(4 / 3)
  # t of 2 degrees of freedom is 4.3027 at 97.5 %.
  half = 4.302653 * np.std([0, 1, 3], ddof=1) / 3**0.5
  assert (low, high) == pytest.approx((mean - half, mean + half))


@pytest.mark.parametrize(
  ('name', 'flag'),
  [('nasbench201', 'samplers'), ('hardware_pareto', 'methods')],
)
def test_an_unknown_method_is_one_line(name, flag):
  found = subprocess.run(
    [
      sys.executable,
      str(_ROOT / name / 'run.py'),
      '--data=nowhere',
      f'--{flag}=nsga4',
    ],
    capture_output=True,
    text=True,
    check=False,
  )
  assert found.returncode == 2
  [line] = found.stderr.strip().splitlines()
  assert line.startswith(f'run.py: unknown {flag[:-1]} ')
  assert 'nsga2' in line
