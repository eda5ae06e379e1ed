"""Heads of attention."""

import jax
import jax.numpy as jnp


def match(heads: int, *arrays_BxTxGxD: jax.Array) -> tuple[jax.Array, ...]:
  """Repeats the heads of keys and values until there are as many as asked.

  Query head h of H then meets key head h G // H, as in grouped-query attention.

  Args:
    heads: H, a multiple of G.
    *arrays_BxTxGxD: Keys, values.

  Returns:
    Each as [B, T, H, D].

  Example:
    >>> k = jnp.arange(2.).reshape(1, 1, 2, 1)
    >>> match(4, k)[0].ravel().tolist()
    [0.0, 0.0, 1.0, 1.0]

  Reference:
    Ainslie et al., 2023, GQA, https://arxiv.org/abs/2305.13245
  """
  return tuple(
    jnp.repeat(a, heads // a.shape[2], axis=2) for a in arrays_BxTxGxD
  )
