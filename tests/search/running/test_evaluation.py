import types

import pytest
import toy_search

from effnas import errors
from effnas.search.running import evaluation

_ARCH = {'model.stage.0': 3}


def call(tmp_path, sent=None, **toy):
  task = {'config': {'toy': toy}, 'workdir': str(tmp_path)}
  send = (sent if sent is not None else []).append
  return evaluation.run('toy_search:evaluate', task, _ARCH, 4, send)


def test_messages(tmp_path):
  sent = []
  message = call(tmp_path, sent)
  assert message['event'] == 'done'
  assert message['metrics']['accuracy'] == toy_search.accuracy(_ARCH)
  assert 0 <= message['metrics']['seconds'] < 5
  assert [m['epoch'] for m in sent] == [1, 2]
  assert all(type(m['metrics']['accuracy']) is float for m in sent)


@pytest.mark.parametrize(
  ('toy', 'reason'),
  [
    ({'fail': 4}, 'ValueError: this one'),
    ({'oom': 4}, 'out of memory: MemoryError'),
    ({'exit': 4}, 'SystemExit: 3'),
  ],
)
def test_whatever_happens_is_a_message(tmp_path, toy, reason):
  message = call(tmp_path, **toy)
  assert (message['event'], message['reason']) == ('failed', reason)
  assert 'toy_search.py' in message['traceback']


def test_the_accelerator_running_out_of_memory_is_said_in_words():
  error = RuntimeError(
    'RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes\n.'
  )
  assert evaluation.describe(error) == (
    'out of memory: RuntimeError: RESOURCE_EXHAUSTED: Out of memory allocating '
    '9 bytes'
  )


def test_metrics_that_are_no_metrics_fail_the_trial(monkeypatch):
  module = types.SimpleNamespace(evaluate=lambda *_: {'accuracy': object()})
  monkeypatch.setitem(__import__('sys').modules, 'a_module', module)
  message = evaluation.run('a_module:evaluate', {}, {}, 0, print)
  assert 'object is no JSON value' in message['reason']


@pytest.mark.parametrize(
  ('name', 'said'),
  [
    ('math.hypot', "'module:function'"),
    ('no_such_module:f', 'no_such_module'),
    ('math:hypott', 'hypott'),
    ('math:pi', 'is not a function'),
  ],
)
def test_names_of_nothing_are_refused(name, said):
  with pytest.raises(errors.UserError, match=said):
    evaluation.resolve(name)


def stubborn(task, arch, trial, report):
  """Reports falling losses, and catches whatever is an `Exception`."""
  seen = {k: task[k] for k in ('epochs', 'parent') if k in task}
  for epoch in (1, 2, 3):
    try:
      report(epoch, {'loss': 1 / epoch})
    except Exception as e:
      raise AssertionError from e
  return {'loss': 0.3, 'seen': seen}


def watched(bounds, **further):
  sent = []
  message = evaluation.run(
    f'{__name__}:stubborn',
    {'config': {}, 'workdir': ''},
    _ARCH,
    4,
    sent.append,
    bounds={'metric': 'loss', 'bounds': bounds, **further},
  )
  return message, [m['epoch'] for m in sent]


def test_a_budget_is_part_of_the_task():
  for budget in ({}, {'epochs': 9}, {'epochs': 9, 'parent': 0}):
    message = evaluation.run(
      f'{__name__}:stubborn',
      {'config': {}, 'workdir': ''},
      _ARCH,
      4,
      lambda message: None,
      budget=budget,
    )
    assert message['metrics']['seen'] == budget


def test_a_stop_rule_ends_an_evaluation_that_catches_exceptions():
  message, epochs = watched([[1, 1.0], [2, 0.45], [3, 0.1]])
  assert message == {
    'event': 'stopped',
    'reason': 'loss 0.5 is worse than the bound 0.45 of epoch 2',
  }
  assert epochs == [1, 2]


def test_what_is_as_good_as_the_bound_goes_on():
  message, epochs = watched([[1, 1.0], [2, 0.5], [3, 0.34]])
  assert message['event'] == 'done'
  assert epochs == [1, 2, 3]


def test_the_best_of_an_earlier_run_counts():
  message, epochs = watched([[1, 0.4], [2, 0.4]], best=0.4)
  assert (message['event'], epochs) == ('done', [1, 2, 3])
  assert watched([[1, 0.4]], best=0.6)[1] == [1]
