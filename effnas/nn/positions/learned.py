"""Learned positions: a vector of its own for each, added to the tokens'."""

from flax import linen
import jax

from effnas import errors


class Learned(linen.Module):
  """Adds a learned vector to each position of a sequence.

  Attributes:
    positions: Rows of the table; the longest sequence.

  Reference:
    Gehring et al., 2017, https://arxiv.org/abs/1705.03122; as in Devlin et
    al., 2019, https://arxiv.org/abs/1810.04805

  Example:
    >>> import jax.numpy as jnp
    >>> x = jnp.zeros((1, 3, 4))
    >>> variables = Learned(5).init(jax.random.key(0), x)
    >>> variables['params']['table'].shape
    (5, 4)
    >>> Learned(5).apply(variables, x).shape
    (1, 3, 4)
  """

  positions: int = 512

  @linen.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [N, T, C] to the same shape.

    Raises:
      UserError: The sequence is longer than the table.
    """
    length, channels = x.shape[1:]
    if length > self.positions:
      raise errors.UserError(
        f'a sequence has at most {self.positions} positions here, got '
        f'{length}; set positions={length}'
      )
    table = self.param(
      'table', linen.initializers.normal(0.02), (self.positions, channels)
    )
    return x + table[:length]
