import threading

import pytest

from effnas.search.running import evaluation, together


def evaluate(task, arch, trial, report):
  """Reports once all the others are there, too."""
  task['barrier'].wait(timeout=10)
  report(1, {'accuracy': arch['x']})
  if trial == 2:
    raise ValueError('this one')
  return {'accuracy': arch['x'], 'thread': threading.get_ident()}


@pytest.mark.parametrize('count', [1, 4])
def test_all_are_evaluated_at_once_and_told_in_one_thread(count):
  name = f'{__name__}:evaluate'
  assert evaluation.resolve(name)
  task = {'barrier': threading.Barrier(count)}
  calls = [
    {'evaluate': name, 'task': task, 'arch': {'x': i / 8}, 'trial': i}
    for i in range(count)
  ]
  sent, threads = [], set()

  def send(message):
    threads.add(threading.get_ident())
    sent.append(message)

  last = together.run(calls, send)
  assert threads == {threading.get_ident()}
  told = [*sent, last]
  assert last['event'] != 'reported'
  for number in range(count):
    own = [m for m in told if m['trial'] == number]
    assert [m['event'] for m in own] == [
      'reported',
      'failed' if number == 2 else 'done',
    ]
    assert own[0]['metrics'] == {'accuracy': number / 8}
  assert len(told) == 2 * count
