"""A few random operations at one magnitude."""

import dataclasses

import jax
import jax.numpy as jnp

from effnas.learn import change
from effnas.learn.imaging import operations


@dataclasses.dataclass(frozen=True, kw_only=True)
class Randaugment(change.Change):
  """Applies operations drawn evenly from 14 to each image.

  At magnitude 0 all but autocontrast and equalize change nothing; directions
  are drawn.

  Attributes:
    layers: Operations one after another (the paper's N).
    magnitude: From 0 to 10 (the paper's M).
    fill: Value that moves in, from 0 to 255.

  Reference:
    Cubuk et al. 2019, https://arxiv.org/abs/1909.13719
  """

  layers: int = 2
  magnitude: float = 9.0
  fill: float = operations.GREY
  takes = 'pixels'

  def __post_init__(self):
    """Checks the settings."""
    self.check_whole('layers', 0)
    self.check('magnitude', 0, 10)
    self.check('fill', 0, 255)

  def change(self, key: jax.Array, inputs: jax.Array) -> jax.Array:
    """Returns the batch, each image under operations of its own."""
    shape = (self.layers, len(inputs))
    code_key, sign_key = jax.random.split(key)
    # The last, invert, is not among the paper's.
    codes = jax.random.randint(code_key, shape, 0, len(operations.NAMES) - 1)
    sign = jax.random.rademacher(sign_key, shape, jnp.float32)
    strength = jnp.full(shape, self.magnitude / 10, jnp.float32)
    amounts = operations.amounts(
      strength,
      sign,
      factor=1 + 0.9 * strength * sign,
      shear=0.3,
      translate=operations.share_of(150 / 331, inputs),
      rotate=30.0,
      bits=4,
    )
    chosen = operations.chosen(codes, amounts)
    return operations.apply(inputs, codes, chosen, self.fill)
