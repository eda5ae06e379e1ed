"""One random operation at a random magnitude."""

import dataclasses

import jax
import jax.numpy as jnp

from effnas.learn import change
from effnas.learn.imaging import operations


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trivialaugment(change.Change):
  """Applies one operation of 14 to each image, at one of 31 strengths.

  The ranges are the paper's wide ones, with shifts of up to 32 pixels.

  Attributes:
    fill: Value that moves in, from 0 to 255.

  Reference:
    Mueller and Hutter 2021, https://arxiv.org/abs/2103.10158
  """

  fill: float = operations.GREY
  takes = 'pixels'

  def __post_init__(self):
    """Checks the settings."""
    self.check('fill', 0, 255)

  def change(self, key: jax.Array, inputs: jax.Array) -> jax.Array:
    """Returns the batch, each image under an operation of its own."""
    shape = (1, len(inputs))
    code_key, sign_key, strength_key = jax.random.split(key, 3)
    codes = jax.random.randint(code_key, shape, 0, len(operations.NAMES) - 1)
    sign = jax.random.rademacher(sign_key, shape, jnp.float32)
    step = jax.random.randint(strength_key, shape, 0, 31)
    strength = step.astype(jnp.float32) / 30
    amounts = operations.amounts(
      strength,
      sign,
      factor=1 + 0.99 * strength * sign,
      shear=0.99,
      translate=(32.0, 32.0),
      rotate=135.0,
      bits=2,
    )
    chosen = operations.chosen(codes, amounts)
    return operations.apply(inputs, codes, chosen, self.fill)
