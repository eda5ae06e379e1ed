"""Weights of one magnitude: their signs, with zeros (ternary) or none."""

from collections.abc import Sequence
import math
from typing import NamedTuple

import jax
from jax import lax
import jax.numpy as jnp


class Coded(NamedTuple):
  """Numbers as codes.

  Attributes:
    codes: In the shape and dtype of the numbers.
    scale: Broadcasts with them; the values are codes * scale.
    slope: Derivative of a value with respect to its number, as training takes
      it; broadcasts with them.
    low: Smallest code of an asymmetric grid; None of any other.
  """

  codes: jax.Array
  scale: jax.Array
  slope: jax.Array | float = 1.0
  low: jax.Array | None = None


def ternary(x: jax.Array, axes: Sequence[int]) -> Coded:
  """Finds the codes -1, 0 and 1; the slope is 1.

  Args:
    x: Weights.
    axes: The axes that share a scale, kept at size 1.

  Returns:
    Codes that are 0 up to .7 of the mean magnitude and the sign beyond it; the
    scale is the mean magnitude there.

  Reference:
    Li and Liu, 2016, Ternary Weight Networks,
    https://arxiv.org/abs/1605.04711

  Example:
    >>> found = ternary(jnp.array([-3., .5, 1., 5.]), (0,))
    >>> found.codes.tolist(), found.scale.tolist()
    ([-1.0, 0.0, 0.0, 1.0], [4.0])
  """
  axes = tuple(axes)
  x = lax.stop_gradient(x)
  size = jnp.abs(x)
  kept = size > 0.7 * size.mean(axes, keepdims=True)
  count = jnp.maximum(kept.sum(axes, keepdims=True), 1)
  scale = (size * kept).sum(axes, keepdims=True) / count
  return Coded((jnp.sign(x) * kept).astype(x.dtype), scale)


def binary(x: jax.Array, axes: Sequence[int]) -> Coded:
  """Finds the codes -1 and 1.

  Args:
    x: Weights.
    axes: The axes that share a scale, kept at size 1.

  Returns:
    The signs, that of 0 being 1; the scale a is the mean magnitude. The slope
    of a weight w, one of n that share a, is the paper's
    1 / n + a * (|w| <= 1).

  Reference:
    Rastegari et al., 2016, XNOR-Net, https://arxiv.org/abs/1603.05279

  Example:
    >>> found = binary(jnp.array([-3., .5, 1., 5.]), (0,))
    >>> found.codes.tolist(), found.scale.tolist()
    ([-1.0, 1.0, 1.0, 1.0], [2.375])
  """
  axes = tuple(axes)
  x = lax.stop_gradient(x)
  scale = jnp.abs(x).mean(axes, keepdims=True)
  n = math.prod(x.shape[axis] for axis in axes)
  slope = 1 / n + scale * (jnp.abs(x) <= 1)
  codes = jnp.where(x < 0, -1, 1).astype(x.dtype)
  return Coded(codes, scale, slope.astype(x.dtype))
