"""Whole searches with the inline engine, interrupted ones among them."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import toy_search

from effnas import errors, search

_HERE = pathlib.Path(__file__).parent


def run(path, config=None, problem=None):
  return search.run(
    config or toy_search.config(),
    path,
    evaluate='toy_search:evaluate',
    problem=problem or toy_search.problem(),
  )


def essence(trials):
  """All of a trial but how long it took."""
  return [
    (t.id, t.arch, t.footprint, t.status, t.reason, t.reports)
    + ({k: v for k, v in t.metrics.items() if k != 'seconds'},)
    for t in trials
  ]


def calls(path):
  lines = (path / 'calls.txt').read_text().splitlines()
  return [int(line.split()[0]) for line in lines]


def test_a_search_from_config_to_trials(tmp_path):
  trials = run(tmp_path)
  assert [t.status for t in trials] == ['done'] * 12
  assert search.read(tmp_path) == trials
  assert calls(tmp_path) == list(range(12))
  for trial in trials:
    assert trial.metrics['accuracy'] == toy_search.accuracy(trial.arch)
    assert list(trial.reports) == [1, 2]


def test_a_finished_search_is_not_repeated(tmp_path):
  trials = run(tmp_path)
  before = (tmp_path / 'trials.jsonl').read_bytes()
  assert run(tmp_path) == trials
  assert (tmp_path / 'trials.jsonl').read_bytes() == before
  assert calls(tmp_path) == list(range(12))


def test_failing_trials_are_recorded_and_the_search_goes_on(tmp_path):
  config = toy_search.config()
  config['toy'] = {'fail': 1, 'oom': 3, 'nan': 5, 'exit': 7}
  trials = run(tmp_path, config)
  reasons = {t.id: t.reason for t in trials if t.status == 'failed'}
  assert reasons == {
    1: 'ValueError: this one',
    3: 'out of memory: MemoryError',
    5: 'accuracy is not finite: nan',
    7: 'SystemExit: 3',
  }
  assert len(trials) == 12
  lines = map(json.loads, (tmp_path / 'trials.jsonl').read_text().splitlines())
  failed = {e['trial']: e for e in lines if e['event'] == 'failed'}
  assert 'toy_search.py' in failed[1]['traceback']


def test_another_config_is_refused(tmp_path):
  run(tmp_path)
  with pytest.raises(errors.UserError, match=r'search\.seed: absent'):
    run(tmp_path, toy_search.config(seed=1))
  assert len(search.read(tmp_path)) == 12


def test_asynchronous_inline_is_what_concurrency_one_is(tmp_path):
  one = run(tmp_path / '1', toy_search.config(concurrency=1))
  other = run(tmp_path / '2', toy_search.config(asynchronous=True))
  assert essence(one) == essence(other)


def test_a_config_without_search_is_refused(tmp_path):
  with pytest.raises(errors.UserError, match='no section "search"'):
    run(tmp_path, {'space': 'a:b'})


@pytest.mark.parametrize('engine', ['inline', 'ray'])
def test_hopeless_constraints_end_it_before_the_engine_starts(
  tmp_path, engine, monkeypatch, caplog, capsys
):
  monkeypatch.setattr('effnas.search.engines.load', None)  # never called
  with pytest.raises(errors.UserError, match='no candidate meets params'):
    run(
      tmp_path / 'w',
      toy_search.config(engine=engine),
      toy_search.problem({'params': 0.5}),
    )
  assert list(tmp_path.iterdir()) == []
  assert caplog.text == capsys.readouterr().err == ''


def test_an_evaluation_that_is_not_there_is_refused_at_once(tmp_path):
  with pytest.raises(errors.UserError, match='evaluatee'):
    search.run(
      toy_search.config(),
      tmp_path / 'w',
      evaluate='toy_search:evaluatee',
      problem=toy_search.problem(),
    )
  assert not (tmp_path / 'w').exists()


def test_killed_at_any_moment_it_goes_on_as_if_nothing_had_been(tmp_path):
  # As many tries as kills: none of them is the fault of a trial.
  config = toy_search.config(trials=30, seed=3, retries=40)
  config['toy'] = {'seconds': 0.004, 'fail': 4}
  whole = run(tmp_path / 'whole', config)
  path = tmp_path / 'cut'
  command = [sys.executable, 'toy_search.py', str(path), json.dumps(config)]
  rng, kills = np.random.default_rng(0), 0
  for _ in range(40):
    with subprocess.Popen(
      command, cwd=_HERE, stderr=subprocess.DEVNULL
    ) as process:
      journal = path / 'trials.jsonl'
      start = journal.stat().st_size if journal.exists() else 0
      while process.poll() is None and (
        not journal.exists() or journal.stat().st_size == start
      ):
        time.sleep(0.001)
      time.sleep(rng.uniform(0, 0.06))
      if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
        kills += 1
    if process.returncode == 0:
      break
  assert process.returncode == 0
  assert kills >= 3
  assert essence(search.read(path)) == essence(whole)
  events = [
    json.loads(line)
    for line in (path / 'trials.jsonl').read_text().splitlines()
  ]
  finished = [e['trial'] for e in events if e['event'] in ('done', 'failed')]
  assert finished == list(range(30))  # nothing finished was repeated
  assert len(calls(path)) <= 30 + kills


def test_importing_the_room_is_light():
  code = (
    'import sys, effnas.search\n'
    "heavy = {'ray', 'rich', 'aqt', 'tensorflow', 'torch', 'matplotlib'}\n"
    'print(sorted(heavy & set(sys.modules)))'
  )
  found = subprocess.run(
    [sys.executable, '-c', code], capture_output=True, text=True, check=True
  )
  assert found.stdout.strip() == '[]'
