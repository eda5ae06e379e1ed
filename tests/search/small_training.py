"""A small network and its config, for the tests of techniques of training."""

import copy

from flax import linen
import jax

from effnas import space as sp
from effnas.search.networks import training


class Pooled(linen.Module):
  """A classifier of the four quarters of an image of any size."""

  width: int = 16

  @linen.compact
  def __call__(self, x, train=False):
    x = linen.Conv(self.width, (3, 3), name='stem')(x)
    norm = linen.BatchNorm(not train, momentum=0.8, name='norm')
    x = jax.image.resize(
      linen.relu(norm(x)), (len(x), 2, 2, self.width), 'linear'
    )
    return linen.Dense(10, name='classifier')(x.reshape(len(x), -1))


def space(widths=(16,)):
  """The space of the tests."""
  return sp.Space({'model': Pooled(width=sp.oneof(*widths))})


CONFIG = {
  'space': 'small_training:space',
  'space_args': {'widths': [16, 24]},
  'data': {'name': 'digits', 'seed': 0},
  'quant': {'weights': 32, 'activations': 32},
  'optim': {'name': 'adamw', 'lr': 2e-2},
  'train': {
    'epochs': 2,
    'batch_size': 32,
    'augment': [],
    'crop_padding': 1,
    'checkpoint_every': 0,
  },
  'footprint': {'targets': [], 'batch': 1, 'compile': []},
  'search': {
    'engine': 'inline',
    'trials': 2,
    'objectives': ['accuracy', 'size_bytes'],
    'constraints': {},
  },
}
ARCH = {'model.width': 16}


def config(train=(), **changes):
  """The config with other settings of the training, and other sections."""
  made = copy.deepcopy(CONFIG) | changes
  made['train'] |= dict(train)
  return made


def fit(config, folder):
  """Trains a network, and returns its history and what the trial tells."""
  history = []
  told = training.fit(config, ARCH, folder, lambda _, m: history.append(m))
  return history, told
