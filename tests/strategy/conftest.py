"""A trained float network of a few layers, and its data."""

from flax import linen
import jax
import numpy as np
import pytest

from effnas import data, train
from effnas.nn import rewrite


class Net(linen.Module):
  """Three layers whose bits matter, and one that does nothing."""

  @linen.compact
  def __call__(self, x, train=False):
    x = linen.Conv(8, (3, 3), strides=2, name='stem')(x)
    x = linen.BatchNorm(use_running_average=not train)(x)
    x = jax.nn.relu(x).reshape(len(x), -1)
    idle = linen.Dense(16, name='idle')(x)
    x = jax.nn.relu(linen.Dense(24, name='middle')(x))
    return linen.Dense(10, name='head')(x) + 0 * idle.sum()


@pytest.fixture(scope='session')
def digits():
  return data.load('digits', valid=0.2)


@pytest.fixture(scope='session')
def net():
  return rewrite.Rewritten(Net())


@pytest.fixture(scope='session')
def variables(net, digits):
  optim = {'name': 'adamw', 'lr': 1e-2, 'schedule': 'cosine'}
  fitted = train.fit(net, digits, epochs=8, batch_size=64, optim=optim)
  return jax.tree.map(np.asarray, fitted.variables)
