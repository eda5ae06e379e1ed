import csv
import gzip
import itertools
import json
import math
import pathlib

import numpy as np
import pytest

from effnas import errors, footprint, search, space
from effnas.search import metrics, tables
from effnas.search.tabular import (
  exhaustive,
  listed_space,
  simulate,
  table_trials,
)
from effnas.search.tabular import table as table_lib
from effnas.zoo import accel_nasbench, nasbench201, nasbench_macro

_DATA = pathlib.Path(__file__).parents[4] / 'shared' / 'data'
_FILES = {
  'accel_nasbench': 'accel_nasbench_dev.csv',
  'hw_gpt': 'hw_gpt_bench_s_dev.csv.gz',
  'nasbench201': 'nasbench201_12epoch.csv.gz',
  'nasbench_macro': 'nasbench_macro_cifar10.json',
}


def _published(name, **options):
  path = _DATA / _FILES[name]
  if not path.is_file():
    pytest.skip(f'no table at {path}')
  return tables.load(name, path, **options)


@pytest.fixture(scope='module')
def cells():
  """NAS-Bench-201 with CIFAR-10."""
  return _published('nasbench201')


@pytest.fixture
def toy():
  """A complete table of 60 architectures, nothing of it read from a file."""
  tree = {k: space.oneof(*range(n)) for k, n in (('a', 3), ('b', 4), ('c', 5))}
  return _table(tree)


def _table(tree, rows=None):
  whole = space.Space(tree)
  archs = list(whole.grid())[:rows]
  rng = np.random.default_rng(0)
  columns = {
    'accuracy': rng.random(len(archs)),
    'test_accuracy': rng.random(len(archs)),
    'params': np.arange(1.0, len(archs) + 1),
    'latency_ms@board': rng.random(len(archs)) + 1,
  }
  return table_lib.Table('Toy', whole, archs, columns)


def test_every_table_has_a_file_here():
  assert tables.names() == sorted(_FILES)


@pytest.mark.parametrize('name', _FILES)
def test_a_published_table_makes_problems(name):
  table = _published(name)
  assert table.provenance['verified']
  assert table.complete == name.startswith('nasbench')
  for column in table.columns:
    assert metrics.parse(column).name == column
  quality = 'loss' if name == 'hw_gpt' else 'accuracy'
  problem = table.problem([quality, 'params'])
  trials = simulate.run(problem, table.evaluate, 'nsga2', trials=40, seed=0)
  assert len({table.row(trial.arch) for trial in trials}) == 40
  assert all(trial.status == 'done' for trial in trials)
  assert np.isfinite(problem.scores(trials)).all()


def test_nasbench201_tells_what_was_published(cells):
  best = nasbench201.arch(
    {
      'arch_str': '|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+'
      '|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|'
    }
  )
  assert len(cells.archs) == cells.space.size == 15625
  assert cells.row(best) == cells.values('accuracy').argmax()
  assert cells.evaluate(best) == {'accuracy': pytest.approx(0.84892)}
  assert cells.test(best) == {'test_accuracy': pytest.approx(0.8903)}
  told = cells.footprint(best)
  assert (told['params'], told['macs']) == (1073466, 153272960)
  assert told['latency_ms@fpga'] == 6.67856
  assert told['latency_ms@1080ti:256'] == 29.52104
  assert set(cells.problem(['accuracy']).sources(best)) == {
    name for name in told if '@' in name
  }


@pytest.mark.parametrize(
  ('dataset', 'shape'),
  [('cifar100', (32, 32, 3)), ('imagenet16', (16, 16, 3))],
)
def test_sizes_are_those_of_the_data_set(dataset, shape):
  table = _published('nasbench201', dataset=dataset)
  arch = nasbench201.arch({'arch_str': nasbench201.BEST})
  counted = footprint.batch(table.space, [arch], shape)
  told = table.footprint(arch)
  assert told['params'] == counted['params'][0]
  assert told['macs'] == counted['macs'][0]


def test_nasbench_macro_tells_what_was_published():
  table = _published('nasbench_macro')
  best = nasbench_macro.arch({'arch': '22212220'})
  assert table.row(best) == table.values('accuracy').argmax()
  assert table.evaluate(best)['accuracy'] == pytest.approx(0.9312666)
  assert table.footprint(best) == {'params': 1985514, 'macs': 85164544}


