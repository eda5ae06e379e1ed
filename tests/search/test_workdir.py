import json
import os
import stat

import pytest

from effnas import errors
from effnas.search import workdir

_CONFIG = {'space': 'a:b', 'search': {'trials': 24, 'objectives': ['accuracy']}}


def open_once(path, config=None, description=None):
  with workdir.opened(path, config or _CONFIG, description) as folder:
    return folder


def begin(path):
  folder = open_once(path)
  (folder / 'trials.jsonl').write_text('{}\n')
  return folder


def test_it_holds_the_config_the_space_and_the_versions(tmp_path):
  with workdir.opened(
    tmp_path / 'a' / 'b', _CONFIG, {'kernel': (3, 5)}, {'sha256': '1f'}
  ) as folder:
    config = json.loads((folder / 'config.json').read_text())
    environment = json.loads((folder / 'environment.json').read_text())
  assert config == {**_CONFIG, 'space_description': {'kernel': [3, 5]}}
  assert {'jax', 'flax', 'ray', 'numpy'} <= set(environment['versions'])
  assert environment['data'] == {'sha256': '1f'}
  assert os.uname().nodename not in json.dumps(environment).split('"')


def test_the_same_config_takes_it_up_again(tmp_path):
  before = {p.name: p.read_bytes() for p in begin(tmp_path).iterdir()}
  open_once(tmp_path)
  assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
  ('change', 'said'),
  [
    ({'trials': 40}, r'search.trials: 24 \(workdir\) != 40 \(now\)'),
    ({'seed': 1}, r'search.seed: absent \(workdir\) != 1 \(now\)'),
    ({'objectives': ['f1']}, r'search.objectives: \["accuracy"\] \(workdir\)'),
    ({'trials': 24.0}, r'24 \(workdir\) != 24.0 \(now\)'),
  ],
)
def test_another_config_is_refused_with_the_difference(tmp_path, change, said):
  begin(tmp_path)
  config = {**_CONFIG, 'search': {**_CONFIG['search'], **change}}
  with pytest.raises(errors.UserError, match=said):
    open_once(tmp_path, config)
  open_once(tmp_path)


def test_limits_may_be_others_and_are_told(tmp_path, caplog):
  begin(tmp_path)
  search = {**_CONFIG['search'], 'time_limit_s': 60, 'retries': 2}
  open_once(tmp_path, {**_CONFIG, 'search': search})
  assert 'search.time_limit_s: absent (workdir) != 60 (now)' in caplog.text
  held = json.loads((tmp_path / 'config.json').read_text())
  assert held['search'] == search
  with pytest.raises(errors.UserError, match=r'search\.trials: 24'):
    open_once(tmp_path, {**_CONFIG, 'search': {**search, 'trials': 9}})


def test_another_space_under_the_same_name_is_refused(tmp_path):
  begin(tmp_path)
  with pytest.raises(errors.UserError, match='space_description'):
    open_once(tmp_path, _CONFIG, {'kernel': [3]})


def test_a_workdir_without_trials_takes_a_mended_config(tmp_path):
  open_once(tmp_path)
  open_once(tmp_path, {'space': 'c:d'})
  config = json.loads((tmp_path / 'config.json').read_text())
  assert config['space'] == 'c:d'


@pytest.mark.parametrize('file', ['training/train/3/state', 'steps/0_a', 'out'])
def test_what_took_work_outlives_what_stops_a_first_run(tmp_path, file):
  def run(path, made, error):
    with workdir.opened(path, _CONFIG, finished='out') as folder:
      (folder / file).parent.mkdir(parents=True, exist_ok=True)
      if made:
        (folder / file).write_text('hours of work')
      raise error

  for error in (errors.MachineError('No space'), errors.UserError('diverged')):
    with pytest.raises(errors.UserError, match=str(error)):
      run(tmp_path / str(error), True, error)
    assert (tmp_path / str(error) / file).read_text() == 'hours of work'
  with pytest.raises(errors.UserError, match='a setting'):
    run(tmp_path / 'vain', False, errors.UserError('a setting'))
  assert not (tmp_path / 'vain').exists()


def test_many_differences_are_cut_short(tmp_path):
  begin(tmp_path)
  with pytest.raises(errors.UserError, match='and 17 more'):
    open_once(tmp_path, {**_CONFIG, **{f'x{i}': i for i in range(20)}})


def test_one_search_at_a_time(tmp_path):
  with (
    workdir.opened(tmp_path, _CONFIG),
    pytest.raises(errors.UserError, match='another search is running'),
  ):
    open_once(tmp_path)
  open_once(tmp_path)


def test_a_workdir_that_cannot_be_is_refused(tmp_path):
  (tmp_path / 'file').write_text('')
  with pytest.raises(errors.UserError, match='cannot write the workdir'):
    open_once(tmp_path / 'file' / 'deeper')
  with pytest.raises(errors.UserError, match='cannot write the workdir'):
    open_once(tmp_path / 'file')


@pytest.mark.skipif(os.getuid() == 0, reason='root may write everywhere')
def test_an_unwritable_workdir_is_refused(tmp_path):
  tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
  with pytest.raises(errors.UserError, match='cannot write the workdir'):
    open_once(tmp_path)


def test_trials_without_their_config_are_not_guessed_at(tmp_path):
  begin(tmp_path)
  (tmp_path / 'config.json').write_text('{')
  with pytest.raises(errors.UserError, match=r'no readable config\.json'):
    open_once(tmp_path)


def test_changed_versions_are_told(tmp_path, caplog):
  begin(tmp_path)
  file = tmp_path / 'environment.json'
  old = json.loads(file.read_text())
  old['versions']['jax'] = '0.0.1'
  file.write_text(json.dumps(old))
  open_once(tmp_path)
  assert 'versions.jax: "0.0.1" (workdir)' in caplog.text
