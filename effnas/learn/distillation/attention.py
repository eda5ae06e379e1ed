"""Attention transfer: where the student looks is where the teacher looks."""

from collections.abc import Mapping
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from effnas.learn.distillation import hints, terms


def attention_map(x: jax.Array) -> jax.Array:
  """Returns the share of each position: squares added over channels, norm 1.

      Q = sum_c x_c^2,    Q / |Q|_2

  Args:
    x: (N, ..., C).

  Returns:
    (N, positions).

  Example:
    >>> attention_map(jnp.array([[[1.0, 1.0], [2.0, 0.0]]])).round(2).tolist()
    [[0.4..., 0.8...]]

  Reference:
    Zagoruyko, Komodakis, 2016, Paying More Attention to Attention,
    https://arxiv.org/abs/1612.03928 (section 3.1)
  """
  squares = jnp.sum(x**2, axis=-1).reshape(x.shape[0], -1)
  size = jnp.sum(squares**2, axis=1, keepdims=True)
  # A map of zeros, as dead units give, has no direction: it stays zero.
  safe = jnp.where(size > 0, size, 1)
  return squares * jax.lax.rsqrt(safe)


def attention_transfer(student: jax.Array, teacher: jax.Array) -> jax.Array:
  """Returns the mean squared difference of attention maps.

  The paper writes half the norm of the difference; its authors' code, and ours,
  take the mean of the squares over positions and rows. A weight of 1000, as
  there, makes up for the positions.

  Args:
    student: (N, ..., C).
    teacher: (N, ..., C'), of the same positions.

  Returns:
    A scalar.

  Reference:
    Zagoruyko, Komodakis, 2016, Paying More Attention to Attention,
    https://arxiv.org/abs/1612.03928 (equation 2)
  """
  return jnp.mean((attention_map(student) - attention_map(teacher)) ** 2)


@dataclasses.dataclass(frozen=True)
class Attention(terms.Compared):
  """The term of `attention_transfer`."""

  def compare(
    self,
    pair: int,
    student: jax.Array,
    teacher: jax.Array,
    scene: terms.Scene,
    numbers: Mapping[str, Any],
  ) -> jax.Array:
    """Returns the loss of one pair."""
    del pair, scene, numbers
    return attention_transfer(*hints.matched(student, teacher))
