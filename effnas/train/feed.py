"""The training split on the device: whole where it fits, else in pieces.

A streamed split (one that has `pieces`, as `effnas.data.stream.Stream`) always
comes in pieces; the next is decoded and on its way while one is trained on.
"""

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

# A piece of a stream: a second or so of training, many steps long. Three of
# them may lie on the device: in use, waiting, arriving.
_STREAM_BYTES = 2**29


class Feed:
  """Gives the training rows of each epoch as arrays on the device.

  Attributes:
    sizes: Rows of each piece of an epoch; each but a single one is a whole
      number of batches, of which at most the last is smaller than the others.
    steps: Whole batches in an epoch.
  """

  def __init__(self, split: Any, batch_size: int, device_bytes: int):
    """Makes the feed.

    Args:
      split: Has arrays x (N, ...) and y, or in place of y a mapping with
        'labels' and what else belongs to a row; a streamed one also `pieces`.
      batch_size: Rows per step, N at most.
      device_bytes: Bytes of x that may lie on the device at once.
    """
    self._split = split
    self._whole: tuple[jax.Array, jax.Array] | None = None
    n = len(split.x)
    row_bytes = split.x[:1].nbytes
    self._pieces = getattr(split, 'pieces', None)
    if self._pieces is not None:
      device_bytes = min(device_bytes // 3, _STREAM_BYTES)
    if self._pieces is None and n * row_bytes <= device_bytes:
      self.sizes = [n]
      self._whole = self._put(slice(None))
    else:
      fitting = max(device_bytes // (row_bytes * batch_size), 1) * batch_size
      used = n // batch_size * batch_size
      self.sizes = [min(fitting, used - i) for i in range(0, used, fitting)]
    self.steps = sum(size // batch_size for size in self.sizes)

  def __call__(
    self, seed: int, epoch: int
  ) -> Iterator[tuple[jax.Array, jax.Array]]:
    """Yields the pieces (x, y) of an epoch, a function of seed and epoch."""
    if self._whole is not None:
      yield self._whole
      return
    order = np.random.default_rng([seed, epoch]).permutation(len(self._split.x))
    if self._pieces is not None:
      order = order[: sum(self.sizes)]
      yield from self._pieces(order, self.sizes[0], (seed, epoch), _on_device)
      return
    start = 0
    for size in self.sizes:
      # Sorted, as a memory-mapped file is read best; the epoch shuffles.
      yield self._put(np.sort(order[start : start + size]))
      start += size

  def _put(self, rows: Any) -> tuple[jax.Array, jax.Array]:
    x = np.asarray(self._split.x[rows])
    y = jax.tree.map(lambda column: np.asarray(column[rows]), self._split.y)
    return _on_device(x, y)


def _on_device(x: np.ndarray, y: Any) -> tuple[jax.Array, Any]:
  return jax.device_put(x), jax.device_put(y)
