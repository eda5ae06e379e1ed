import io

import pytest

from effnas.cli import progress


@pytest.fixture
def now(monkeypatch):
  time = [0.0]
  monkeypatch.setattr(progress.time, 'monotonic', lambda: time[0])
  return time


class _Terminal(io.StringIO):
  def isatty(self):
    return True


def test_time_left_counts_this_run_only(now):
  counting = progress.Progress('epoch', 10)
  now[0] = 2.0
  counting.update(6)  # five were of an earlier run
  assert counting.line(6, 'loss 1') == 'epoch 6/10 | loss 1 | 0:02, 0:08 left'
  assert counting.line(10) == 'epoch 10/10 | 0:02'


def test_elsewhere_a_line_now_and_then(now, capsys):
  with progress.Progress('epoch', 100) as counting:
    for i in range(1, 101):
      now[0] += 1
      counting.update(i)
  lines = capsys.readouterr().err.splitlines()
  assert len(lines) == 10
  assert lines[-1] == 'epoch 100/100 | 1:40'


def test_in_a_terminal_one_line(now, monkeypatch):
  file = _Terminal()
  monkeypatch.setattr(progress.sys, 'stderr', file)
  with progress.Progress('epoch', 2) as counting:
    counting.update(1, 'a long text')
    counting.update(2)
  assert file.getvalue().count('\n') == 1
  *_, last = file.getvalue().split('\r')
  assert last.rstrip() == 'epoch 2/2 | 0:00'
  assert len(last.rstrip('\n')) >= len('epoch 1/2 | a long text')


def test_short_work_is_silent(now, capsys):
  with progress.Progress('network', 2, patience=3) as counting:
    counting.update(1)
    counting.update(2)
  assert capsys.readouterr().err == ''


def test_what_is_done_before_the_first_step_is_said_at_once(now, capsys):
  with progress.Progress('epoch', 3, before='compiling'):
    assert capsys.readouterr().err == 'epoch 0/3 | compiling ...\n'
