"""The CIFAR-10 network of the survey's practitioner's guide."""

import functools

from flax import linen
import jax

from effnas import arguments
from effnas import space as sp
from effnas.nn import layers, pool
from effnas.zoo import network

PAPER = (
  'Menghani, 2021, Efficient Deep Learning: A Survey on Making Deep Learning '
  'Models Smaller, Faster, and Better, https://arxiv.org/abs/2106.08962'
)
INPUT = network.Input((32, 32, 3))
_WIDTHS = (0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.4)


class SurveyCNN(linen.Module):
  """Three pairs of 3x3 convolutions, each then halved, and two dense layers.

  Batch normalisation stands after the ReLU and every layer has a bias, as in
  the guide's notebook; the first pair does not scale with the width.

  Attributes:
    width: Multiplies the channels but those of the first pair.
    classes: Logits.
    dropout: Rate before each dense layer, in training.

  Reference:
    Menghani, 2021, https://arxiv.org/abs/2106.08962, section 4
  """

  width: float = 1.0
  classes: int = 10
  dropout: float = 0.15

  @linen.compact
  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Maps images [N, H, W, C] to logits [N, classes]."""
    scaled = [round(base * self.width) for base in (64, 128, 512)]
    for i, features in enumerate((32, *scaled[:2])):
      for half in 'ab':
        x = layers.Conv(features, (3, 3), name=f'conv_{i}{half}')(x)
        x = layers.Norm(name=f'norm_{i}{half}')(jax.nn.relu(x), train)
      x = pool.max_pool(x, (2, 2), (2, 2))
    x = x.reshape(x.shape[0], -1)
    x = linen.Dropout(self.dropout, deterministic=not train)(x)
    x = jax.nn.relu(layers.Dense(scaled[2], name='hidden')(x))
    x = linen.Dropout(self.dropout, deterministic=not train)(x)
    return layers.Dense(self.classes, name='classifier')(x)


def networks() -> dict[str, network.Network]:
  """Returns the seven widths of the guide."""
  return {
    f'survey_cnn_{round(100 * width):03}': network.Network(
      functools.partial(SurveyCNN, width=width), (32, 32, 3), PAPER
    )
    for width in _WIDTHS
  }


def miniature() -> network.Network:
  """Returns the narrowest network."""
  return networks()['survey_cnn_005']


def space(classes: arguments.Count = 10) -> sp.Space:
  """Returns the space of the guide: the width and the dropout rate.

  Args:
    classes: Logits.

  Returns:
    A space of which the seven published widths are points.
  """
  return sp.Space(
    {
      'model': SurveyCNN(
        width=sp.oneof(*_WIDTHS), classes=classes, dropout=sp.oneof(0.0, 0.15)
      )
    }
  )
