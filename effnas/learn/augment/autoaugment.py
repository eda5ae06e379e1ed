"""The policy that AutoAugment found for CIFAR-10."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from effnas.learn import change
from effnas.learn.imaging import operations

# Sub-policies of two steps: operation, probability, magnitude from 0 to 9
# (where it has none, 0 stands).
POLICY = (
  (('invert', 0.1, 0), ('contrast', 0.2, 6)),
  (('rotate', 0.7, 2), ('translate_x', 0.3, 9)),
  (('sharpness', 0.8, 1), ('sharpness', 0.9, 3)),
  (('shear_y', 0.5, 8), ('translate_y', 0.7, 9)),
  (('autocontrast', 0.5, 0), ('equalize', 0.9, 0)),
  (('shear_y', 0.2, 7), ('posterize', 0.3, 7)),
  (('saturation', 0.4, 3), ('brightness', 0.6, 7)),
  (('sharpness', 0.3, 9), ('brightness', 0.7, 9)),
  (('equalize', 0.6, 0), ('equalize', 0.5, 0)),
  (('contrast', 0.6, 7), ('sharpness', 0.6, 5)),
  (('saturation', 0.7, 7), ('translate_x', 0.5, 8)),
  (('equalize', 0.3, 0), ('autocontrast', 0.4, 0)),
  (('translate_y', 0.4, 3), ('sharpness', 0.2, 6)),
  (('brightness', 0.9, 6), ('saturation', 0.2, 8)),
  (('solarize', 0.5, 2), ('invert', 0.0, 0)),
  (('equalize', 0.2, 0), ('autocontrast', 0.6, 0)),
  (('equalize', 0.2, 0), ('equalize', 0.6, 0)),
  (('saturation', 0.9, 9), ('equalize', 0.6, 0)),
  (('autocontrast', 0.8, 0), ('solarize', 0.2, 8)),
  (('brightness', 0.1, 3), ('saturation', 0.7, 0)),
  (('solarize', 0.4, 5), ('autocontrast', 0.9, 0)),
  (('translate_y', 0.9, 9), ('translate_y', 0.7, 9)),
  (('autocontrast', 0.9, 0), ('solarize', 0.8, 3)),
  (('equalize', 0.8, 0), ('invert', 0.1, 0)),
  (('translate_y', 0.7, 9), ('autocontrast', 0.9, 0)),
)
_CODES = np.array(
  [[operations.NAMES.index(s[0]) for s in row] for row in POLICY], np.int32
)
_CHANCES = np.array([[s[1] for s in row] for row in POLICY], np.float32)
_STRENGTHS = np.array([[s[2] / 9 for s in row] for row in POLICY], np.float32)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Autoaugment(change.Change):
  """Applies one of 25 sub-policies to each image, drawn evenly.

  Magnitudes are spread evenly over the paper's ranges; factors go from 0.1 to
  1.9, and directions of geometric operations are drawn.

  Attributes:
    fill: Value that moves in, from 0 to 255.

  Reference:
    Cubuk et al. 2018, https://arxiv.org/abs/1805.09501, the table of its
    appendix.
  """

  fill: float = operations.GREY
  takes = 'pixels'

  def __post_init__(self):
    """Checks the settings."""
    self.check('fill', 0, 255)

  def change(self, key: jax.Array, inputs: jax.Array) -> jax.Array:
    """Returns the batch, each image under a sub-policy of its own."""
    row_key, chance_key, sign_key = jax.random.split(key, 3)
    rows = jax.random.randint(row_key, (len(inputs),), 0, len(POLICY))
    codes, chances, strength = (
      jnp.asarray(table)[rows].T for table in (_CODES, _CHANCES, _STRENGTHS)
    )
    taken = jax.random.uniform(chance_key, codes.shape) < chances
    codes = jnp.where(taken, codes, operations.NAMES.index('identity'))
    amounts = operations.amounts(
      strength,
      jax.random.rademacher(sign_key, codes.shape, jnp.float32),
      factor=0.1 + 1.8 * strength,
      shear=0.3,
      translate=operations.share_of(150 / 331, inputs),
      rotate=30.0,
      bits=4,
    )
    chosen = operations.chosen(codes, amounts)
    return operations.apply(inputs, codes, chosen, self.fill)
