"""Patterns: which weights live or die together.

A pattern turns the scores of a kernel into a table [rows, units] and a table
of booleans back into a mask. From each row the same number of units dies.
"""

import dataclasses
import math

import jax
import jax.numpy as jnp

from effnas import errors

Shape = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Unstructured:
  """Each weight by itself; one row.

  Example:
    >>> Unstructured().units(jnp.ones((2, 3))).shape
    (1, 6)
  """

  weights = 1  # In a unit.

  def check(self, path: str, shape: Shape) -> None:
    """Every shape will do."""
    del path, shape

  def units(self, scores: jax.Array) -> jax.Array:
    """Returns the scores as a table."""
    return scores.reshape(1, -1)

  def mask(self, alive: jax.Array, shape: Shape) -> jax.Array:
    """Returns the table of booleans as a mask."""
    return alive.reshape(shape)


@dataclasses.dataclass(frozen=True)
class NM:
  """At most n of each m neighbours along the input axis live.

  Each group is a row. The input axis is the second to last.

  Attributes:
    n: Weights that live in a group.
    m: Size of a group; divides the inputs.

  Reference:
    Mishra et al., 2021, Accelerating Sparse Deep Neural Networks,
    https://arxiv.org/abs/2104.08378 (2:4)

  Example:
    >>> NM(2, 4).units(jnp.ones((3, 3, 8, 5))).shape
    (90, 4)
  """

  n: int = 2
  m: int = 4
  weights = 1

  def __post_init__(self):
    """Checks the numbers."""
    if not 0 < self.n <= self.m:
      raise errors.UserError(
        f'N:M keeps n of m weights, 1 <= n <= m; got {self.n}:{self.m}'
      )

  def check(self, path: str, shape: Shape) -> None:
    """Raises a `UserError` where groups do not fill the input axis."""
    if shape[-2] % self.m:
      raise errors.UserError(
        f'{self.n}:{self.m} takes inputs that {self.m} divides; {path} has '
        f'{shape[-2]}: leave it alone by Kernels(keep=...)'
      )

  def units(self, scores: jax.Array) -> jax.Array:
    """Returns the scores as a table."""
    return jnp.swapaxes(scores, -1, -2).reshape(-1, self.m)

  def mask(self, alive: jax.Array, shape: Shape) -> jax.Array:
    """Returns the table of booleans as a mask."""
    *taps, inputs, outputs = shape
    return jnp.swapaxes(alive.reshape(*taps, outputs, inputs), -1, -2)


@dataclasses.dataclass(frozen=True)
class Block:
  """Blocks of inputs x outputs, scored by their mean; one row.

  Attributes:
    inputs: Rows of a block; divide the second to last axis.
    outputs: Columns of a block; divide the last axis.

  Reference:
    Narang et al., 2017, Block-Sparse Recurrent Neural Networks,
    https://arxiv.org/abs/1711.02782

  Example:
    >>> Block(4, 1).units(jnp.ones((8, 5))).shape
    (1, 10)
  """

  inputs: int = 4
  outputs: int = 4

  def __post_init__(self):
    """Checks the numbers."""
    if self.inputs < 1 or self.outputs < 1:
      raise errors.UserError(
        f'a block has sides of 1 or more; got {self.inputs} x {self.outputs}'
      )

  @property
  def weights(self) -> int:
    """Weights in a unit."""
    return self.inputs * self.outputs

  def check(self, path: str, shape: Shape) -> None:
    """Raises a `UserError` where blocks do not fill a kernel."""
    if shape[-2] % self.inputs or shape[-1] % self.outputs:
      raise errors.UserError(
        f'blocks of {self.inputs} x {self.outputs} must fill a kernel; {path} '
        f'is {shape[-2]} x {shape[-1]}: leave it alone by Kernels(keep=...)'
      )

  def units(self, scores: jax.Array) -> jax.Array:
    """Returns the mean scores of the blocks as a table."""
    *taps, inputs, outputs = scores.shape
    rows, columns = inputs // self.inputs, outputs // self.outputs
    blocks = scores.reshape(
      math.prod(taps), rows, self.inputs, columns, self.outputs
    )
    return blocks.mean((2, 4)).reshape(1, -1)

  def mask(self, alive: jax.Array, shape: Shape) -> jax.Array:
    """Returns the table of booleans as a mask."""
    *taps, inputs, outputs = shape
    blocks = alive.reshape(
      *taps, inputs // self.inputs, outputs // self.outputs
    )
    return blocks.repeat(self.inputs, -2).repeat(self.outputs, -1)


Pattern = Unstructured | NM | Block
# Of every function that takes a pattern.
DEFAULT = Unstructured()