def test_an_incomplete_table_refuses_what_it_lacks():
  table = _published('accel_nasbench')
  blocks = {
    f'block{i}_{c}': v
    for i in range(7)
    for c, v in (('e', '1'), ('k', '3'), ('l', '1'), ('se', 'True'))
  }
  with pytest.raises(errors.UserError, match='has no row for this network'):
    table.evaluate(accel_nasbench.arch(blocks))
  with pytest.raises(errors.UserError, match=r"unknown metric of .*'macs'"):
    table.problem(['accuracy', 'macs'])


def test_rows_without_a_metric_are_not_searched():
  table = _published('accel_nasbench')
  measured = np.isfinite(table.values('throughput@tpu_v3:128'))
  problem = table.problem(['accuracy', 'throughput@tpu_v3:128'])
  assert problem.space.size == measured.sum() < len(table.archs)
  assert table.problem(['accuracy']).space.size == len(table.archs)
  lacking = table.archs[int(np.flatnonzero(~measured)[0])]
  assert 'throughput@tpu_v3:128' not in table.footprint(lacking)
  with pytest.raises(errors.UserError, match='none of them'):
    problem.space.check(lacking)


def test_random_search_is_as_good_as_the_formula_says(cells):
  problem = cells.problem(['accuracy'])
  curves = [
    -simulate.incumbents(
      problem.scores(
        simulate.run(problem, cells.evaluate, 'random', trials=100, seed=seed)
      )[:, 0]
    )
    for seed in range(150)
  ]
  for n in (1, 10, 50, 100):
    found = np.array(curves)[:, n - 1]
    mean, deviation = exhaustive.best(cells.scores(['accuracy'])[:, 0], n)
    # Four standard errors: one seed in some 15,000 would fail.
    assert abs(found.mean() + mean) < 4 * deviation / math.sqrt(len(found)), n


def test_random_search_finds_the_hypervolume_that_the_formula_says(toy):
  objectives = ['accuracy', 'latency_ms@board']
  scores, corner = toy.scores(objectives), (0.0, 2.0)
  problem = toy.problem(objectives)
  for n in (1, 5, 20):
    found = [
      simulate.hypervolumes(
        problem.scores(
          simulate.run(problem, toy.evaluate, 'random', trials=n, seed=seed)
        ),
        corner,
      )[-1]
      for seed in range(200)
    ]
    error = np.std(found, ddof=1) / math.sqrt(len(found))
    expected = exhaustive.hypervolume(scores, corner, n)
    assert abs(np.mean(found) - expected) < 4 * error, n


def test_expectations_are_those_of_all_subsets():
  rng = np.random.default_rng(1)
  scores = rng.integers(0, 5, (7, 2)).astype(float)  # with ties
  for n in range(1, 8):
    subsets = [scores[list(s)] for s in itertools.combinations(range(7), n)]
    least = [subset[:, 0].min() for subset in subsets]
    mean, deviation = exhaustive.best(scores[:, 0], n)
    assert mean == pytest.approx(np.mean(least))
    assert deviation == pytest.approx(np.std(least))
    volumes = [simulate.hypervolumes(s, (4.5, 6))[-1] for s in subsets]
    found = exhaustive.hypervolume(scores, (4.5, 6), n)
    assert found == pytest.approx(np.mean(volumes))


def test_a_simulated_search_is_the_one_of_the_engine(toy, tmp_path):
  _ENGINE['table'] = toy
  problem = toy.problem(['accuracy', 'params'], {'params': 50})
  settings = {
    'objectives': ['accuracy', 'params'],
    'constraints': {'params': 50},
    'trials': 30,
    'seed': 3,
    'engine': 'inline',
  }
  trials = search.run(
    {'search': settings},
    tmp_path / 'work',
    evaluate=f'{__name__}:_evaluate',
    problem=problem,
  )
  again = [
    simulate.run(problem, toy.evaluate, 'nsga2', trials=30, seed=seed)
    for seed in (3, 3, 4)
  ]
  archs = [[dict(t.arch) for t in found] for found in (trials, *again)]
  assert archs[0] == archs[1] == archs[2] != archs[3]
  assert max(trial.footprint['params'] for trial in trials) <= 50


_ENGINE: dict = {}


def _evaluate(task, arch, trial, report):
  del task, trial, report
  return _ENGINE['table'].evaluate(arch)


def test_a_search_ends_with_the_table(toy):
  problem = toy.problem(['accuracy'])
  trials = simulate.run(problem, toy.evaluate, 'random', trials=99, seed=0)
  assert len(trials) == 60
  assert max(t.metrics['accuracy'] for t in trials) == max(
    toy.values('accuracy')
  )


