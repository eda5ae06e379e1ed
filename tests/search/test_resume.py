"""A search that was killed goes on with the very same trials."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import budget_search
import numpy as np
import pytest

from effnas import search
from effnas.search import schedulers

_HERE = pathlib.Path(__file__).parent
_PLAN = {'trials': 26, 'seed': 5}


def begin(name, **changes):
  args = budget_search.ARGS.get(name, {})
  config = budget_search.config('none', **_PLAN)
  if name in budget_search.ARGS:
    config = budget_search.config(name, **_PLAN)
  config['search'] |= {'scheduler': name, 'scheduler_args': args, **changes}
  return config | {'train': {'epochs': 9}, 'fail': 4}


@pytest.mark.parametrize(
  'name',
  [
    # Each of its resumes fits curves, some seconds in all.
    pytest.param(name, marks=pytest.mark.slow)
    if name == 'learning_curve'
    else name
    for name in schedulers.names()
  ],
)
def test_cut_at_twenty_places_the_same_trials_follow(tmp_path, name, caplog):
  config, whole = begin(name), tmp_path / 'whole'
  trials = budget_search.run(whole, config)
  assert len(trials) == 26
  data = (whole / 'trials.jsonl').read_bytes()
  rng = np.random.default_rng(list(name.encode()))
  cuts = rng.integers(1, len(data), 20)
  torn = 0
  for i, cut in enumerate(cuts):
    path = tmp_path / str(i)
    shutil.copytree(whole, path)
    (path / 'trials.jsonl').write_bytes(data[:cut])
    torn += data[cut - 1 : cut] != b'\n'
    ended = {t.id for t in search.read(path) if t.finished}
    for file in (path / 'checkpoints').iterdir():
      if int(file.stem) not in ended:
        file.unlink()
    again = budget_search.run(path, config)
    assert budget_search.essence(again) == budget_search.essence(trials)
    events = (path / 'trials.jsonl').read_bytes()
    assert events.startswith(data[: data[:cut].rfind(b'\n') + 1])
  assert torn > 10
  assert 'is torn and was dropped' in caplog.text


def killed(path, config, rng, most):
  """Runs a search, killing it a few times; returns how often."""
  command = [sys.executable, 'budget_search.py', str(path), json.dumps(config)]
  journal, kills = path / 'trials.jsonl', 0
  while True:
    start = journal.stat().st_size if journal.exists() else 0
    with subprocess.Popen(
      command, cwd=_HERE, stderr=subprocess.DEVNULL
    ) as process:
      while process.poll() is None and (
        not journal.exists() or journal.stat().st_size == start
      ):
        time.sleep(0.001)
      time.sleep(rng.uniform(0, 0.15))
      if process.poll() is None and kills < most:
        os.kill(process.pid, signal.SIGKILL)
        kills += 1
    if process.returncode != -signal.SIGKILL:
      assert process.returncode == 0
      return kills


@pytest.mark.parametrize(
  'name',
  [
    'asha',
    *(
      pytest.param(name, marks=pytest.mark.slow)
      for name in schedulers.names()
      if name != 'asha'
    ),
  ],
)
def test_killed_at_any_moment_the_same_trials_follow(tmp_path, name):
  # As many tries as kills: none of them is the fault of a trial.
  config = begin(name, retries=20) | {'seconds': 0.003}
  whole = budget_search.run(tmp_path / 'whole', config)
  most = 3 if name == 'asha' else 20
  rng = np.random.default_rng(0)
  assert killed(tmp_path / 'cut', config, rng, most) >= 3
  found = search.read(tmp_path / 'cut')
  assert budget_search.essence(found) == budget_search.essence(whole)


@pytest.mark.slow
@pytest.mark.parametrize(
  'name', ['asha', 'hyperband', 'pbt', 'median_stopping']
)
def test_a_killed_ray_driver_goes_on_as_an_inline_search_would_have(
  tmp_path, name
):
  config = begin(name, concurrency=2)
  whole = budget_search.run(tmp_path / 'whole', config)
  config['search']['engine'] = 'ray'
  path = tmp_path / 'ray'
  command = [sys.executable, 'budget_search.py', str(path)]
  slow = [*command, json.dumps(config | {'seconds': 0.1})]
  with subprocess.Popen(slow, cwd=_HERE, stderr=subprocess.PIPE) as process:
    journal, limit = path / 'trials.jsonl', time.monotonic() + 120
    while not journal.exists() or journal.read_text().count('"done"') < 12:
      assert process.poll() is None, process.stderr.read().decode()
      assert time.monotonic() < limit
      time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
  done = [t for t in search.read(path) if t.finished]
  assert 12 <= len(done) < 26
  found = budget_search.run(path, config | {'seconds': 0.1})
  assert budget_search.essence(found) == budget_search.essence(whole)
  assert [found[t.id] for t in done] == done


@pytest.mark.slow
def test_killed_at_twenty_moments_ray_goes_on_with_the_same_trials(tmp_path):
  """Ten times the driver, and ten times whichever worker began last."""
  config = begin('asha', concurrency=2, retries=20)
  whole = budget_search.run(tmp_path / 'whole', config)
  config['search']['engine'] = 'ray'
  path = tmp_path / 'ray'
  journal = path / 'trials.jsonl'
  command = [sys.executable, 'budget_search.py', str(path)]
  command.append(json.dumps(config | {'seconds': 0.4}))
  rng, kills = np.random.default_rng(0), [0, 0]
  limit = time.monotonic() + 500
  finished = False
  while not finished:
    with subprocess.Popen(
      command, cwd=_HERE, stderr=subprocess.DEVNULL
    ) as process:
      start = journal.stat().st_size if journal.exists() else 0
      while process.poll() is None and sum(kills) < 20:
        assert time.monotonic() < limit
        time.sleep(0.01)
        if not journal.exists() or journal.stat().st_size <= start:
          continue
        time.sleep(rng.uniform(0, 0.4))
        workers = kills[0] > kills[1]
        kills[workers] += 1
        if not workers:
          os.kill(process.pid, signal.SIGKILL)
          break
        last = (path / 'processes.txt').read_text().split()[-1]
        with contextlib.suppress(ProcessLookupError):
          os.kill(int(last), signal.SIGKILL)
        start = journal.stat().st_size + 1
    finished = process.returncode != -signal.SIGKILL
  assert process.returncode == 0
  assert sum(kills) == 20
  found = search.read(path)
  assert budget_search.essence(found) == budget_search.essence(whole)
  assert '"retried"' in journal.read_text()
