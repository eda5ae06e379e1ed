"""A toy data set and toy networks for the tests of training."""

from collections.abc import Callable
import dataclasses
import types
from typing import Any

from flax import linen
import jax.numpy as jnp
import numpy as np
import pytest


@dataclasses.dataclass(frozen=True)
class Data:
  train: Any
  valid: Any
  kind: str = 'vector'
  mean: tuple = (0.0,)
  std: tuple = (1.0,)

  def prepare(self, x):
    if self.kind == 'tokens':
      return x
    return (jnp.asarray(x, jnp.float32) - self.mean[0]) / self.std[0]


class Mlp(linen.Module):
  classes: int = 2
  hidden: int = 8
  dropout: float = 0.0

  @linen.compact
  def __call__(self, x, train=False):
    x = linen.Dense(self.hidden)(x.reshape(x.shape[0], -1))
    x = linen.BatchNorm(use_running_average=not train, momentum=0.9)(x)
    x = linen.Dropout(self.dropout, deterministic=not train)(linen.relu(x))
    return linen.Dense(self.classes)(x)


def blobs(n: int = 64, features: int = 4, classes: int = 2, seed: int = 0):
  """Rows of one split: classes apart by their mean, a linear problem."""
  rng = np.random.default_rng(seed)
  y = np.arange(n) % classes
  centres = 4 * np.eye(classes, features)
  x = centres[y] + 0.3 * rng.standard_normal((n, features))
  return types.SimpleNamespace(x=x.astype(np.float32), y=y.astype(np.int32))


@pytest.fixture
def make_data() -> Callable[..., Data]:
  def make(n=64, features=4, classes=2, **fields):
    train = blobs(n, features, classes, seed=0)
    valid = blobs(n, features, classes, seed=1)
    return Data(train, valid, **fields)

  return make


class Counted(linen.Module):
  """An Mlp that says when Python goes through it.

  Attributes:
    see: Called with the value of `train` each time.
  """

  see: Callable[[bool], None]

  @linen.compact
  def __call__(self, x, train=False):
    self.see(train)
    return Mlp()(x, train)


@pytest.fixture
def make_net() -> Callable[..., Mlp]:
  return Mlp


@pytest.fixture
def counted() -> tuple[Counted, list[bool]]:
  seen: list[bool] = []
  return Counted(seen.append), seen
