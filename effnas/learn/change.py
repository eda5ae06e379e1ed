"""The form of an augmentation."""

from collections.abc import Callable
import dataclasses
import math
from typing import Annotated, Any, ClassVar, Literal

import jax
import jax.numpy as jnp

from effnas import arguments, errors

Padding = Annotated[int, arguments.Range(0, 4096)]
Takes = Literal['pixels', 'images', 'floats', 'tokens']


@dataclasses.dataclass(frozen=True, kw_only=True)
class Change:
  """An augmentation: a frozen dataclass of plain settings.

  Attributes:
    takes: 'pixels' are uint8 images (N, H, W, C) as they lie in the data set,
      'images' the same after preparation, where zero is the mean colour,
      'floats' any prepared floats (N, ...), 'tokens' integers (N, T).
  """

  takes: ClassVar[Takes] = 'images'

  @property
  def name(self) -> str:
    """What the augmentation is called: its file."""
    return type(self).__module__.rpartition('.')[2]

  def change(self, key: jax.Array, inputs: jax.Array) -> jax.Array:
    """Returns a batch of changed inputs, of the same shape and type.

    Args:
      key: The source of chance.
      inputs: A batch, rows first.
    """
    raise TypeError(f'{self.name} does not say what it changes')

  def check(self, name: str, low: float, high: float = math.inf) -> None:
    """Raises a UserError where a setting is no number from low to high."""
    value = getattr(self, name)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (number and math.isfinite(value) and low <= value <= high):
      most = '' if high == math.inf else f' to {high:g}'
      raise errors.UserError(
        f'{self.name}.{name} is a number from {low:g}{most}; got {value!r}'
      )

  def check_whole(self, name: str, low: int) -> None:
    """Raises a UserError where a setting is no whole number from low."""
    value = getattr(self, name)
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
      raise errors.UserError(
        f'{self.name}.{name} is a whole number from {low}; got {value!r}'
      )

  def check_flag(self, name: str) -> None:
    """Raises a UserError where a setting is neither True nor False."""
    value = getattr(self, name)
    if not isinstance(value, bool):
      raise errors.UserError(
        f'{self.name}.{name} is True or False; got {value!r}'
      )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mix(Change):
  """An augmentation that puts several rows of a batch into one.

  Attributes:
    weights: Whether labels come and go as weights over the classes,
      (N, classes); else they are integers (N,) and stay as they are.
  """

  takes: ClassVar[Takes] = 'floats'
  weights: ClassVar[bool] = True

  def mix(
    self, key: jax.Array, inputs: jax.Array, labels: jax.Array
  ) -> tuple[jax.Array, jax.Array]:
    """Returns mixed inputs and their labels.

    Args:
      key: The source of chance.
      inputs: A batch of two rows or more.
      labels: As `weights` says.
    """
    raise TypeError(f'{self.name} does not say how it mixes')


def each(
  one: Callable[..., jax.Array], key: jax.Array, inputs: jax.Array
) -> Any:
  """Applies a function (key, row) to each row, with a key of its own."""
  return jax.vmap(one)(jax.random.split(key, len(inputs)), inputs)


def per_row(values: jax.Array, inputs: jax.Array) -> jax.Array:
  """Returns one value per row, shaped to be multiplied with the inputs."""
  return values.reshape((-1,) + (1,) * (inputs.ndim - 1)).astype(inputs.dtype)


def kept(
  key: jax.Array, rows: int, alpha: float, probability: float
) -> jax.Array:
  """Returns the weight of each row itself in a mixture, (N,), float32.

  Args:
    key: The source of chance.
    rows: N.
    alpha: The weights come from Beta(alpha, alpha); 0 is weight 1.
    probability: That a row is mixed at all; else its weight is 1.
  """
  if not alpha:
    return jnp.ones(rows, jnp.float32)
  beta_key, whether_key = jax.random.split(key)
  drawn = jax.random.beta(beta_key, alpha, alpha, (rows,), jnp.float32)
  mixed = jax.random.bernoulli(whether_key, float(probability), (rows,))
  return jnp.where(mixed, drawn, 1.0)
