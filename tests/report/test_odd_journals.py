"""Journals with odd values and bytes: a report of them, or one line."""

import json
import random

import pytest

from effnas import errors, report
from effnas.search import journal

_ODD = (
  None,
  True,
  -1,
  0.5,
  3.5,
  1e308,
  10**400,
  float('inf'),
  float('nan'),
  '',
  'x\x1b[31m\ud800',
  [],
  {},
  [[[]]],
  {'a': {'b': [None]}},
  'a' * 5000,
)


def _places(value, way=()):
  yield way
  if isinstance(value, dict):
    for key, inner in value.items():
      yield from _places(inner, (*way, key))


def _changed(draw, text):
  """A journal with one odd value, one line less, or some odd bytes."""
  lines = text.splitlines(keepends=True)
  number, kind = draw.randrange(len(lines)), draw.randrange(10)
  if kind == 0:
    del lines[number]
  elif kind == 1:
    lines.insert(number, draw.choice(lines))
  elif kind < 4:
    data = bytearray(text.encode())
    place = draw.randrange(len(data))
    if draw.random() < 0.5:
      data[place : place + draw.randrange(9)] = draw.randbytes(3)
    else:
      del data[place:]
    return bytes(data)
  else:
    event = json.loads(lines[number])
    *way, last = draw.choice([w for w in _places(event) if w])
    inner = event
    for key in way:
      inner = inner[key]
    if kind == 4:
      del inner[last]
    else:
      inner[last] = draw.choice(_ODD)
    deep = json.dumps(event).replace('3', '[' * 3000 + ']' * 3000, 1)
    lines[number] = (deep if kind == 5 else json.dumps(event)) + '\n'
  return ''.join(lines).encode()


def _tried(study, count, seed):
  draw, path = random.Random(seed), study.path / 'trials.jsonl'
  text, read, said = path.read_text(), 0, []
  for _ in range(count):
    path.write_bytes(_changed(draw, text))
    try:
      summary = report.read(study.path)
      json.dumps(summary.to_dict(), allow_nan=False).encode()
      assert summary.sentence()
      read += 1
    except errors.UserError as e:
      said.append(str(e))
    try:
      journal.Journal(path).close()
    except errors.UserError:
      continue
  assert [m for m in said if not m.isprintable()] == []
  assert max(map(len, said)) < 300 + len(str(path))
  return read


def test_odd_journals_are_read_or_refused_in_one_line(study):
  assert 5 < _tried(study, 80, 0) < 75


@pytest.mark.slow
def test_many_odd_journals(study):
  assert 100 < _tried(study, 1500, 1) < 1400
