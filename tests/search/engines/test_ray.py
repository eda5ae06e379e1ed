"""The Ray engine for real; some 15 seconds for each search."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
import toy_search

from effnas import errors, search
from effnas.search import engines

pytestmark = pytest.mark.slow
_HERE = pathlib.Path(__file__).parents[1]


def essence(trials):
  return [
    (t.id, t.arch, t.footprint, t.status, t.reports)
    + ({k: v for k, v in t.metrics.items() if k != 'seconds'},)
    for t in trials
  ]


def run(path, config, problem=None):
  return search.run(
    config,
    path,
    evaluate='toy_search:evaluate',
    problem=problem or toy_search.problem(),
  )


def test_failures_and_a_killed_worker_do_not_stop_the_search(
  tmp_path, monkeypatch, capfd
):
  monkeypatch.chdir(tmp_path)
  config = toy_search.config(engine='ray', trials=10)
  config['toy'] = {'seconds': 0.2, 'kill': 2, 'fail': 4, 'oom': 5, 'nan': 6}
  trials = run('here', config)
  reasons = {t.id: t.reason for t in trials if t.status == 'failed'}
  assert reasons.pop(2).startswith('worker died')
  assert 'retried' in pathlib.Path('here', 'trials.jsonl').read_text()
  assert reasons == {
    4: 'ValueError: this one',
    5: 'out of memory: MemoryError',
    6: 'accuracy is not finite: nan',
  }
  assert [t.status for t in trials].count('done') == 6
  lines = pathlib.Path('here', 'calls.txt').read_text().splitlines()
  workers = {line.split()[1] for line in lines}
  # Two at once, one of them killed: nobody else was started, nor the driver.
  assert len(workers) <= 3
  assert str(os.getpid()) not in workers
  assert capfd.readouterr().out == ''
  assert not list(pathlib.Path('/tmp').glob(f'effnas-ray-{os.getpid()}-*'))


def test_a_killed_driver_goes_on_as_an_inline_search_would_have(tmp_path):
  plan = {'trials': 8, 'concurrency': 2}
  config = toy_search.config(engine='inline', **plan)
  whole = run(tmp_path / 'inline', config)
  config = toy_search.config(engine='ray', **plan)
  config['toy'] = {'seconds': 0.4}
  path = tmp_path / 'ray'
  command = [sys.executable, 'toy_search.py', str(path), json.dumps(config)]
  with subprocess.Popen(command, cwd=_HERE, stderr=subprocess.PIPE) as process:
    journal, limit = path / 'trials.jsonl', time.monotonic() + 120
    while not journal.exists() or journal.read_text().count('"done"') < 3:
      assert process.poll() is None, process.stderr.read().decode()
      assert time.monotonic() < limit
      time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
  done = [t for t in search.read(path) if t.finished]
  assert 3 <= len(done) < 8
  trials = run(path, config)
  assert essence(trials) == essence(whole)
  assert [trials[t.id] for t in done] == done


def test_a_constraint_that_nothing_meets_is_told(tmp_path):
  config = toy_search.config(engine='ray')
  problem = toy_search.problem({'params': 0.5})
  with pytest.raises(errors.UserError, match='smallest seen'):
    run(tmp_path, config, problem)


def test_no_jax_backend_in_the_driver(tmp_path):
  """Nor JAX itself, where problem and evaluation do not need it."""
  code = (
    'import sys, toy_search\nfrom effnas import search\n'
    "config = toy_search.config(engine='ray', trials=2)\n"
    f'search.run(config, {str(tmp_path)!r}, '
    "evaluate='toy_search:evaluate', problem=toy_search.problem())\n"
    "print('jax' in sys.modules)"
  )
  found = subprocess.run(
    [sys.executable, '-c', code],
    capture_output=True,
    text=True,
    check=True,
    cwd=_HERE,
  )
  assert found.stdout.strip() == 'False'
  assert all(' trials | ' in line for line in found.stderr.splitlines())


def test_the_engine_is_loaded_only_when_it_is_used():
  assert engines.load('ray').__module__ == 'effnas.search.engines.ray'


@pytest.mark.parametrize(
  ('machine', 'concurrency', 'resources', 'memory'),
  [
    ({'CPU': 16}, 2, {'cpu': 8}, None),
    ({'CPU': 16}, 3, {'cpu': 5}, None),
    ({'CPU': 2}, 3, {'cpu': 0.6666}, None),
    ({'CPU': 8, 'GPU': 1}, 2, {'cpu': 4, 'gpu': 0.5}, '0.45'),
    ({'CPU': 8, 'GPU': 2}, 3, {'cpu': 2, 'gpu': 0.5}, '0.45'),
    ({'CPU': 8, 'GPU': 4}, 2, {'cpu': 4, 'gpu': 1}, '0.9'),
    ({'CPU': 8, 'TPU': 4}, 4, {'cpu': 2, 'TPU': 1}, None),
  ],
)
def test_the_machine_is_shared_among_the_trials(
  monkeypatch, machine, concurrency, resources, memory
):
  from effnas.search.engines.ray import cluster

  monkeypatch.setattr('ray.cluster_resources', lambda: machine)
  monkeypatch.setattr('ray.nodes', lambda: [{'Resources': machine}])
  found, environment = cluster.shares(concurrency, {})
  assert found == resources
  assert environment.get('XLA_PYTHON_CLIENT_MEM_FRACTION') == memory


def test_more_trials_at_once_than_tpu_chips_are_refused(monkeypatch):
  from effnas.search.engines.ray import cluster

  machine = {'CPU': 8, 'TPU': 4}
  monkeypatch.setattr('ray.cluster_resources', lambda: machine)
  monkeypatch.setattr('ray.nodes', lambda: [{'Resources': machine}])
  with pytest.raises(errors.UserError, match='5 workers, more than the 4 TPU'):
    cluster.shares(5, {})
