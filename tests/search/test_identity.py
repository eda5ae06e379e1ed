"""What a run was made with is held, in searches with the inline engine."""

import dataclasses
import json

import numpy as np
import pytest
import toy_search

from effnas import errors, search
from effnas.search import identity, workdir

_A, _B = {'data.train': 'a' * 64}, {'data.train': 'b' * 64}


def run(path, made_with, accept=False, **changes):
  problem = dataclasses.replace(toy_search.problem(), identity=made_with)
  return search.run(
    toy_search.config(**changes),
    path,
    evaluate='toy_search:evaluate',
    problem=problem,
    accept_changes=accept,
  )


def cut(path, trials):
  """Leaves a journal as a kill after so many finished trials would."""
  file = path / 'trials.jsonl'
  events = [json.loads(line) for line in file.read_text().splitlines()]
  last = next(
    i
    for i, e in enumerate(events)
    if (e['event'], e['trial']) == ('done', trials)
  )
  lines = file.read_text().splitlines(keepends=True)
  file.write_text(''.join(lines[:last]))


def held(path):
  return json.loads((path / 'identity.json').read_text())


def test_a_search_goes_on_with_the_same_data_only(tmp_path):
  whole = run(tmp_path, _A)
  cut(tmp_path, 8)
  before = (tmp_path / 'trials.jsonl').read_bytes()
  with pytest.raises(errors.UserError) as caught:
    run(tmp_path, _B)
  said = str(caught.value)
  assert 'data.train aaaaaaaa (workdir) != bbbbbbbb (now)' in said
  assert '--accept_changes' in said
  assert '\n' not in said
  assert (tmp_path / 'trials.jsonl').read_bytes() == before
  assert [t.arch for t in run(tmp_path, _A)] == [t.arch for t in whole]


def test_a_finished_search_of_other_data_is_refused_too(tmp_path):
  run(tmp_path, _A)
  with pytest.raises(errors.UserError, match='other data'):
    run(tmp_path, _B)


def test_what_is_accepted_is_recorded_with_its_trial(tmp_path, caplog):
  run(tmp_path, _A)
  cut(tmp_path, 8)
  assert len(run(tmp_path, _B, accept=True)) == 12
  assert 'goes on with other data: data.train' in caplog.text
  found = held(tmp_path)
  assert found['made_with'] == _B
  (change,) = found['changes']
  assert (change['was'], change['became']) == ('a' * 64, 'b' * 64)
  assert change['from_trial'] == 8
  assert change['time'] > 1.7e9
  run(tmp_path, _B)  # it is the search's now
  with pytest.raises(errors.UserError, match='bbbbbbbb'):
    run(tmp_path, _A)


def test_a_workdir_without_an_identity_goes_on_with_a_warning(tmp_path, caplog):
  run(tmp_path, _A)
  (tmp_path / 'identity.json').unlink()
  run(tmp_path, _B)
  assert 'did not say what it was made with (data.train)' in caplog.text
  (change,) = held(tmp_path)['changes']
  assert (change['was'], change['from_trial']) == (None, 12)
  with pytest.raises(errors.UserError, match='other data'):
    run(tmp_path, _A)


@pytest.mark.parametrize('text', ['[]', '{', '{"made_with": 1}', '[' * 9999])
def test_a_spoilt_record_is_refused_in_one_line(tmp_path, text):
  run(tmp_path, _A)
  (tmp_path / 'identity.json').write_text(text)
  with pytest.raises(errors.UserError) as caught:
    run(tmp_path, _A)
  assert '\n' not in str(caught.value)


def test_nothing_is_lost_before_the_first_trial(tmp_path):
  for made_with in (_A, _B):
    with workdir.opened(tmp_path, {}, identity=made_with):
      pass
  assert held(tmp_path) == {'made_with': _B, 'changes': []}


@pytest.mark.parametrize('left', ['training', 'weights.safetensors', 'steps'])
def test_runs_without_a_journal_are_held_too(tmp_path, left):
  with workdir.opened(tmp_path, {}, identity=_A) as folder:
    (folder / left).mkdir()
    (folder / left / 'file').touch()  # an empty folder is no work
  with (
    pytest.raises(errors.UserError, match='other data'),
    workdir.opened(tmp_path, {}, identity=_B),
  ):
    pass


def test_another_warm_start_is_refused(tmp_path):
  first = tmp_path / 'first'
  archs = [trial.arch for trial in run(first, _A)]
  path = tmp_path / 'warm'
  run(path, _A, warm_start=str(first))
  assert 'search.warm_start' in held(path)['made_with']
  (path / 'warm_start.json').unlink()
  run(path, _A, warm_start=str(first))  # as it was
  (path / 'warm_start.json').write_text(
    json.dumps([{'arch': archs[0], 'footprint': {'params': 1}, 'metrics': {}}])
  )
  with pytest.raises(errors.UserError, match=r'search\.warm_start'):
    run(path, _A, warm_start=str(first))


def test_other_starts_are_refused(tmp_path):
  def start(first):
    return search.run(
      toy_search.config(trials=2),
      tmp_path,
      evaluate='toy_search:evaluate',
      problem=toy_search.problem(starts=[first]),
    )

  space = toy_search.problem().space
  archs = [space.sample(np.random.default_rng(seed)) for seed in (0, 1)]
  start(archs[0])
  start(archs[0])
  with pytest.raises(errors.UserError, match=r'search\.start_with'):
    start(archs[1])


def test_long_differences_are_cut_short():
  names = [f'data.{i}' for i in range(20)]
  said = identity.told(dict.fromkeys(names, 'a'), dict.fromkeys(names, 'b'))
  assert said.endswith('and 17 more')
