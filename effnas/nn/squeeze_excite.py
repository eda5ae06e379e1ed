"""Squeeze-and-excitation: a gate on each channel."""

from flax import linen
import jax

from effnas import errors
from effnas.nn import channels as channels_lib
from effnas.nn import layers

_OF = ('entry', 'hidden')


class SqueezeExcite(linen.Module):
  """Scales channels by a gate computed from their means.

  Attributes:
    ratio: Channels of the bottleneck over those of `of`.
    of: 'entry', the channels that entered the block (MnasNet, EfficientNet),
      or 'hidden', those of x (MobileNetV3, GhostNet).
    divisor: What the bottleneck's channels are a multiple of, where `of` is
      'hidden'.
    act: Activation of the bottleneck.
    gate: From logits to factors.

  Cost:
    r = max(1, int(ratio * entry))
    r = divisible(ratio * C, divisor) if of == 'hidden' else r
    MACs = 2 * C * r

  Reference:
    Hu et al., 2018, Squeeze-and-Excitation Networks,
    https://arxiv.org/abs/1709.01507

  Example:
    >>> import jax.numpy as jnp
    >>> x = jnp.ones((1, 5, 5, 8))
    >>> variables = SqueezeExcite(0.5).init(jax.random.key(0), x, 4)
    >>> variables['params']['reduce']['kernel'].shape
    (8, 2)
  """

  ratio: float = 0.25
  of: str = 'entry'
  divisor: int = 8
  act: layers.Activation = jax.nn.relu
  gate: layers.Activation = jax.nn.hard_sigmoid

  @linen.compact
  def __call__(self, x: jax.Array, entry: int = 0) -> jax.Array:
    """Scales the channels of x.

    Args:
      x: [N, H, W, C].
      entry: Channels that entered the block; 0 is C.

    Returns:
      [N, H, W, C].

    Raises:
      UserError: `of` is neither 'entry' nor 'hidden'.
    """
    channels = x.shape[-1]
    if self.of not in _OF:
      raise errors.unknown('`of` of SqueezeExcite', self.of, _OF)
    reduced = max(1, int(self.ratio * (entry or channels)))
    if self.of == 'hidden':
      reduced = channels_lib.divisible(self.ratio * channels, self.divisor)
    y = x.mean((1, 2))
    y = self.act(layers.Dense(reduced, name='reduce')(y))
    y = self.gate(layers.Dense(channels, name='expand')(y))
    return x * y[:, None, None, :]
