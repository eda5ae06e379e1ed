"""Runs command lines in this process, in a folder with a tiny space."""

import dataclasses
import os
import sys
import textwrap

import pytest

from effnas.cli import main

_SPACE = """
from effnas import space as sp
from flax import linen

class Tiny(linen.Module):
  features: int
  act: str
  classes: int = 10

  @linen.compact
  def __call__(self, x):
    x = linen.Dense(self.features)(x.reshape((len(x), -1)))
    return linen.Dense(self.classes)(getattr(linen, self.act)(x))

def space(classes=10):
  net = Tiny(sp.oneof(4, 8), sp.oneof('relu', 'silu'), classes)
  return sp.Space({'model': net, 'optim': {'lr': sp.loguniform(1e-3, 1e-2)}})

def network(classes=10):
  return Tiny(4, 'relu', classes)
"""
_CONFIG = """
import ml_collections

def get_config(variant=''):
  config = ml_collections.ConfigDict({
    'space': 'tiny_cli:space',
    'space_args': {},
    'data': {'name': 'digits', 'limit': 128, 'path': None},
    'quant': {'weights': 8, 'patterns': {'Dense_0': 4, 'nowhere/*': 8}},
    'optim': {'name': 'adamw', 'clip': 0.0},
    'train': {
      'epochs': 3 if variant == 'long' else 1,
      'batch_size': 64,
      'augment': (),
      'crop_padding': 1,
      'checkpoint_every': 0,
    },
    'footprint': {'targets': ('cpu',), 'batch': 1, 'compile': ()},
    'search': {
      'engine': 'inline',
      'trials': 2,
      'concurrency': 1,
      'sampler': 'random',
      'objectives': ('accuracy', 'latency_ms@tpu_v5e'),
      'constraints': {'size_bytes': 100_000, 'latency_ms@a100': 1.0},
      'asynchronous': False,
      'max_draws': 20,
    },
  })
  if variant == 'compress':
    config.quant = {'weights': 32, 'activations': 32}
    config.compress = {
      'order': ('prune', 'quantize'),
      'prune': {'sparsity': 0.5, 'thin': 0},
      'quantize': {'weights': 4},
    }
  return config
"""


@dataclasses.dataclass(frozen=True)
class Result:
  """What a command line gave."""

  code: int
  out: str
  err: str

  @property
  def said(self):
    """The one line of an error."""
    assert self.code == 2, self
    assert self.out == ''
    assert self.err.count('\n') == 1
    assert self.err.startswith('effnas: ')
    return self.err


@pytest.fixture(scope='session')
def project(tmp_path_factory):
  folder = tmp_path_factory.mktemp('project')
  (folder / 'tiny_cli.py').write_text(textwrap.dedent(_SPACE))
  (folder / 'tiny.py').write_text(textwrap.dedent(_CONFIG))
  return folder


@pytest.fixture(autouse=True)
def _in_project(project, tmp_path_factory, monkeypatch):
  monkeypatch.chdir(project)
  monkeypatch.setattr(sys, 'path', list(sys.path))
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path_factory.mktemp('cache')))
  before = dict(os.environ)
  yield
  os.environ.clear()
  os.environ.update(before)


@pytest.fixture
def effnas(capsys):
  def run(*argv):
    capsys.readouterr()
    code = main.run([str(word) for word in argv])
    return Result(code, *capsys.readouterr())

  return run
