"""Means of two inputs, with the same means of their labels."""

import dataclasses

import jax

from effnas.learn import change


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mixup(change.Mix):
  """Mixes each row with another of a random order of the batch.

  Each row has a weight of its own (the paper's code has one for a batch).

  Attributes:
    alpha: The weight is drawn from Beta(alpha, alpha); 0 mixes nothing.
    probability: Of each row.

  Reference:
    Zhang et al. 2017, https://arxiv.org/abs/1710.09412
  """

  alpha: float = 0.2
  probability: float = 1.0

  def __post_init__(self):
    """Checks the settings."""
    self.check('alpha', 0)
    self.check('probability', 0, 1)

  def mix(
    self, key: jax.Array, inputs: jax.Array, labels: jax.Array
  ) -> tuple[jax.Array, jax.Array]:
    """Returns means of inputs and of labels."""
    order_key, weight_key = jax.random.split(key)
    order = jax.random.permutation(order_key, len(inputs))
    weight = change.kept(weight_key, len(inputs), self.alpha, self.probability)

    def mean(rows):
      own = change.per_row(weight, rows)
      return own * rows + (1 - own) * rows[order]

    return mean(inputs), mean(labels)
