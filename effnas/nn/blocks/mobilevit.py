"""The MobileViT block: convolution, attention between patches, convolution."""

import functools

from flax import linen
import jax
import jax.numpy as jnp
import numpy as np

from effnas.nn import channels as channels_lib
from effnas.nn import encoder, layers, multi_head
from effnas.nn.blocks import mbconv


def unfold(x: jax.Array, patch: int) -> jax.Array:
  """Gathers the pixels that have one place within their patches.

  Args:
    x: [N, H, W, C], H and W multiples of `patch`.
    patch: Side of a patch.

  Returns:
    [N * patch^2, H / patch, W / patch, C].

  Example:
    >>> unfold(jnp.arange(4).reshape(1, 1, 4, 1).repeat(2, 1), 2)[0].ravel()
    Array([0, 2], dtype=int32)
  """
  n, h, w, c = x.shape
  x = x.reshape(n, h // patch, patch, w // patch, patch, c)
  x = x.transpose(0, 2, 4, 1, 3, 5)
  return x.reshape(n * patch**2, h // patch, w // patch, c)


def fold(x: jax.Array, patch: int) -> jax.Array:
  """Puts the pixels back to where `unfold` took them from.

  Args:
    x: [N * patch^2, H / patch, W / patch, C].
    patch: Side of a patch.

  Returns:
    [N, H, W, C].
  """
  _, h, w, c = x.shape
  x = x.reshape(-1, patch, patch, h, w, c).transpose(0, 3, 1, 4, 2, 5)
  return x.reshape(-1, h * patch, w * patch, c)


class MobileViT(linen.Module):
  """Pixels attend to those at the same place of all other patches.

  In front are a k x k and a 1x1 convolution, behind a 1x1 and, on the result
  beside the block's input, a k x k. A map that patches do not tile is
  stretched to the next size that they do, and back, by linear interpolation.
  A stride or a change of channels puts the published MobileNetV2 block in
  front.

  Attributes:
    features: Output channels F; 0 keeps the input's.
    stride: Of the block in front.
    down: Template of the block in front.
    kernel: Side of the convolutions at either end.
    dim: Channels d of the encoder; 0 is 3/2 F, a multiple of 8.
    depth: Encoder layers.
    patch: Side of a patch.
    attention: Template of a module that maps [N, h, w, d] to the same shape.
    mlp: Hidden channels of the perceptron = mlp * d.
    norm: Template of the normalisations behind convolutions.
    act: Activation of convolutions and perceptron.
    drop_path: Rate of stochastic depth, for each branch of the encoder.

  Cost:
    d = dim or divisible(1.5 * F)
    h, w = math.ceil(H_ / patch), math.ceil(W_ / patch)
    layer = (
      macs(attention, T=h * w, C=d, grid=(h, w))
      + 2 * h * w * d * round(mlp * d)
    )
    MACs = (
      macs(down) * (stride > 1 or C != F)
      + H_ * W_ * (3 * kernel**2 * F * F + 2 * F * d)
      + depth * patch**2 * layer
    )

  Reference:
    Mehta and Rastegari, 2022, MobileViT, https://arxiv.org/abs/2110.02178

  Example:
    >>> block = MobileViT(features=8, stride=2, depth=1)
    >>> x = jnp.ones((1, 10, 6, 4))
    >>> jax.eval_shape(block.init_with_output, jax.random.key(0), x)[0].shape
    (1, 5, 3, 8)
  """

  features: int = 0
  stride: int = 1
  down: linen.Module = mbconv.MBConv(expand=4, act=jax.nn.silu)
  kernel: int = 3
  dim: int = 0
  depth: int = 2
  patch: int = 2
  attention: linen.Module = multi_head.MultiHeadAttention(bias=True)
  mlp: float = 2
  norm: linen.Module = layers.Norm()
  act: layers.Activation = jax.nn.silu
  drop_path: float = 0.0

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H_, W_, F]."""
    features = self.features or x.shape[-1]
    if self.stride > 1 or features != x.shape[-1]:
      x = self.down.copy(features=features, stride=self.stride, name='reduce')(
        x, train
      )
    conv = functools.partial(layers.ConvNorm, norm=self.norm, act=self.act)
    y = conv(kernel=self.kernel, name='local')(x, train)
    dim = self.dim or channels_lib.divisible(1.5 * features)
    y = layers.Conv(dim, (1, 1), use_bias=False, name='widen')(y)
    y = self._encoded(y, train)
    y = conv(features, name='narrow')(y, train)
    y = jnp.concatenate([x, y], axis=-1)
    return conv(features, kernel=self.kernel, name='fuse')(y, train)

  def _encoded(self, x, train):
    """Runs the encoder's layers between patches, [N, H_, W_, d]."""
    height, width = x.shape[1:3]
    tiled = [-(-n // self.patch) * self.patch for n in (height, width)]
    x = unfold(_stretched(x, tiled), self.patch)
    for i in range(self.depth):
      x = encoder.EncoderLayer(
        self.attention,
        self.mlp,
        self.act,
        drop_path=self.drop_path,
        name=f'encode_{i}',
      )(x, train)
    x = layers.Norm('layer', name='norm_encoded')(x)
    return _stretched(fold(x, self.patch), (height, width))


def _stretched(x, shape):
  """Interpolates a map to other sizes, pixels as squares (not as corners)."""
  for axis, size in enumerate(shape, start=1):
    last = x.shape[axis] - 1
    if size == last + 1:
      continue
    place = (np.arange(size) + 0.5) * (last + 1) / size - 0.5
    place = place.clip(0, last)
    low = place.astype(np.int32)
    high = np.minimum(low + 1, last)
    weight = jnp.asarray(place - low, x.dtype)
    weight = weight.reshape(-1, *(1,) * (x.ndim - axis - 1))
    before, after = (x.take(i, axis, mode='clip') for i in (low, high))
    x = before + (after - before) * weight
  return x


def variants() -> dict[str, linen.Module]:
  """Returns the block of MobileViT-S and -XS."""
  return {'mobilevit': MobileViT()}
