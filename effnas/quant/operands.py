"""Operands of a product under any scheme: codes, and a scale outside of it.

Training and serving multiply the same codes and scale the same result, so they
agree to the bit wherever sums are exact, as those of integers are. Sums of
floats (inputs in float, or a kernel's groups) have the same terms, which a
compiler may add in another order.
"""

from collections.abc import Sequence
import math
from typing import Any, NamedTuple, Protocol

import jax
from jax import lax
import jax.numpy as jnp

from effnas.quant import fake, float8, lsq, schemes, signs


class Rule(Protocol):
  """What a quantization rule says."""

  @property
  def weights(self) -> int:
    """Bits of the kernel."""

  @property
  def activations(self) -> int:
    """Bits of the input."""

  @property
  def scheme(self) -> schemes.Scheme:
    """All else."""


class Operand(NamedTuple):
  """One side of a product.

  Attributes:
    values: Floating point, with a gradient.
    scale: What the result is multiplied by: for inputs it has their rank or
      none, for kernels the shape of the outputs or none; None stands for 1.
  """

  values: jax.Array
  scale: jax.Array | None


def of_inputs(
  rule: Rule, x: jax.Array, axes: Sequence[int], given: Any = None
) -> Operand:
  """Fake-quantizes an input.

  Args:
    rule: Of the layer.
    x: Floating point.
    axes: The axes that share a dynamic scale.
    given: None for dynamic ranges, the learned step, or the static range: a
      `fake.Grid`, of which codes in 8-bit floats take the scale.

  Returns:
    The operand; gradients are straight-through, and zero beyond a static range.
  """
  bits, scheme = rule.activations, rule.scheme
  if bits == schemes.FLOAT:
    return Operand(x, None)
  if scheme.learned:
    features = math.prod(x.shape[1:])
    return Operand(
      *lsq.codes(x, positive(given), bits, input_signed(rule), features)
    )
  axes = tuple(axes)
  if scheme.activations != 'integer':
    if given is None:
      coded = float8.coded(x, scheme.activations, axes)
    else:
      coded = float8.within(x, scheme.activations, given.scale)
  elif given is None:
    grid = own_grid(x, axes, bits, scheme.asymmetric('activations'))
    coded = fake.coded(x, grid, clip_gradient=False)
  else:
    coded = fake.coded(x, given)
  return Operand(*followed(x, coded))


def static_grid(rule: Rule, low: jax.Array, high: jax.Array) -> fake.Grid:
  """Returns the grid of a static range.

  Args:
    rule: Of the layer.
    low: Scalar.
    high: Scalar.
  """
  scheme = rule.scheme
  if scheme.activations != 'integer':
    bound = jnp.maximum(jnp.abs(low), jnp.abs(high))
    scale = float8.scale(bound, scheme.activations)
    return fake.Grid(scale, -scale, scale, jnp.bool_(False))
  asymmetric = scheme.asymmetric('activations')
  return fake.covering(low, high, rule.activations, asymmetric)


def stored_grid(
  rule: Rule, scale: jax.Array, zero: jax.Array | None
) -> fake.Grid:
  """Returns the grid that was deployed.

  Args:
    rule: Of the layer.
    scale: Scalar.
    zero: The zero point, a scalar; None where codes are symmetric.
  """
  if rule.scheme.activations != 'integer':
    return fake.Grid(scale, -scale, scale, jnp.bool_(False))
  if zero is None:
    grid = fake.symmetric(jnp.ones_like(scale), rule.activations)
    return grid._replace(scale=scale)
  low = -zero.astype(scale.dtype)
  return fake.Grid(
    scale, low, low + (2**rule.activations - 1), jnp.bool_(False)
  )


def input_signed(rule: Rule) -> bool:
  """Says whether learned steps have codes below zero, for the inputs."""
  return not rule.scheme.asymmetric('activations')


def positive(step: jax.Array) -> jax.Array:
  """Returns the magnitude of a learned step, which an optimiser may flip."""
  return jnp.maximum(jnp.abs(step), jnp.finfo(step.dtype).tiny)


def own_grid(
  x: jax.Array, axes: Sequence[int], bits: int, asymmetric: bool
) -> fake.Grid:
  """Returns the grid of the range that values have.

  Args:
    x: Any floating-point array.
    axes: The axes that share a scale, kept at size 1.
    bits: 1 to 8.
    asymmetric: Whether it has a zero point.
  """
  axes = tuple(axes)
  still = lax.stop_gradient(x)
  low, high = (f(still, axes, keepdims=True) for f in (jnp.min, jnp.max))
  return fake.covering(low, high, bits, asymmetric)


def followed(x: jax.Array, coded: signs.Coded) -> tuple[jax.Array, jax.Array]:
  """Lets codes follow what they stand for.

  Args:
    x: Floating point.
    coded: Its codes.

  Returns:
    The codes with the gradient of x / scale, and the scale. Where that is 0,
    codes are 0 and the scale is 1.
  """
  dead = coded.scale == 0
  scale = jnp.where(dead, 1, coded.scale).astype(x.dtype)
  codes = jnp.where(dead, 0, coded.codes).astype(x.dtype)
  slope = (coded.slope / scale).astype(x.dtype)
  return fake.straight_through(x, codes, slope), scale
