"""The work of a network by operation class, and its weights by bit width."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from flax import linen
from flax.core import meta
import jax
import numpy as np

from effnas.footprint import network
from effnas.footprint.program import ops
from effnas.footprint.program import work as work_lib

# In the order of a table; `work.Work` says what each is.
KINDS = (*work_lib.PRODUCTS, 'elementwise', 'reduce', 'data', 'unknown')
_FLOAT32 = 4  # bytes
# Quantities of `work.Work` and what one counts in a row: itself, or bytes.
_UNITS = {
  'macs': 1,
  'operations': 1,
  'reads': _FLOAT32,
  'writes': _FLOAT32,
  'weights': _FLOAT32,
  'fixed': 1,
  'launches': 1,
}


class OperationClass(NamedTuple):
  """The work of the operations of one class.

  Attributes:
    kind: The class, one of `KINDS`; `work.Work` says what each is.
    macs: Multiply-accumulates.
    operations: Results of elementwise operations, operands of reductions.
    bytes_read: Bytes of activations read, in float32.
    bytes_written: Bytes of activations written, in float32.
    weight_bytes: Bytes of parameters read, in float32.
    other_bytes: Bytes read and written whose format no one chooses: indices,
      masks.
    launches: Kernels that run.
    intensity: Arithmetic intensity, operations a byte: two for each MAC, and
      `operations`, over all these bytes. None where none is moved.
  """

  kind: str
  macs: int
  operations: int
  bytes_read: int
  bytes_written: int
  weight_bytes: int
  other_bytes: int
  launches: int
  intensity: float | None

  @classmethod
  def total(cls, rows: 'Iterable[OperationClass]') -> 'OperationClass':
    """Adds up classes; the intensity is that of the whole.

    Args:
      rows: What `classes` gave.

    Returns:
      A row of the kind 'total'.
    """
    sums = np.zeros(len(_UNITS), np.int64)
    for row in rows:
      sums += row[1:-1]
    return _row('total', sums)


def classes(
  net: linen.Module,
  input_shape: Sequence[int],
  *,
  batch: int = 1,
  input_dtype: Any = 'float32',
) -> list[OperationClass]:
  """Adds up the work of a network by operation class.

  The same quantities that a cost model gives a price to, in bytes of float32;
  `program.work` says what counts as read and as written.

  Args:
    net: A Linen module; `net(x)` is inference.
    input_shape: Shape of one example, without the batch.
    batch: Examples at a time.
    input_dtype: dtype of the input, 'int32' for tokens.

  Returns:
    A row for each class that the network has, products first; of a batch.

  Raises:
    UserError: A shape or a batch that is not positive.

  Example:
    >>> (head,) = classes(linen.Dense(10, use_bias=False), (64,))
    >>> head.kind, head.macs, head.weight_bytes
    ('dense', 640, 2560)
    >>> head.intensity == 2 * 640 / (4 * (64 + 10 + 640))
    True

  Reference:
    Williams, Waterman and Patterson, 2009, Roofline: An Insightful Visual
    Performance Model for Multicore Architectures,
    https://doi.org/10.1145/1498765.1498785
  """
  found = network.profiled(net, input_shape, batch, input_dtype)
  sums = found.total('classes', _sums)
  rows = [_row(kind, own) for kind, own in zip(KINDS, sums, strict=True)]
  return [row for row in rows if any(row[1:])]


def weight_bits(variables: Mapping[str, Any]) -> dict[int, int]:
  """Adds up the bytes of weights by their bit width.

  Args:
    variables: Nested dict of arrays or of `jax.ShapeDtypeStruct`, e.g. of a
      converted network: parameters, statistics and scales alike.

  Returns:
    Bits of an element -> bytes, the widest first. With its header they are
    the weights file.

  Example:
    >>> weight_bits({'kernel': np.zeros(64, 'int8'), 'scale': np.ones(4)})
    {64: 32, 8: 64}
  """
  found: dict[int, int] = {}
  for leaf in jax.tree.leaves(meta.unbox(dict(variables))):
    bits = ops.nbytes((8,), leaf.dtype)  # eight elements: a byte for each bit
    size = ops.nbytes(tuple(leaf.shape), leaf.dtype)
    found[bits] = found.get(bits, 0) + size
  return dict(sorted(found.items(), reverse=True))


def _sums(listed: Iterable[work_lib.Work]) -> np.ndarray:
  """Sums by class, int64 [len(KINDS), len(_UNITS)]."""
  found = np.zeros((len(KINDS), len(_UNITS)), np.int64)
  for w in listed:
    own = [getattr(w, name) * unit for name, unit in _UNITS.items()]
    found[KINDS.index(w.kind)] += own
  return found


def _row(kind: str, sums: np.ndarray) -> OperationClass:
  macs, operations, read, written, weights, other, launches = sums.tolist()
  moved = read + written + weights + other
  intensity = (2 * macs + operations) / moved if moved else None
  return OperationClass(
    kind, macs, operations, read, written, weights, other, launches, intensity
  )
