import subprocess
import sys
import textwrap

import pytest

from effnas.search.running import evaluation
from effnas.search.running import limits as limits_lib

_HELD = """
import pathlib, re, sys, time
from effnas.search.running import limits
limits._GRACE_S = 0.1
with limits.held(limits.Limits(*{limits}), pathlib.Path(sys.argv[1])):
  {body}
print('survived')
"""


def held(tmp_path, limits, body):
  """What a process said that was held to limits, and its last words."""
  body = textwrap.indent(body, '  ').strip()
  code = _HELD.format(limits=limits, body=body)
  words = tmp_path / 'words' / 'one'
  found = subprocess.run(
    [sys.executable, '-c', code, str(words)],
    capture_output=True,
    text=True,
    timeout=60,
    check=False,
  )
  return found, limits_lib.last_words(limits_lib.Limits(*limits), words), words


@pytest.mark.parametrize(
  'body',
  ['time.sleep(60)', "re.match('(a+)+b', 'a' * 40)"],  # the lock held, or not
)
def test_what_hangs_is_ended_and_says_where(tmp_path, body):
  found, (reason, where), words = held(tmp_path, (0.3, None), body)
  assert found.returncode == 1
  assert 'survived' not in found.stdout
  assert reason == 'took longer than search.time_limit_s 0.3'
  assert 'line 6 in <module>' in where
  assert not words.exists()


def test_what_takes_too_much_memory_is_ended(tmp_path):
  body = "kept = bytearray(b'1' * 10**9); time.sleep(60)"
  found, (reason, _), _ = held(tmp_path, (None, 500_000_000), body)
  assert found.returncode == 1
  assert reason.endswith('more than search.memory_limit_bytes 500,000,000')
  taken = int(reason.split()[1].replace(',', ''))
  assert 10**9 < taken < 3 * 10**9


def test_what_keeps_to_them_goes_on(tmp_path):
  body = 'time.sleep(0.1)'
  found, said, words = held(tmp_path, (30, 10**10), body)
  assert found.stdout == 'survived\n'
  assert said == ('', '')
  assert not words.exists()


def test_other_last_words_are_none(tmp_path):
  file = tmp_path / 'one'
  file.write_text('')
  assert limits_lib.last_words(limits_lib.Limits(1, 1), file) == ('', '')
  assert limits_lib.last_words(limits_lib.NONE, file) == ('', '')


def test_an_evaluation_that_reports_is_lost_in_order(tmp_path):
  """No process has to end; another try may be faster."""
  task = {'config': {'toy': {'seconds': 0.05}}, 'workdir': str(tmp_path)}
  sent = []
  message = evaluation.run(
    'toy_search:evaluate',
    task,
    {'model.stage.0': 3},
    4,
    sent.append,
    limits=limits_lib.Limits(0.01),
  )
  assert message == {
    'event': 'lost',
    'reason': 'took longer than search.time_limit_s 0.01',
    'traceback': '',
  }
  assert len(sent) == 1
