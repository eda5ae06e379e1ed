"""The three ways in which papers and libraries count parameters."""

from collections.abc import Sequence
from typing import Any

from flax import linen

from effnas.footprint import network


def parameters(
  net: linen.Module,
  input_shape: Sequence[int],
  *,
  input_dtype: Any = 'float32',
) -> dict[str, int]:
  """Counts the parameters of a network by the three conventions in use.

  They differ in batch normalisation, whose scale and shift disappear into the
  layer before for inference, and whose moments are kept but not trained.

  Args:
    net: A Linen module.
    input_shape: Shape of one example, without the batch.
    input_dtype: dtype of the input.

  Returns:
    'folded': without batch normalisation (TF-slim); 'trainable': all that is
    trained (timm, torchvision; effnas's `params`); 'kept': with moments
    (Keras).

  Example:
    >>> from effnas.nn import layers
    >>> parameters(layers.ConvNorm(8), (4, 4, 3))  # a 1x1 convolution
    {'folded': 24, 'trainable': 40, 'kept': 56}
  """
  leaves = network.profiled(net, input_shape, 1, input_dtype).leaves
  norms = {path[1:-1] for path in leaves if path[0] == 'batch_stats'}
  count = {'folded': 0, 'trainable': 0, 'kept': 0}
  for (collection, *path, _), leaf in leaves.items():
    trained, moment = collection == 'params', collection == 'batch_stats'
    count['folded'] += leaf.size * (trained and tuple(path) not in norms)
    count['trainable'] += leaf.size * trained
    count['kept'] += leaf.size * (trained or moment)
  return count
