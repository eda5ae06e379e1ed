"""Which kernels are pruned, and which are left alone."""

from collections.abc import Sequence
import dataclasses
import fnmatch
from typing import Any

import numpy as np

from effnas import errors
from effnas.compress.pruning import masks


@dataclasses.dataclass(frozen=True)
class Kernels:
  """Rules on the path and the shape of parameters.

  The input axis is the second to last, as in Flax: kernels are [I, O] or
  [H, W, I, O]. Vectors (biases, scales of normalisations) are never pruned.

  Attributes:
    only: Shell patterns on paths; a kernel matches one of them.
    keep: Patterns of kernels that are left alone.
    thin: Kernels with up to so many inputs are left alone: the first layer,
      which sees three colours. It also holds for each group of a grouped
      convolution. 0 leaves none alone for that.
    depthwise: Whether to prune convolutions with one input for each filter:
      depthwise ones, and those on images of one colour.

  Reference:
    Evci et al., 2020, Rigging the Lottery, https://arxiv.org/abs/1911.11134
    (dense first layer); Zhu and Gupta, 2017, To Prune, or Not to Prune,
    https://arxiv.org/abs/1710.01878 (MobileNet's depthwise kernels)
  """

  only: Sequence[str] = ('*kernel',)
  keep: Sequence[str] = ()
  thin: int = 4
  depthwise: bool = False

  def __post_init__(self):
    """Takes lists and single patterns, too."""
    for name in ('only', 'keep'):
      value = getattr(self, name)
      patterns = (value,) if isinstance(value, str) else tuple(value)
      object.__setattr__(self, name, patterns)

  def select(self, params: Any) -> masks.Flat:
    """Returns the kernels to prune.

    Args:
      params: A pytree of arrays, or of their shapes.

    Returns:
      Path -> leaf, sorted by path.

    Raises:
      UserError: A pattern matched no parameter, or nothing is left to prune.

    Example:
      >>> shapes = {'stem': (3, 3, 3, 8), 'dw': (3, 3, 1, 8), 'head': (8, 10)}
      >>> net = {k: {'kernel': np.zeros(v)} for k, v in shapes.items()}
      >>> list(Kernels().select(net))
      ['head/kernel']
      >>> list(Kernels(thin=0, depthwise=True, keep='head/*').select(net))
      ['dw/kernel', 'stem/kernel']
    """
    leaves = masks.flatten(params)
    for pattern in (*self.only, *self.keep):
      if not any(fnmatch.fnmatchcase(path, pattern) for path in leaves):
        raise errors.UserError(
          f'the pattern {pattern!r} matches no parameter; there are '
          f'{", ".join(list(leaves)[:10])}'
        )
    found = {
      path: leaves[path]
      for path in sorted(leaves)
      if self._matches(path, leaves[path])
    }
    if not found:
      raise errors.UserError(
        f'{self} leaves no kernel to prune; change only, keep, thin or '
        'depthwise'
      )
    return found

  def _matches(self, path, leaf):
    shape = np.shape(leaf)
    if len(shape) < 2 or _any(self.keep, path) or not _any(self.only, path):
      return False
    if len(shape) > 2 and shape[-2] == 1:
      return self.depthwise
    return shape[-2] > self.thin


# Of every function that takes `Kernels`.
DEFAULT = Kernels()


def _any(patterns, path):
  return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)
