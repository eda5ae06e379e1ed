import json
import os
import subprocess
import sys

import pytest


@pytest.fixture(scope='module')
def workdir(tmp_path_factory):
  return tmp_path_factory.mktemp('searched') / 'run'


@pytest.fixture
def search(effnas):
  def run(workdir, *argv):
    return effnas('search', '--config=tiny.py', f'--workdir={workdir}', *argv)

  return run


@pytest.fixture
def searched(search, workdir):
  """A finished search, made by the first test of a process that needs it."""
  if not workdir.exists():
    assert search(workdir).code == 0
  return workdir


def test_a_search_and_its_report(search, effnas, tmp_path):
  searched = tmp_path / 'run'
  result = search(searched)
  assert result.code == 0, result.err
  assert result.out.startswith('2 trials: 2 done')
  assert 'tiny_cli:space on digits: 2 trials, ' in result.err
  files = {file.name for file in searched.iterdir()}
  assert {
    'config.json',
    'environment.json',
    'trials.jsonl',
    'checkpoints',
    'pareto.csv',
    'pareto.png',
    'report.html',
  } <= files
  # Again: nothing is left to do, and the front is the same.
  journal = (searched / 'trials.jsonl').read_bytes()
  assert search(searched).out == result.out
  assert (searched / 'trials.jsonl').read_bytes() == journal
  assert effnas('report', searched).out == result.out
  found = json.loads(effnas('report', searched, '--format=json').out)
  assert [trial['trial'] for trial in found['trials']] == [0, 1]
  assert found['config']['search']['trials'] == 2


def test_another_config_is_refused(search, searched):
  before = (searched / 'config.json').read_bytes()
  said = search(searched, '--config.search.seed=1').said
  assert 'search.seed: absent (workdir) != 1 (now)' in said
  assert (searched / 'config.json').read_bytes() == before


def test_overrides_and_the_config_of_a_run(effnas, searched, tmp_path):
  result = effnas(
    'search',
    f'--config={searched}/config.json',
    f'--workdir={tmp_path}/again',
    '--config.search.trials=1',
    '--config.search.objectives=("loss", "params")',
    '--format=json',
  )
  found = json.loads(result.out)
  assert len(found['trials']) == 1
  assert [o['metric'] for o in found['objectives']] == ['loss', 'params']


@pytest.mark.parametrize(
  ('change', 'expected'),
  [
    ('--config.search.trails=1', "did you mean 'search.trials'"),
    ('--config.space=hybird', "unknown space 'hybird'; did you mean 'hybrid'"),
    ('--config.space=tiny_cli:spade', "did you mean 'space'"),
    ("--config.space_args={'clases': 3}", "did you mean 'classes'"),
    ("--config.space_args={'classes': 3}", '3 logits'),
    ("--config.search.objectives=('acuracy',)", "did you mean 'accuracy'"),
    ("--config.search.objectives=('latency_ms@tpu_v5',)", "target 'tpu_v5'"),
    ("--config.footprint.targets=('a10',)", "unknown target 'a10'; did you"),
    ('--config.footprint.batch=0', 'footprint.batch must be a whole number'),
    ('--config.search.sampler=nsgaa2', "did you mean 'nsga2'"),
    ('--config.search.engine=rai', "did you mean 'ray'"),
    ('--config.search.constraints.size_bytes=1', 'no candidate meets'),
    ("--config.search.constraints={'accuracy': 1}", "constraint on 'accuracy'"),
    ("--config.optim={'learning': 1}", "unknown setting of optim 'learning'"),
    ('--config.quant.weights=9', '1 to 8 bits'),
    ('--config.data.name=digit', "unknown data set 'digit'; did you mean"),
    ("--config.data={'name': 'arrays', 'path': 'no.npz'}", 'no.npz'),
    ("--config.data={'name': 'arrays', 'path': 'tiny.py'}", 'tiny.py'),
  ],
)
def test_bad_input_leaves_nothing_behind(search, tmp_path, change, expected):
  result = search(tmp_path / 'deep' / 'run', change)
  assert expected in result.said
  assert list(tmp_path.iterdir()) == []


def test_an_unwritable_workdir(search, tmp_path):
  (tmp_path / 'file').write_text('mine')
  said = search(tmp_path / 'file' / 'run').said
  assert 'cannot write the workdir' in said
  assert (tmp_path / 'file').read_text() == 'mine'


def test_a_corrupt_journal_line(search, effnas, searched, tmp_path):
  folder = tmp_path / 'run'
  folder.mkdir()
  for name in ('config.json', 'trials.jsonl'):
    (folder / name).write_bytes((searched / name).read_bytes())
  lines = (folder / 'trials.jsonl').read_text().splitlines(keepends=True)
  # A torn last line is dropped with a word.
  (folder / 'trials.jsonl').write_text(''.join(lines) + '{"event": "pro')
  result = effnas('report', folder)
  assert result.code == 0
  assert result.err.startswith('effnas: warning: ')
  assert 'is torn and was dropped' in result.err
  # A corrupt one before it is an error.
  lines[1] = '{"event": \n'
  (folder / 'trials.jsonl').write_text(''.join(lines))
  for argv in (
    ('report', folder),
    ('search', '--config=tiny.py', f'--workdir={folder}'),
    (
      'train',
      '--config=tiny.py',
      f'--search={folder}',
      '--trial=0',
      '--workdir=x',
    ),
  ):
    assert 'trials.jsonl line 2 is corrupt' in effnas(*argv).said
  assert (folder / 'trials.jsonl').read_text() == ''.join(lines)


def test_a_folder_that_is_no_search(effnas, tmp_path):
  assert 'no trials.jsonl in' in effnas('report', tmp_path).said
  assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_ray_s_workers_find_a_space_beside_the_config(project, tmp_path):
  done = subprocess.run(
    [
      sys.executable,
      '-m',
      'effnas.cli.main',
      'search',
      '--config=tiny.py',
      f'--workdir={tmp_path}/run',
      '--config.search.engine=ray',
      '--config.search.concurrency=2',
      '--format=json',
    ],
    cwd=project,
    env={**os.environ, 'JAX_PLATFORMS': 'cpu'},
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stderr
  trials = json.loads(done.stdout)['trials']
  assert [trial['status'] for trial in trials] == ['done', 'done']


def test_an_address_needs_the_engine_that_goes_there(search, tmp_path):
  argv = ['--ray_address=127.0.0.1:1', '--config.quant.patterns=None']
  result = search(tmp_path / 'a', *argv)
  assert result.code == 2
  assert '--ray_address needs --config.search.engine=ray' in result.said
  result = search(tmp_path / 'a', '--config.search.engine=ray', *argv)
  assert result.code == 2
  assert 'no Ray cluster answers at 127.0.0.1:1: Connection' in result.said
  assert not (tmp_path / 'a').exists()
  assert 'RAY_ADDRESS' not in os.environ


def test_a_search_without_a_trial_that_is_done_says_why(
  search, tmp_path, monkeypatch
):
  def fit(*_):
    raise RuntimeError('no luck')

  monkeypatch.setattr('effnas.search.networks.training.fit', fit)
  result = search(tmp_path / 'failed')
  assert result.code == 1, result
  said = result.err.splitlines()[-1]
  assert said == 'no trial is done: 2 of 2 failed by RuntimeError: no luck'


def test_patterns_that_match_nothing_are_told(search, tmp_path):
  result = search(tmp_path / 'told')
  told = [line for line in result.err.splitlines() if 'matches no lay' in line]
  assert told == [
    "effnas: warning: the quantization rule 'nowhere/*' matches no layer of "
    'the networks of tiny_cli:space'
  ]
