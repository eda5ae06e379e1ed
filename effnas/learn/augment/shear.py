"""Slants images."""

import dataclasses

import jax

from effnas.learn.imaging import geometric, warp


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shear(geometric.Geometric):
  """Slants each image about its centre, along both axes.

  Attributes:
    most: The largest slant in pixels per pixel, either way; all are equally
      likely, and each axis has its own.
    fill: See `effnas.learn.imaging.geometric`.
    interpolation: Likewise.
  """

  most: float = 0.1

  def __post_init__(self):
    """Checks the settings."""
    super().__post_init__()
    self.check('most', 0, 1)

  def inverse(self, key: jax.Array) -> jax.Array:
    """Returns the map of one image."""
    drawn = jax.random.uniform(key, (2,), minval=-self.most, maxval=self.most)
    return warp.shear(drawn[0], drawn[1])
