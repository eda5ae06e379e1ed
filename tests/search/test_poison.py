"""Candidates that take the process along, or do worse."""

import asyncio
import json
import os
import pathlib
import subprocess
import sys

import pytest
import toy_search

from effnas import errors, search

_HERE = pathlib.Path(__file__).parent
_AT = 3


class _Mute(Exception):
  def __str__(self):
    raise RuntimeError('no text')


class _Base(BaseException):
  """No `except Exception` holds it up."""


def _raise(error):
  raise error


_DEEDS = {
  'mute': lambda: _raise(_Mute()),
  'base': lambda: _raise(_Base('out')),
  'cancelled': lambda: _raise(asyncio.CancelledError()),
  'exit': lambda: sys.exit(3),
}


def _tries(task):
  file = pathlib.Path(task['workdir'], 'tries')
  count = int(file.read_text()) + 1 if file.exists() else 1
  file.write_text(str(count))
  return count


def evaluate(task, arch, trial, report):
  """Does to trial 3 what the config says."""
  plan = task['config']['plan']
  if trial == _AT:
    tries = _tries(task)
    if plan == 'vanish':
      os._exit(7)
    if plan == 'hang':  # until the user has enough
      report(1, {'accuracy': 0.1})
      raise KeyboardInterrupt
    if plan == 'slow' and tries < 6:  # a long training, often interrupted
      for epoch in range(1, tries + 1):
        report(epoch, {'accuracy': 0.1})
      raise KeyboardInterrupt
    if isinstance(plan, str) and plan in _DEEDS:
      _DEEDS[plan]()
    if isinstance(plan, dict):
      for epoch, metrics in enumerate(plan['reports'], 1):
        report(epoch, metrics)
      return plan['metrics']
  if plan == 'fork' and not os.fork():
    if trial % 3 == 0:
      report(9, {'accuracy': 0.9})
    if trial % 3 == 1:
      raise _Base
  return {'accuracy': toy_search.accuracy(arch)}


def run(path, plan, **changes):
  return search.run(
    toy_search.config(trials=6, **changes) | {'plan': plan},
    path,
    evaluate='test_poison:evaluate',
    problem=toy_search.problem(),
  )


def process(path, plan):
  code = (
    'import json, sys, test_poison\n'
    'test_poison.run(sys.argv[1], json.loads(sys.argv[2]))'
  )
  return subprocess.run(
    [sys.executable, '-c', code, str(path), json.dumps(plan)],
    cwd=_HERE,
    capture_output=True,
    text=True,
    check=False,
  )


def reasons(trials):
  return {t.id: t.reason for t in trials if t.status == 'failed'}


def test_what_crashes_the_process_is_given_up(tmp_path):
  assert [process(tmp_path, 'vanish').returncode for _ in range(2)] == [7, 7]
  trials = run(tmp_path, 'vanish')
  assert len(trials) == 6
  [(number, reason)] = reasons(trials).items()
  assert number == _AT
  assert reason.startswith('the process of the search ended while it ran')
  assert 'take this line out of trials.jsonl, and raise' in reason
  assert reason.endswith('(tried 2 times)')
  events = (tmp_path / 'trials.jsonl').read_text()
  assert events.count('"retried"') == 1
  assert not (tmp_path / '.running').exists()


@pytest.mark.parametrize('retries', [0, 1, 3])
def test_what_hangs_and_is_interrupted_is_given_up(tmp_path, retries):
  # The first time it gets further than ever before.
  for _ in range(retries + 2):
    with pytest.raises(KeyboardInterrupt):
      run(tmp_path, 'hang', retries=retries)
  trials = run(tmp_path, 'hang', retries=retries)
  assert [*reasons(trials)] == [_AT]
  assert int((tmp_path / 'tries').read_text()) == retries + 2


def test_it_is_tried_again_where_its_line_is_taken_out(tmp_path):
  for _ in range(3):
    with pytest.raises(KeyboardInterrupt):
      run(tmp_path, 'hang')
  run(tmp_path, 'hang')
  journal = tmp_path / 'trials.jsonl'
  lines = journal.read_text().splitlines(keepends=True)
  journal.write_text(''.join(one for one in lines if '"failed"' not in one))
  with pytest.raises(KeyboardInterrupt):
    run(tmp_path, 'hang')


