"""Rotary positions: queries and keys turned by angles that grow with t."""

import jax
import jax.numpy as jnp
import numpy as np

from effnas import errors


def rotate(x_BxTxHxD: jax.Array, base: float = 10000) -> jax.Array:
  """Turns pairs of channels by position times a frequency of their own.

  The product of a turned query and a turned key depends on the difference of
  their positions alone. Channel i makes a pair with i + D / 2; the paper pairs
  neighbours, which is the same up to an order of the channels that a learned
  projection in front absorbs.

  Args:
    x_BxTxHxD: Queries or keys; position t is their place on the second axis.
    base: The pairs' frequencies fall from 1 to about 1 / base.

  Returns:
    [B, T, H, D].

  Raises:
    UserError: D is odd.

  Reference:
    Su et al., 2021, RoFormer, https://arxiv.org/abs/2104.09864

  Example:
    >>> x = jnp.ones((1, 3, 1, 2))
    >>> print(np.asarray(rotate(x)[0, :, 0]).round(2))
    [[ 1.    1.  ]
     [-0.3   1.38]
     [-1.33  0.49]]
  """
  length, channels = x_BxTxHxD.shape[1], x_BxTxHxD.shape[3]
  if channels % 2:
    raise errors.UserError(
      f'rotary positions turn pairs of channels; got {channels} channels a '
      'head, set head_dim to an even number'
    )
  # Angles reach T radians, too many for half precision.
  angle = np.outer(
    np.arange(length), base ** (-np.arange(0, channels, 2) / channels)
  )
  cos_Tx1xR = np.cos(angle)[:, None].astype(np.float32)
  sin_Tx1xR = np.sin(angle)[:, None].astype(np.float32)
  a, b = jnp.split(x_BxTxHxD.astype(jnp.float32), 2, axis=-1)
  turned = jnp.concatenate(
    (a * cos_Tx1xR - b * sin_Tx1xR, a * sin_Tx1xR + b * cos_Tx1xR), axis=-1
  )
  return turned.astype(x_BxTxHxD.dtype)
