"""New rows between neighbours of one class."""

import dataclasses

import jax
import jax.numpy as jnp

from effnas.learn import change


@dataclasses.dataclass(frozen=True, kw_only=True)
class Smote(change.Mix):
  """Moves rows towards one of their nearest neighbours of the same class.

  Neighbours are sought in the batch; a row without any stays as it is, and
  labels stay. Meant for vectors.

  Attributes:
    neighbours: Nearest rows of the class to choose from, evenly.
    probability: Of each row.

  Reference:
    Chawla et al. 2002, SMOTE: synthetic minority over-sampling technique. There
    whole data sets are grown; here a batch is changed in place.
  """

  neighbours: int = 5
  probability: float = 0.5
  weights = False

  def __post_init__(self):
    """Checks the settings."""
    self.check_whole('neighbours', 1)
    self.check('probability', 0, 1)

  def mix(
    self, key: jax.Array, inputs: jax.Array, labels: jax.Array
  ) -> tuple[jax.Array, jax.Array]:
    """Returns rows between neighbours, and the labels as they are."""
    n = len(inputs)
    choice_key, part_key, whether_key = jax.random.split(key, 3)
    rows = inputs.reshape(n, -1).astype(jnp.float32)
    norms = jnp.sum(rows**2, axis=1)
    apart = norms[:, None] + norms[None] - 2 * rows @ rows.T
    same = (labels[:, None] == labels[None]) & ~jnp.eye(n, dtype=bool)
    k = min(self.neighbours, n - 1)
    near = jax.lax.top_k(-jnp.where(same, apart, jnp.inf), k)[1]
    count = jnp.minimum(same.sum(1), k)
    drawn = jax.random.uniform(choice_key, (n,))
    place = jnp.minimum(
      (drawn * count.astype(jnp.float32)).astype(jnp.int32), k - 1
    )
    other = jnp.take_along_axis(near, place[:, None], axis=1)[:, 0]
    moved = jax.random.bernoulli(whether_key, float(self.probability), (n,))
    part = jnp.where(
      moved & (count > 0), jax.random.uniform(part_key, (n,)), 0.0
    )
    part = change.per_row(part, inputs)
    return inputs + part * (inputs[other] - inputs), labels