def test_a_long_training_may_be_interrupted_as_often_as_it_gets_on(tmp_path):
  for _ in range(5):
    with pytest.raises(KeyboardInterrupt):
      run(tmp_path, 'slow')
  trials = run(tmp_path, 'slow')
  assert [t.status for t in trials] == ['done'] * 6
  assert [t.arch for t in trials] == [
    t.arch for t in run(tmp_path / 'whole', 'nothing')
  ]


@pytest.mark.parametrize(
  ('plan', 'reason'),
  [
    ('mute', '_Mute: (its text cannot be had)'),
    ('base', '_Base: out'),
    ('cancelled', 'CancelledError'),
    ('exit', 'SystemExit: 3'),
  ],
)
def test_whatever_a_candidate_raises_the_search_goes_on(tmp_path, plan, reason):
  trials = run(tmp_path, plan)
  assert reasons(trials) == {_AT: reason}
  assert len(trials) == 6


@pytest.mark.parametrize(
  ('reports', 'metrics', 'reason'),
  [
    ([], {'accuracy': 3.5}, 'accuracy is 3.5, it must be from 0 to 1'),
    ([], {'accuracy': -0.5}, 'accuracy is -0.5, it must be from 0 to 1'),
    ([], {'accuracy': 0.5, 'latency_ms@a100': -1}, 'latency_ms@a100 is -1, it'),
    ([], {'accuracy': 0.5, 'auc': 'high'}, "auc is no number: 'high'"),
    ([{'accuracy': 7}], {'accuracy': 0.5}, 'the report of epoch 1: accuracy'),
  ],
)
def test_results_out_of_their_range_fail_a_trial(
  tmp_path, reports, metrics, reason
):
  trials = run(tmp_path, {'reports': reports, 'metrics': metrics})
  [(number, said)] = reasons(trials).items()
  assert number == _AT
  assert said.startswith(reason)
  assert search.read(tmp_path) == trials


def test_a_negative_footprint_fails_a_trial(tmp_path):
  toy = toy_search.problem()
  counted = []

  def footprint(arch):
    counted.append(arch)
    return {'params': -3} if len(counted) == 3 else toy.footprint(arch)

  trials = search.run(
    toy_search.config(trials=6) | {'plan': None},
    tmp_path,
    evaluate='test_poison:evaluate',
    problem=toy_search.problem_lib.Problem(
      toy.space, toy.objectives, footprint
    ),
  )
  [said] = reasons(trials).values()
  assert said.startswith('footprint: UserError: params is -3, it must be a fi')


def test_a_candidate_that_forks_spoils_nothing(tmp_path):
  found = process(tmp_path / 'forked', 'fork')
  assert found.returncode == 0, found.stderr
  assert found.stderr.count('6/6 trials') == 1
  trials = search.read(tmp_path / 'forked')
  whole = run(tmp_path / 'whole', 'nothing')
  assert [(t.arch, t.status, t.reports) for t in trials] == [
    (t.arch, t.status, t.reports) for t in whole
  ]


def test_a_child_that_goes_astray_writes_nothing(tmp_path):
  path = tmp_path / 'trials.jsonl'
  run(tmp_path, 'nothing')
  before = path.read_bytes()
  code = (
    'import os, sys\nfrom effnas.search import journal\n'
    'book = journal.Journal(sys.argv[1])\n'
    'if not os.fork():\n'
    "  book.append({'event': 'failed', 'trial': 2, 'reason': 'x'})\n"
    '  os._exit(0)\n'
    'print(os.waitstatus_to_exitcode(os.wait()[1]))'
  )
  found = subprocess.run(
    [sys.executable, '-c', code, str(path)],
    capture_output=True,
    text=True,
    check=True,
  )
  assert found.stdout.strip() == '1'
  assert path.read_bytes() == before


def test_a_journal_of_another_space_is_refused(tmp_path):
  run(tmp_path, 'nothing')
  journal = tmp_path / 'trials.jsonl'
  lines = journal.read_text().splitlines(keepends=True)
  event = json.loads(lines[2])
  assert event['event'] == 'proposed'
  event['arch']['model.stage.0'] = 99
  lines[2] = json.dumps(event) + '\n'
  journal.write_text(''.join(lines))

  class Space(toy_search.Space):
    def check(self, arch):
      if any(v not in self.values for v in arch.values()):
        raise errors.UserError("'model.stage.0' is 99")

  problem = toy_search.problem()
  object.__setattr__(problem, 'space', Space())
  with pytest.raises(errors.UserError, match='trial 1 in trials'):
    search.run(
      toy_search.config(trials=6) | {'plan': 'nothing'},
      tmp_path,
      evaluate='test_poison:evaluate',
      problem=problem,
    )
