"""A tiny network with a width, its config, and one whole walk with it."""

import copy
import sys
import textwrap

import pytest

from effnas.strategy import guide

_SPACE = """
from effnas import space as sp
from flax import linen

class Narrow(linen.Module):
  width: float = 1.0
  act: str = 'relu'
  classes: int = 10

  @linen.compact
  def __call__(self, x, train=False):
    x = linen.Dense(round(16 * self.width))(x.reshape((len(x), -1)))
    return linen.Dense(self.classes)(getattr(linen, self.act)(x))

def argued(width=1.0, classes=10):
  return {'model': Narrow(width, classes=classes)}

def decided():
  net = Narrow(sp.oneof(0.25, 0.5, 1.0), sp.oneof('relu', 'silu'))
  return {'model': net, 'optim': {'lr': sp.loguniform(1e-3, 1e-1)}}

class Deep(linen.Module):
  depth: int = 2

  @linen.compact
  def __call__(self, x, train=False):
    x = x.reshape((len(x), -1))
    for _ in range(self.depth):
      x = linen.relu(linen.Dense(8)(x))
    return linen.Dense(10)(x)

def deep():
  return {'model': Deep(sp.oneof(1, 2, 3))}

def plain():
  return {'model': Narrow()}
"""
_CONFIG = {
  'space': 'guide_spaces:argued',
  'space_args': {},
  'data': {'name': 'digits', 'limit': 192},
  'quant': {'weights': 32, 'activations': 32},
  'optim': {'name': 'adamw', 'lr': 2e-2},
  'train': {
    'epochs': 2,
    'batch_size': 64,
    'augment': [],
    'crop_padding': 1,
    'checkpoint_every': 0,
  },
  'compress': {
    'order': [],
    'prune': {'sparsity': {'oneof': [0.5]}, 'epochs': 1, 'thin': 0},
    'quantize': {'weights': {'oneof': [8, 4]}, 'epochs': 0},
  },
  'footprint': {'targets': [], 'batch': 1, 'compile': []},
  'search': {
    'objectives': ['accuracy', 'size_bytes'],
    'engine': 'inline',
    'trials': 2,
    'sampler': 'random',
  },
}


@pytest.fixture(scope='session', autouse=True)
def _spaces(tmp_path_factory):
  folder = tmp_path_factory.mktemp('spaces')
  (folder / 'guide_spaces.py').write_text(textwrap.dedent(_SPACE))
  sys.path.insert(0, str(folder))
  yield
  sys.path.remove(str(folder))


@pytest.fixture
def config():
  return copy.deepcopy(_CONFIG)


@pytest.fixture(scope='session')
def a_config():
  return copy.deepcopy(_CONFIG)


@pytest.fixture(scope='session')
def plan(_spaces):
  return guide.make(
    'shrink',
    copy.deepcopy(_CONFIG),
    keep_quality=40,
    widths=(0.5,),
    steps=('width', 'quantize', 'tune'),
  )


@pytest.fixture(scope='session')
def workdir(tmp_path_factory):
  return tmp_path_factory.mktemp('walk')


@pytest.fixture(scope='session')
def walk(plan, workdir):
  """A finished walk of six networks."""
  return guide.walk(plan, workdir)