def test_a_curve_never_falls(toy):
  problem = toy.problem(['accuracy', 'params'])
  trials = simulate.run(problem, toy.evaluate, 'random', trials=60, seed=0)
  scores = problem.scores(trials)
  curve = simulate.hypervolumes(scores, (0, 60))
  assert (np.diff(curve) >= 0).all()
  assert curve[-1] == pytest.approx(
    simulate.hypervolumes(toy.scores(problem.objectives), (0, 60))[-1]
  )


def test_a_listed_space_stays_on_its_list():
  tree = {k: space.oneof(*range(4)) for k in 'abcd'}
  whole = space.Space(tree)
  rng = np.random.default_rng(0)
  some = list({tuple(whole.sample(rng).values()) for _ in range(20)})
  archs = [dict(zip('abcd', values, strict=True)) for values in some]
  listed = listed_space.ListedSpace(tree, archs, 'some')
  assert list(listed.grid()) == archs
  for _ in range(100):
    a, b = listed.sample(rng), listed.sample(rng)
    mutated = listed.mutate(a, rng)
    assert mutated != a
    for arch in (a, mutated, listed.crossover(a, b, rng)):
      assert arch in archs
    assert listed.crossover(a, a, rng) == a
    assert listed.decode(listed.encode(a)) == a
  assert {tuple(listed.sample(rng).values()) for _ in range(500)} == set(some)


def test_two_rows_about_one_network_are_refused():
  whole = space.Space({'a': space.oneof(1, 2)})
  with pytest.raises(errors.UserError, match='two rows are about one network'):
    table_lib.Table('Twice', whole, [{'a': 1}, {'a': 1}], {})


@pytest.mark.parametrize(
  ('column', 'value', 'said'),
  [
    ('accuracy', 101.0, 'row 2: accuracy must be from 0 to 1, got 101'),
    ('accuracy', -1.0, 'row 2: accuracy must be from 0 to 1, got -1'),
    ('test_accuracy', np.inf, 'test_accuracy must be from 0 to 1, got inf'),
    ('latency_ms@board', -1.0, 'must be a finite number of at least 0, got -1'),
    ('params', np.inf, 'params must be a finite number of at least 0, got inf'),
  ],
)
def test_a_value_that_a_metric_cannot_have_is_refused(column, value, said):
  whole = space.Space({'a': space.oneof(1, 2, 3)})
  archs = [{'a': 1}, {'a': 2}, {'a': 3}]
  values = np.array([0.5, np.nan, np.nan])
  assert table_lib.Table('Toy', whole, archs, {column: values})
  values[1] = value
  with pytest.raises(errors.UserError, match=f'^Toy, .*{said}'):
    table_lib.Table('Toy', whole, archs, {column: values})


def test_the_test_set_is_not_searched(toy):
  with pytest.raises(errors.UserError, match='must not look at the test set'):
    toy.problem(['test_accuracy'])


_MACRO = {
  '00000000': {'mean_acc': 80.0, 'params': 10, 'flops': 100},
  '22222222': {'mean_acc': 90.0, 'params': 20, 'flops': 200},
}


def test_another_file_is_refused_until_it_is_accepted(tmp_path):
  path = tmp_path / 'macro.json'
  path.write_text(json.dumps(_MACRO))
  with pytest.raises(errors.UserError, match=r'sha256 .* verify=False'):
    tables.load('nasbench_macro', path)
  table = tables.load('nasbench_macro', path, verify=False)
  assert not table.complete
  assert not table.provenance['verified']
  assert table.values('accuracy').tolist() == [0.8, 0.9]


def test_a_search_goes_on_with_the_same_table_only(tmp_path):
  path = tmp_path / 'macro.json'
  path.write_text(json.dumps(_MACRO))
  table = {'name': 'nasbench_macro', 'path': str(path), 'verify': False}
  settings = {'objectives': ['accuracy'], 'engine': 'inline', 'trials': 1}
  work = tmp_path / 'work'

  def run(trials):
    table_trials._load.cache_clear()  # as another process would begin
    config = {'table': table, 'search': {**settings, 'trials': trials}}
    return search.run(config, work)

  run(1)
  path.write_text(json.dumps(_MACRO, indent=1))
  with pytest.raises(errors.UserError, match=r'^table .* other data'):
    run(2)
  path.write_text(json.dumps(_MACRO))
  assert len(run(2)) == 2
  task = {'config': {'table': table}, 'identity': {'table': 'x' * 64}}
  with pytest.raises(errors.MachineError, match='another table'):
    table_trials.evaluate(task, {}, 0, print)


