"""A toy data set of images, and a small network trained on it."""

import dataclasses
import types
from typing import Any

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas.nn import layers, rewrite
from effnas.recipe import context as context_lib
from effnas.recipe import network as network_lib

SHAPE = (6, 6, 3)


@dataclasses.dataclass(frozen=True)
class Data:
  train: Any
  valid: Any
  input_shape: tuple = SHAPE
  kind: str = 'image'
  mean: tuple = (0.0,)
  std: tuple = (1.0,)

  def prepare(self, x):
    return jnp.asarray(x, jnp.float32)


class Net(linen.Module):
  @linen.compact
  def __call__(self, x, train=False):
    x = layers.ConvNorm(8, kernel=3, act=jax.nn.relu, name='stem')(x, train)
    x = layers.ConvNorm(16, kernel=3, act=jax.nn.relu, name='body')(x, train)
    return layers.Dense(4, name='head')(x.mean((1, 2)))


def _split(seed):
  rng = np.random.default_rng(seed)
  y = np.arange(64) % 4
  x = np.eye(4)[y][:, None, None, :3] + 0.3 * rng.standard_normal((64, *SHAPE))
  return types.SimpleNamespace(x=x.astype(np.float32), y=y.astype(np.int32))


@pytest.fixture(scope='session')
def context():
  return context_lib.Context(
    Data(_split(0), _split(1)),
    {'batch_size': 16, 'seed': 3},
    {'lr': 1e-2, 'name': 'adamw', 'weight_decay': 1e-2},
  )


@pytest.fixture(scope='session')
def trained(context):
  net = rewrite.Rewritten(Net())
  start = network_lib.Network(net, None)
  fitted = context.fit('train', start, epochs=2)
  return start.replace(variables=fitted.variables)
