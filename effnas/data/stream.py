"""Parts too large for the memory: examples that are decoded when they are read.

Grain decodes, in threads or processes and ahead of need; this is the one file
that imports it. Which examples come in which order, and the randomness of each,
are given from outside and to each example, so that neither the number of
workers nor Grain's version changes a bit.
"""

from collections.abc import Callable, Iterator, Sequence
import functools
import os
from typing import Any, Protocol

from absl import flags
import numpy as np

from effnas import errors
from effnas.data import dataset

# Rows for each process that pay for its start.
_MANY = 256


class Source(Protocol):
  """Examples by number; it travels to the workers."""

  @property
  def shape(self) -> tuple[int, ...]:
    """Shape of one example."""

  @property
  def dtype(self) -> np.dtype:
    """Type of the examples."""

  def __len__(self) -> int:
    """Returns the number of examples."""

  def take(self, index: Any) -> 'Source':
    """Returns the examples at `index`, in its order."""

  def plain(self, row: int) -> np.ndarray:
    """Returns an example as it is evaluated."""

  def changed(self, row: int, rng: np.random.Generator) -> np.ndarray:
    """Returns an example as it is trained on."""

  def listed(self) -> bytes:
    """Returns what tells which examples these are, without reading them."""

  def stored(self, row: int) -> bytes:
    """Returns an example as it lies on the disk."""


class Rows:
  """The plain examples of a source, to be read as an array is.

  A slice or an index array decodes what it names, and `np.asarray` all.

  Attributes:
    source: The examples.
    workers: Processes to decode in; 0 decodes in threads of this one.
    shape: (N, ...).
    dtype: Of the examples.
  """

  def __init__(self, source: Source, workers: int = 0):
    self.source = source
    self.workers = workers
    self.shape = (len(source), *source.shape)
    self.dtype = np.dtype(source.dtype)

  def __len__(self) -> int:
    return len(self.source)

  def __getitem__(self, index: slice | int | np.ndarray) -> np.ndarray:
    rows = np.arange(len(self))[index]
    found = np.empty((*rows.shape, *self.shape[1:]), self.dtype)
    read = functools.partial(_plain, self.source)
    # Processes take seconds to start: threads have read a few rows by then.
    workers = self.workers if rows.size >= _MANY * self.workers else 0
    elements = _elements(read, np.atleast_1d(rows), workers)
    for target, element in zip(
      found.reshape(-1, *self.shape[1:]), elements, strict=True
    ):
      target[...] = _decoded(element)
    return found

  def __array__(
    self, dtype: Any = None, copy: bool | None = None
  ) -> np.ndarray:
    del copy  # what was decoded is nobody else's
    return self[:].astype(dtype or self.dtype, copy=False)


class Stream(dataset.Split):
  """A part whose x is `Rows`, and what training takes instead of them."""

  x: Rows

  @classmethod
  def of(cls, source: Source, y: np.ndarray, workers: int = 0) -> 'Stream':
    """Returns the part of a source.

    Args:
      source: The examples.
      y: Their labels, int32 (N,).
      workers: Processes to decode in; 0 decodes in threads of this one.
    """
    return cls(Rows(source, workers), y)

  def take(self, index: np.ndarray | slice) -> 'Stream':
    """Returns the examples at `index`, in its order."""
    return self.of(self.x.source.take(index), self.y[index], self.x.workers)

  def pieces(
    self,
    order: np.ndarray,
    size: int,
    key: Sequence[int],
    ready: Callable[[np.ndarray, np.ndarray], Any],
  ) -> Iterator[Any]:
    """Yields the examples of an epoch in pieces, one made ahead of need.

    Args:
      order: Which examples, in which order.
      size: How many are a piece; the last may have fewer.
      key: Whole numbers from 0; with the position of an example in this part
        they are the seed of its changes.
      ready: Called with x and y of a piece, in the thread that makes pieces
        ahead: what it returns is what is yielded. It may bring them to a
        device.

    Raises:
      UserError: An example cannot be read.
    """
    read = functools.partial(_changed, self.x.source, tuple(key))
    labels = iter(range(0, len(order), size))

    def whole(elements: Sequence[Any]) -> Any:
      start = next(labels)
      for element in elements:
        if isinstance(element, errors.UserError):
          return element
      return ready(np.stack(elements), self.y[order[start : start + size]])

    ahead = _ahead(
      _elements(read, order, self.x.workers).batch(size, batch_fn=whole)
    )
    try:
      for piece in ahead:
        yield _decoded(piece)
    finally:
      ahead.close()


def _plain(source: Source, row: int) -> np.ndarray:
  return _fitting(source, source.plain(row))


def _changed(source: Source, key: tuple[int, ...], row: int) -> np.ndarray:
  # The 1 ends the seed: numpy takes seeds that differ in zeros at their end
  # for the same one.
  rng = np.random.default_rng([*key, row, 1])
  return _fitting(source, source.changed(row, rng))


def _fitting(source: Source, example: np.ndarray) -> np.ndarray:
  """Returns an example in the promised type, where it can be had in it."""
  found, dtype = np.asarray(example), np.dtype(source.dtype)
  if found.shape == tuple(source.shape):
    if found.dtype == dtype:
      return found
    with np.errstate(over='ignore', invalid='ignore'):
      cast = found.astype(dtype)
    rounds = dtype.kind == 'f' and np.isfinite(cast).all()
    if rounds or np.array_equal(cast, found):
      return cast
  raise errors.UserError(
    f'a source of {dtype} {tuple(source.shape)} gave an example of '
    f'{found.dtype} {found.shape}, which does not fit'
  )


def _caught(read: Callable[[int], np.ndarray], row: Any) -> Any:
  # Grain would add to the error, and a process its traceback.
  try:
    return read(int(row))
  except errors.UserError as error:
    return error


def _decoded(element: Any) -> Any:
  if isinstance(element, errors.UserError):
    raise element
  return element


def _elements(
  read: Callable[[int], np.ndarray], rows: np.ndarray, workers: int
) -> Any:
  """Returns Grain's dataset of what `read` makes of each row, in their order.

  The elements are arrays, or a UserError each.
  """
  grain = _grain()
  threads = (os.cpu_count() or 1) if not workers else 1
  elements = (
    grain.MapDataset.source(rows)
    .map(functools.partial(_caught, read))
    .to_iter_dataset(grain.ReadOptions(threads, 4 * threads))
  )
  if workers:
    if not flags.FLAGS.is_parsed():
      flags.FLAGS.mark_as_parsed()  # Grain reads some, and their defaults do
    # Each process has its share of the rows; their order stays.
    options = grain.MultiprocessingOptions(workers, per_worker_buffer_size=8)
    elements = elements.mp_prefetch(options)
  return elements


def _ahead(elements: Any) -> Any:
  return iter(
    _grain().experimental.ThreadPrefetchIterDataset(
      elements, prefetch_buffer_size=1
    )
  )


def _grain() -> Any:
  try:
    import grain
    import grain.experimental
  except ImportError as error:
    raise errors.UserError(
      'this data set needs the package grain, which is not installed; '
      "pip install 'effnas[imagenet]'"
    ) from error
  return grain
