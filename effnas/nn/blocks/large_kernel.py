"""RepLKNet: very large depthwise kernels, with small ones in training."""

from collections.abc import Mapping
from typing import Any

from flax import linen
import jax
import jax.numpy as jnp

from effnas import errors
from effnas.nn import channels as widths
from effnas.nn import layers, stochastic_depth


class LargeKernel(linen.Module):
  """A large depthwise convolution plus a small one, each normalised.

  The small one eases training; `merge` puts both and their normalisations into
  one kernel with a bias.

  Attributes:
    kernel: Side of the large kernel.
    small: Side of the small one; 0 leaves it out.
    merged: Whether they are one convolution, as `merge` makes it.

  Cost:
    MACs = H * W * C * (kernel**2 + small**2 * (not merged))
  """

  kernel: int = 13
  small: int = 5
  merged: bool = False

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to the same shape.

    Raises:
      UserError: The small kernel is larger than the large one.
    """
    if self.small > self.kernel:
      raise errors.UserError(
        f'the small kernel fits into the large one; got {self.small} and '
        f'{self.kernel}'
      )
    if self.merged:
      return layers.Conv(
        x.shape[-1],
        (self.kernel, self.kernel),
        padding=layers.same(self.kernel),
        feature_group_count=x.shape[-1],
        name='merged_kernel',
      )(x)
    y = layers.ConvNorm(
      kernel=self.kernel, depthwise=True, name='large_kernel'
    )(x, train)
    if self.small:
      y += layers.ConvNorm(
        kernel=self.small, depthwise=True, name='small_kernel'
      )(x, train)
    return y


class RepLK(linen.Module):
  """1x1, large depthwise, 1x1, shortcut; then a perceptron with a shortcut.

  All normalisation is over the batch. A stride or a change of channels is a
  1x1 and a strided 3x3 depthwise convolution in front.

  Attributes:
    features: Output channels F; 0 keeps the input's.
    stride: Of the depthwise convolution in front.
    kernel: Side of the large kernel; published: 13 to 31.
    small: Side of the small one beside it; 0 leaves it out.
    merged: Whether both are one convolution, as `merge` makes it.
    expand: Channels of the large convolution = expand * F.
    mlp: Hidden channels of the perceptron = mlp * F; 0 leaves it out.
    act: Activation around the convolutions.
    mlp_act: Activation of the perceptron.
    drop_path: Rate of stochastic depth, for each of the two branches.

  Cost:
    h, m = round(expand * F), round(mlp * F)
    MACs = (
      (stride > 1 or C != F) * F * (H * W * C + H_ * W_ * 9)
      + H_ * W_ * h * (2 * F + kernel**2 + small**2 * (not merged))
      + H_ * W_ * 2 * F * m
    )

  Reference:
    Ding et al., 2022, Scaling Up Your Kernels to 31x31,
    https://arxiv.org/abs/2203.06717

  Example:
    >>> block = RepLK(features=8, stride=2, kernel=7, small=3)
    >>> x = jnp.ones((1, 7, 7, 4))
    >>> jax.eval_shape(block.init_with_output, jax.random.key(0), x)[0].shape
    (1, 4, 4, 8)
  """

  features: int = 0
  stride: int = 1
  kernel: int = 13
  small: int = 5
  merged: bool = False
  expand: float = 1
  mlp: float = 4
  act: layers.Activation = jax.nn.relu
  mlp_act: layers.Activation = layers.gelu
  drop_path: float = 0.0

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps [N, H, W, C] to [N, H_, W_, F]."""
    features = self.features or x.shape[-1]
    drop = stochastic_depth.StochasticDepth(self.drop_path)
    if self.stride > 1 or x.shape[-1] != features:
      x = layers.ConvNorm(features, act=self.act, name='down_pointwise')(
        x, train
      )
      x = layers.ConvNorm(
        kernel=3,
        stride=self.stride,
        depthwise=True,
        act=self.act,
        name='down_depthwise',
      )(x, train)
    y = layers.Norm(name='norm')(x, train)
    hidden = widths.hidden(self.expand, features)
    y = layers.ConvNorm(hidden, act=self.act, name='expand')(y, train)
    large = LargeKernel(self.kernel, self.small, self.merged, name='large')
    y = self.act(large(y, train))
    y = layers.ConvNorm(features, name='project')(y, train)
    x = x + drop(y, train)
    if not self.mlp:
      return x
    y = layers.Norm(name='norm_mlp')(x, train)
    hidden = widths.hidden(self.mlp, features)
    y = layers.ConvNorm(hidden, act=self.mlp_act, name='mlp_in')(y, train)
    y = layers.ConvNorm(features, name='mlp_out')(y, train)
    return x + drop(y, train)


def merge(variables: Mapping[str, Any]) -> dict[str, Any]:
  """Puts each small kernel, and the normalisations, into the large kernel.

  Args:
    variables: 'params' and 'batch_stats' of a trained network or block that
      holds `LargeKernel`s.

  Returns:
    The variables of the same network with `merged=True`; its outputs at
    inference are the same.

  Example:
    >>> x = jnp.ones((1, 4, 4, 2))
    >>> variables = LargeKernel(7, 3).init(jax.random.key(0), x)
    >>> LargeKernel(7, merged=True).apply(merge(variables), x).shape
    (1, 4, 4, 2)
  """
  params, stats = _merge(variables['params'], variables['batch_stats'])
  return {**variables, 'params': params, 'batch_stats': stats}


def _merge(params, stats):
  if 'large_kernel' in params:
    folded = [
      _fold(params[k], stats[k]['normalise']['batch'])
      for k in ('large_kernel', 'small_kernel')
      if k in params
    ]
    side = folded[0][0].shape[0]
    kernel = sum(_grown(k, side) for k, _ in folded)
    bias = sum(b for _, b in folded)
    return {'merged_kernel': {'kernel': kernel, 'bias': bias}}, {}
  params, stats = dict(params), dict(stats)
  for name, child in params.items():
    if isinstance(child, Mapping):
      params[name], changed = _merge(child, stats.pop(name, {}))
      if changed:
        stats[name] = changed
  return params, stats


def _fold(params, stats):
  """Kernel and bias of a convolution and the normalisation behind it."""
  norm = params['normalise']['batch']
  scale = norm['scale'] * jax.lax.rsqrt(stats['var'] + layers.Norm.epsilon)
  return params['conv']['kernel'] * scale, norm['bias'] - stats['mean'] * scale


def _grown(kernel, side):
  border = (side - kernel.shape[0]) // 2
  return jnp.pad(kernel, ((border, border), (border, border), (0, 0), (0, 0)))


def variants() -> dict[str, linen.Module]:
  """Returns the published block, as it is trained."""
  return {'replknet': RepLK()}
