"""Odd input by the hundred: each ends well, or in one line and exit code 2.

A case is named by its kind and its seed, and is made of them alone: what fails
is made again by `pytest tests/fuzz -k KIND` with that seed. Nothing is
trained; `evaluate` is a stand-in.
"""

import itertools
import pathlib
import random
import sys
import traceback

import odd_inputs
import pytest

from effnas import errors, terminal
from effnas.cli import main

_TINY = """
from effnas import space as sp
from flax import linen

class Tiny(linen.Module):
  features: int
  @linen.compact
  def __call__(self, x):
    return linen.Dense(3)(linen.Dense(self.features)(x))

def space():
  return sp.Space({'model': Tiny(sp.oneof(2, 4))})

def network():
  return Tiny(2)
"""

# How many of each in `make test`, and as `slow`.
_KINDS = {
  odd_inputs.config: (24, 600),
  odd_inputs.file: (40, 600),
  odd_inputs.arch: (60, 1000),
  odd_inputs.journal: (60, 1500),
  odd_inputs.table: (40, 600),
  odd_inputs.device: (40, 800),
  odd_inputs.weights: (40, 1000),
  odd_inputs.arrays: (50, 800),
}


@pytest.fixture
def _stand_ins(tmp_path, monkeypatch):
  """No training, and (but in slow runs) no drawing."""
  from effnas.search.networks import network_trials

  (tmp_path / 'tiny_fuzz.py').write_text(_TINY)
  monkeypatch.chdir(tmp_path)
  monkeypatch.setattr(sys, 'path', [str(tmp_path), *sys.path])
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
  monkeypatch.setattr(
    network_trials, 'evaluate', lambda *_: {'accuracy': 0.5, 'seconds': 0.1}
  )
  monkeypatch.setattr(network_trials, 'test', lambda *_: {'test_accuracy': 0.5})
  yield
  sys.modules.pop('tiny_fuzz', None)


def _went(asked, capsys):
  """Runs a case; returns what is wrong with how it ended, None if nothing."""
  capsys.readouterr()
  try:
    code = main.run(asked) if isinstance(asked, list) else _code(asked)
  except BaseException as e:
    if isinstance(e, KeyboardInterrupt):
      raise
    where = traceback.extract_tb(e.__traceback__)
    ours = [f for f in where if '/effnas/' in f.filename] or where
    place = pathlib.Path(ours[-1].filename)
    return f'{place.name}:{ours[-1].lineno} {type(e).__name__}: {str(e)[:150]}'
  said = capsys.readouterr().err
  lines = [x for x in said.splitlines() if x.startswith('effnas: ')]
  told = [x for x in lines if not x.startswith('effnas: warning')]
  if code == 2 and len(told) != 1:
    return f'exit code 2 and {len(told)} lines: {said[-300:]!r}'
  if code not in (0, 2):
    return f'exit code {code}'
  if any(len(line) > 320 or not line.isprintable() for line in told):
    return f'no line to read: {told}'
  return None


def _code(call):
  try:
    call()
  except errors.UserError as e:
    terminal.err(f'effnas: {terminal.brief(e)}')
    return 2
  return 0


def _fuzz(kind, seeds, tmp_path, capsys):
  found = {}
  for seed in seeds:
    folder = tmp_path / str(seed)
    folder.mkdir()
    asked = kind(random.Random(f'{kind.__name__} {seed}'), folder)
    wrong = _went(asked, capsys)
    if wrong:
      words = ' '.join(asked) if isinstance(asked, list) else ''
      text = f'seed {seed}: {wrong} {words[:400]}'
      found.setdefault(wrong.partition(': ')[0], text)
  assert not found, '\n' + '\n'.join(found.values())


@pytest.mark.usefixtures('_stand_ins')
@pytest.mark.parametrize('kind', _KINDS, ids=lambda k: k.__name__)
def test_odd_input_is_one_line(kind, tmp_path, capsys, monkeypatch):
  from effnas.report import plot

  monkeypatch.setattr(plot, 'picture', lambda summary: b'')
  _fuzz(kind, range(_KINDS[kind][0]), tmp_path, capsys)


@pytest.mark.slow
@pytest.mark.usefixtures('_stand_ins')
@pytest.mark.parametrize('kind', _KINDS, ids=lambda k: k.__name__)
def test_more_odd_input_is_one_line(kind, tmp_path, capsys, monkeypatch):
  from effnas.report import plot

  drawn, count = plot.picture, itertools.count()
  some = lambda summary: drawn(summary) if next(count) % 12 == 0 else b''  # noqa: E731
  monkeypatch.setattr(plot, 'picture', some)
  fast, many = _KINDS[kind]
  _fuzz(kind, range(fast, fast + many), tmp_path, capsys)
