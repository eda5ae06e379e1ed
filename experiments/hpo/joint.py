"""What is searched: a small convolutional network, and how it is trained."""

from collections.abc import Sequence
from typing import Any

from flax import linen
import jax

from effnas import space as sp
from effnas.nn import layers

# Of both optimisers, as many points where the space is a grid.
LR = {'sgd': (1e-2, 1.0), 'adamw': (1e-3, 1e-1)}
POINTS = 5


class ConvNet(linen.Module):
  """Convolutions, all but the first of stride 2, and a dense layer.

  Attributes:
    depth: How many convolutions.
    width: Channels of the first one; the others have twice as many.
    kernel: Side of the kernels.
    norm: Kind of normalisation, as of `layers.Norm`.
    stride: Of the first convolution.
    classes: Logits.
  """

  depth: int = 2
  width: int = 8
  kernel: int = 3
  norm: str = 'batch'
  stride: int = 1
  classes: int = 10

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps images [N, H, W, C] to logits [N, classes]."""
    for i in range(self.depth):
      x = layers.ConvNorm(
        2 * self.width if i else self.width,
        self.kernel,
        stride=2 if i else self.stride,
        norm=layers.Norm(self.norm),
        act=jax.nn.relu,
        name=f'block_{i}',
      )(x, train)
    return layers.Dense(self.classes, name='classifier')(x.reshape(len(x), -1))


def space(
  depths: Sequence[int],
  widths: Sequence[int],
  stride: int = 1,
  grid: bool = False,
) -> sp.Space:
  """Returns the joint space of architecture, optimiser and training.

  Momentum is a decision of SGD, weight decay one of AdamW, and each optimiser
  has learning rates of its own.

  Args:
    depths: Numbers of convolutions.
    widths: Channels of the first one.
    stride: Of the first one.
    grid: Whether each range is a few of its points, so that all of the space
      can be measured.

  Returns:
    A space with the sections 'model', 'optim' and 'train'.
  """

  def rate(name: str) -> Any:
    low, high = LR[name]
    if not grid:
      return sp.loguniform(low, high)
    step = (high / low) ** (1 / (POINTS - 1))
    return sp.oneof(*(float(f'{low * step**i:.3g}') for i in range(POINTS)))

  def warmup() -> Any:
    return sp.oneof(0.0, 0.3, name='warmup') if grid else warm

  warm = sp.uniform(0.0, 0.3, name='warmup')
  return sp.Space(
    {
      'model': ConvNet(
        depth=sp.oneof(*depths),
        width=sp.oneof(*widths),
        kernel=sp.oneof(3, 5),
        norm=sp.oneof('batch', 'layer'),
        stride=stride,
      ),
      'optim': sp.oneof(
        {
          'name': 'sgd',
          'lr': rate('sgd'),
          'momentum': sp.oneof(0.0, 0.9) if grid else sp.uniform(0.0, 0.95),
          'warmup': warmup(),
        },
        {
          'name': 'adamw',
          'lr': rate('adamw'),
          'weight_decay': (
            sp.oneof(0.0, 1.0) if grid else sp.loguniform(1e-3, 1.0)
          ),
          'warmup': warmup(),
        },
        labels=('sgd', 'adamw'),
      ),
      'train': {'batch_size': sp.oneof(32, 128)},
    }
  )
