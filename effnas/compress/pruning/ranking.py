"""The lowest numbers of a row, exactly as many as asked for."""

from typing import Any

import jax
import jax.numpy as jnp


@jax.jit
def lowest(table: jax.Array, count: Any) -> jax.Array:
  """Says which entries are the lowest of their row.

  The value of the last one is found bit by bit, in 32 counts of the row: about
  ten times as fast on a CPU as sorting (1.3 million entries, timed once).

  Args:
    table: Numbers [rows, entries], compared in float32; NaN is the highest.
    count: How many of each row; may be traced.

  Returns:
    Booleans, true for exactly `count` entries of each row; of equal ones those
    that stand first.

  Example:
    >>> lowest(jnp.array([[30., 10., 20., 10.]]), 1).tolist()
    [[False, True, False, False]]
  """
  table = jnp.where(jnp.isnan(table), jnp.inf, table).astype(jnp.float32)
  table = jnp.where(table == 0, 0.0, table)  # Of either sign.
  bits = jax.lax.bitcast_convert_type(table, jnp.uint32)
  top = jnp.uint32(1 << 31)
  # Unsigned integers in the order of the floats.
  ordered = jnp.where(bits >= top, ~bits, bits | top)

  def add_bit(i, value):
    candidate = value | (top >> i.astype(jnp.uint32))
    fewer = jnp.sum(ordered < candidate, axis=1, keepdims=True) < count
    return jnp.where(fewer, candidate, value)

  start = jnp.zeros((table.shape[0], 1), jnp.uint32)
  last = jax.lax.fori_loop(0, 32, add_bit, start)
  below, equal = ordered < last, ordered == last
  left = count - jnp.sum(below, axis=1, keepdims=True)
  return below | (equal & (jnp.cumsum(equal, axis=1) <= left))
