"""Several views of each row, of which the hardest is trained on."""

import dataclasses

import jax

from effnas.learn import change


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hardest(change.Change):
  """Makes k views by the other augmentations and keeps that of highest loss.

  The views are made and judged one after another, row by row chosen.

  Attributes:
    k: Views of each row.

  Reference:
    Gong et al. 2020, MaxUp, https://arxiv.org/abs/2002.09024
  """

  k: int = 4

  def __post_init__(self):
    """Checks the settings."""
    self.check_whole('k', 1)

  def change(self, key: jax.Array, inputs: jax.Array) -> jax.Array:
    """Returns the batch as it is: the choice is made around all changes."""
    del key
    return inputs
