"""Latency from a datasheet: a roofline over the operations of a network.

The bound of Williams, Waterman and Patterson (2009), operation by operation. It
ranks targets and number formats and shows what a network is bound by. It knows
no launch overhead, no tiling and no cache, so it is a floor; measured and
calibrated latencies carry another source than 'datasheet'.
"""

from collections.abc import Callable, Iterable, Sequence
import dataclasses

from effnas.footprint import device as device_lib
from effnas.footprint import ops as ops_lib
from effnas.footprint import plan as plan_lib

Bits = Callable[[str], tuple[int | None, int | None] | None]


@dataclasses.dataclass(frozen=True)
class Work:
  """What one operation costs on any device.

  Attributes:
    path: Its module path.
    macs: Multiply-accumulates.
    weights: Elements of parameters it reads.
    activations: Elements of activations it reads and writes.
    fixed: Bytes it moves whose format no one chooses (indices, masks).
  """

  path: str
  macs: int
  weights: int
  activations: int
  fixed: int


def work(
  ops: Sequence[ops_lib.Op],
  inputs: Sequence[ops_lib.Buffer],
  outputs: Sequence[ops_lib.Buffer],
) -> tuple[Work, ...]:
  """Lists the work that a roofline charges, free operations left out.

  - Products (convolution, matrix product) read their operands and write their
    result; all their MACs count.
  - Elementwise operations are fused into what made their latest operand and
    write nothing of their own. Every other stored operand (the skip of a
    residual, what a gate scales) is read once more.
  - Reductions (pooling, the sums of a softmax or a norm) read once and write
    once. All elementwise operations and reductions together read a stored
    value once: a softmax is two passes.
  - What moves values (concatenate, gather, slice, pad) reads as much as it
    writes. Views are free, and so is what depends on parameters alone.

  Args:
    ops: The operations of a program in order.
    inputs: Its inputs.
    outputs: Its outputs.

  Returns:
    The work in order.
  """
  lives = plan_lib.plan(ops, inputs, outputs)
  passed: set[ops_lib.Buffer] = set()
  listed = []
  for op, reads in zip(ops, lives.reads, strict=True):
    stored = [b for b in op.outputs if b in lives.born]
    weights = 0
    if op.kind in ('conv', 'depthwise', 'dot'):
      moved = list(reads) + stored
      weights = sum(b.elements for b in op.inputs if b.weight)
    elif op.kind in ('elementwise', 'reduce'):
      moved = [b for b in reads if b not in passed]
      if op.kind == 'reduce':
        passed.update(moved)
        moved += stored
      elif reads:
        latest = max(reads, key=lives.born.__getitem__)
        moved = [b for b in moved if b is not latest]
        passed.update(moved)
    elif op.kind == 'data':
      moved = stored * 2
    elif op.kind == 'unknown':
      moved = list(reads) + stored
    else:
      continue
    activations, fixed = _sizes(moved)
    if op.macs or activations or fixed:
      listed.append(
        Work(
          op.path,
          op.macs,
          weights * op.times,
          activations * op.times,
          fixed * op.times,
        )
      )
  return tuple(listed)


def latency(
  listed: Iterable[Work], device: device_lib.Device, bits: Bits | None = None
) -> float:
  """Milliseconds of one run on a device, at best.

  The sum over operations of the longer of computing and moving:
  `max(2 * macs / rate, bytes / bandwidth)`. Work whose path `bits` knows runs
  at the rate of its wider operand and moves weights and activations at their
  bits; all else is in the device's float format (bfloat16; float32 on 'cpu').

  Args:
    listed: What `work` returned (its batch is this latency's batch).
    device: The target.
    bits: Module path -> (bits of weights, bits of activations), either None
      for float, or None altogether for float.

  Returns:
    Milliseconds; the source of the number is 'datasheet'.

  Example:
    >>> from effnas.footprint import device
    >>> dense = Work('head', 1_000_000, weights=1_000_000, activations=2_000,
    ...              fixed=0)
    >>> round(latency([dense], device.load('tpu_v5e')), 6)  # 2,004,000 bytes
    0.002447
  """
  seconds = 0.0
  for w in listed:
    weight_bits, activation_bits = (bits and bits(w.path)) or (None, None)
    wider = None  # a float operand makes the product a float one
    if weight_bits is not None and activation_bits is not None:
      wider = max(weight_bits, activation_bits)
    bits_moved = w.weights * (weight_bits or device.float_bits)
    bits_moved += w.activations * (activation_bits or device.float_bits)
    moved = w.fixed + bits_moved / 8
    seconds += max(2 * w.macs / device.rate(wider), moved / device.bandwidth)
  return 1e3 * seconds


def _sizes(buffers: Iterable[ops_lib.Buffer]) -> tuple[int, int]:
  """Elements that are numbers of the network, and bytes of everything else."""
  elements = fixed = 0
  for b in buffers:
    if b.dtype.name.startswith(('float', 'bfloat', 'int8', 'int4')):
      elements += b.elements
    else:
      fixed += b.nbytes
  return elements, fixed
