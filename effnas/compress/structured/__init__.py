"""Pruning of channels, attention heads and blocks, by real removal.

Example:
  >>> from flax import linen
  >>> import jax, jax.numpy as jnp
  >>> from effnas.compress import structured
  >>> net = linen.Sequential((linen.Dense(8), linen.relu, linen.Dense(2)))
  >>> x = jnp.ones((1, 4))
  >>> variables = net.init(jax.random.key(0), x)
  >>> groups = structured.groups(net, (4,))
  >>> scores = structured.magnitude(variables['params'], groups)
  >>> kept = structured.select(groups, scores, 0.5)
  >>> small, few = structured.remove(net, variables, groups, kept, (4,))
  >>> few['params']['layers_2']['kernel'].shape
  (4, 2)
  >>> masked = structured.mask(variables, groups, kept)
  >>> bool(jnp.allclose(small.apply(few, x), net.apply(masked, x), atol=1e-6))
  True
"""

from effnas.compress.structured.blocks import layers, remove_layers
from effnas.compress.structured.coupling import Group, Member
from effnas.compress.structured.finding import choose, groups, left
from effnas.compress.structured.narrow import mask, masks, remove, shrink
from effnas.compress.structured.narrowed import Narrowed
from effnas.compress.structured.scores import (
  magnitude,
  norm_scale,
  random,
  taylor,
)
from effnas.compress.structured.selection import counts, select

__all__ = [
  'Group',
  'Member',
  'Narrowed',
  'choose',
  'counts',
  'groups',
  'layers',
  'left',
  'magnitude',
  'mask',
  'masks',
  'norm_scale',
  'random',
  'remove',
  'remove_layers',
  'select',
  'shrink',
  'taylor',
]
