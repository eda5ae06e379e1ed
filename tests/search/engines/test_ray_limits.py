"""Trials that hang, leak or die, for real; some 15 seconds for each search."""

import json
import pathlib
import socket

import pytest
import toy_search

from effnas import errors, search
from effnas.search.engines.ray import cluster

pytestmark = pytest.mark.slow


def run(path, **changes):
  toy = changes.pop('toy', {})
  config = toy_search.config(engine='ray', **changes)
  return search.run(
    {**config, 'toy': toy},
    path,
    evaluate='toy_search:evaluate',
    problem=toy_search.problem(),
  )


def calls(path):
  lines = pathlib.Path(path, 'calls.txt').read_text().splitlines()
  return [int(line.split()[0]) for line in lines]


def events(path, kind):
  lines = pathlib.Path(path, 'trials.jsonl').read_text().splitlines()
  found = [json.loads(line) for line in lines]
  return [(e['trial'], e['reason']) for e in found if e['event'] == kind]


def test_what_hangs_or_leaks_is_ended_and_the_search_goes_on(tmp_path, capfd):
  """Even while Python's lock is held; and tried again once."""
  trials = run(
    tmp_path,
    trials=8,
    time_limit_s=3,
    memory_limit_bytes=1_500_000_000,
    toy={'hang': 2, 'leak': 4},
  )
  reasons = {t.id: t.reason for t in trials if t.status == 'failed'}
  assert reasons.pop(2) == (
    'took longer than search.time_limit_s 3 (tried 2 times)'
  )
  leaked = reasons.pop(4)
  assert leaked.startswith('took 1,')
  assert 'more than search.memory_limit_bytes 1,500,000,000' in leaked
  assert not reasons
  assert [calls(tmp_path).count(i) for i in range(8)] == [
    1,
    1,
    2,
    1,
    2,
    1,
    1,
    1,
  ]
  assert sorted(t for t, _ in events(tmp_path, 'retried')) == [2, 4]
  lost = json.loads(
    next(
      line
      for line in (tmp_path / 'trials.jsonl').read_text().splitlines()
      if '"failed"' in line and '"trial": 2' in line
    )
  )
  assert 'toy_search.py' in lost['traceback']
  assert not (tmp_path / 'last_words').exists()
  assert 'raylet' not in capfd.readouterr().err


def test_a_worker_killed_once_changes_nothing(tmp_path):
  whole = search.run(
    toy_search.config(engine='inline', trials=8),
    tmp_path / 'whole',
    evaluate='toy_search:evaluate',
    problem=toy_search.problem(),
  )
  path = tmp_path / 'cut'
  trials = run(path, trials=8, toy={'kill_once': 7})
  assert [calls(path).count(i) for i in range(8)] == [1] * 7 + [2]
  [(number, reason)] = events(path, 'retried')
  assert number == 7
  assert reason.startswith('worker died')
  assert [(t.arch, t.status) for t in trials] == [
    (t.arch, t.status) for t in whole
  ]


def test_no_retry_where_none_is_wanted(tmp_path):
  trials = run(tmp_path, trials=3, retries=0, toy={'kill': 1})
  assert [t.status for t in trials] == ['done', 'failed', 'done']
  assert calls(tmp_path).count(1) == 1


def test_several_trials_share_a_worker(tmp_path):
  """Four at once in two processes, the trials of an inline search."""
  whole = search.run(
    toy_search.config(engine='inline', trials=12, concurrency=4),
    tmp_path / 'whole',
    evaluate='toy_search:evaluate',
    problem=toy_search.problem(),
  )
  path = tmp_path / 'shared'
  trials = run(
    path, trials=12, concurrency=4, batch=2, toy={'seconds': 0.2, 'fail': 5}
  )
  assert [t.arch for t in trials[:6]] == [t.arch for t in whole[:6]]
  assert [t.status for t in trials] == ['done'] * 5 + ['failed'] + ['done'] * 6
  lines = pathlib.Path(path, 'calls.txt').read_text().splitlines()
  assert len({line.split()[1] for line in lines}) <= 2


def test_a_resource_that_no_node_has_is_one_line(tmp_path):
  with pytest.raises(errors.UserError) as caught:
    run(tmp_path / 'a', trials=2, resources={'telescope': 1})
  said = str(caught.value)
  assert said.startswith(
    'no node has telescope 1 for a worker (search.resources); there is CPU '
  )
  assert '\n' not in said
  assert not (tmp_path / 'a').exists()


@pytest.mark.parametrize(
  ('address', 'said'),
  [
    (
      '127.0.0.1:1',
      'no Ray cluster answers at 127.0.0.1:1: Connection refused',
    ),
    ('ray://127.0.0.1:1', 'a Ray address is HOST:PORT of its head node'),
    ('nowhere', 'a Ray address is HOST:PORT of its head node, or auto'),
  ],
)
def test_an_address_that_does_not_answer_is_one_line(
  tmp_path, monkeypatch, address, said
):
  monkeypatch.setenv('RAY_ADDRESS', address)
  with pytest.raises(errors.UserError) as caught:
    run(tmp_path / 'a', trials=2)
  assert str(caught.value).startswith(said)
  assert '\n' not in str(caught.value)
  assert not (tmp_path / 'a').exists()


def test_something_else_that_listens_is_one_line(tmp_path, monkeypatch):
  """Ray itself would try for minutes."""
  monkeypatch.setattr(cluster, '_STATUS_S', 8)
  with socket.create_server(('127.0.0.1', 0)) as server:
    address = f'127.0.0.1:{server.getsockname()[1]}'
    monkeypatch.setenv('RAY_ADDRESS', address)
    with pytest.raises(errors.UserError, match='is no Ray cluster') as caught:
      run(tmp_path / 'a', trials=2)
  assert '\n' not in str(caught.value)


def test_shares_of_what_was_asked_for(monkeypatch):
  machine = {'CPU': 8, 'GPU': 2}
  monkeypatch.setattr('ray.cluster_resources', lambda: machine)
  monkeypatch.setattr('ray.nodes', lambda: [{'Resources': machine}])
  found, environment = cluster.shares(2, {'GPU': 0.25, 'CPU': 1})
  assert found == {'cpu': 1, 'gpu': 0.25}
  assert environment == {'XLA_PYTHON_CLIENT_MEM_FRACTION': '0.225'}