def test_a_file_packed_anew_is_the_same_file(cells, tmp_path):
  del cells
  data = gzip.decompress((_DATA / _FILES['nasbench201']).read_bytes())
  (tmp_path / 'table.csv').write_bytes(data)
  table = tables.load('nasbench201', tmp_path / 'table.csv')
  assert table.provenance['verified']


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('{', 'is no JSON'),
    ('{}', 'has no rows'),
    ('{"00000003": {"mean_acc": 1}}', 'row 1: a key of NAS-Bench-Macro'),
    ('{"00000000": {"mean_acc": 1}}', "row 1: no column 'params'"),
    (
      '{"00000000": {"mean_acc": "good", "params": 1, "flops": 1}}',
      r"row 1: mean_acc is no finite number up to 1e\+90: 'good'",
    ),
    (
      '{"00000000": {"mean_acc": true, "params": 1, "flops": 1}}',
      'row 1: mean_acc is no finite number .*: True',
    ),
  ],
)
def test_a_bad_file_is_one_line(tmp_path, text, message):
  path = tmp_path / 'macro.json'
  path.write_text(text)
  with pytest.raises(errors.UserError, match=message) as found:
    tables.load('nasbench_macro', path, verify=False)
  assert '\n' not in str(found.value)


def test_a_missing_or_torn_file_is_one_line(tmp_path):
  with pytest.raises(errors.UserError, match=r'cannot read .*No such file'):
    tables.load('nasbench201', tmp_path / 'nowhere.csv.gz')
  (tmp_path / 'torn.csv.gz').write_bytes(gzip.compress(b'a,b\n' * 99)[:-9])
  with pytest.raises(errors.UserError, match='is damaged'):
    tables.load('nasbench201', tmp_path / 'torn.csv.gz')
  with (tmp_path / 'other.csv').open('w') as file:
    csv.writer(file).writerows([['a'], ['b']])
  with pytest.raises(errors.UserError, match="has no column 'arch_str'"):
    tables.load('nasbench201', tmp_path / 'other.csv', verify=False)


def test_unknown_names_are_told():
  with pytest.raises(errors.UserError, match="did you mean 'nasbench201'"):
    tables.load('nasbench21', 'x')
  for options, said in [
    ({'path': None}, 'table.path must be a text or a path, got None'),
    ({'path': 'x', 'verify': 'no'}, 'table.verify must be true or false'),
    ({'path': 'x', 'dataset': 3}, 'table.dataset must be a text, got 3'),
  ]:
    with pytest.raises(errors.UserError, match=said):
      tables.load('nasbench201', **options)
  with pytest.raises(errors.UserError, match=r"unknown option .*'data'"):
    tables.load('nasbench201', 'x', data='cifar10')


def test_a_config_names_a_table(tmp_path):
  from effnas import search
  from effnas.search.tabular import table_trials

  rng = np.random.default_rng(0)
  path = tmp_path / 'macro.json'
  keys = [''.join(key) for key in itertools.product('012', repeat=8)][:50]
  rows = {
    k: {'mean_acc': 90 * rng.random(), 'params': 9, 'flops': 9} for k in keys
  }
  path.write_text(json.dumps(rows))
  table = {'name': 'nasbench_macro', 'path': str(path), 'verify': False}
  config = {
    'table': table,
    'search': {
      'objectives': ['accuracy', 'macs'],
      'trials': 20,
      'engine': 'inline',
    },
  }
  trials = search.run(
    config,
    tmp_path / 'work',
    evaluate='effnas.search.tabular.table_trials:evaluate',
    problem=table_trials.problem(config),
  )
  assert len(trials) == 20
  for trial in trials:
    key = nasbench_macro.row(trial.arch)['arch']
    assert trial.metrics['accuracy'] == pytest.approx(
      rows[key]['mean_acc'] / 100
    )
  with pytest.raises(errors.UserError, match=r'lacks table\.path'):
    table_trials.load({'table': {'name': 'nasbench_macro'}})


def test_the_front_is_tested(cells, tmp_path):
  from effnas import search
  from effnas.search.tabular import table_trials

  config = {
    'table': {
      'name': 'nasbench201',
      'path': str(_DATA / _FILES['nasbench201']),
    },
    'search': {'objectives': ['accuracy'], 'trials': 9, 'engine': 'inline'},
  }
  trials = search.run(
    config,
    tmp_path / 'work',
    evaluate='effnas.search.tabular.table_trials:evaluate',
    problem=table_trials.problem(config),
  )
  [best] = search.front(trials, ['accuracy'])
  assert best.metrics['test_accuracy'] == cells.test(best.arch)['test_accuracy']
  assert sum('test_accuracy' in trial.metrics for trial in trials) == 1
