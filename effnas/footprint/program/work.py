"""What the operations of a program cost on any device: products and traffic."""

from collections.abc import Iterable, Sequence
import dataclasses

from effnas.footprint.program import ops as ops_lib
from effnas.footprint.program import plan as plan_lib

PRODUCTS = ('conv', 'pointwise', 'grouped', 'depthwise', 'dense', 'matmul')


@dataclasses.dataclass(frozen=True)
class Work:
  """What one operation costs on any device.

  Attributes:
    path: Its module path.
    kind: Its operation class: 'conv', 'pointwise' (a 1x1 convolution, or a
      dense layer over the positions of an example), 'grouped', 'depthwise',
      'dense' (a product of weights and one vector of each example), 'matmul'
      (of activations, as in attention), 'elementwise', 'reduce', 'data' (moves
      values) or 'unknown'.
    macs: Multiply-accumulates.
    operations: Results of elementwise operations, operands of reductions.
    weights: Elements of parameters it reads.
    reads: Elements of activations it reads.
    writes: Elements of activations it writes.
    fixed: Bytes it moves whose format no one chooses (indices, masks).
    launches: How often a kernel of its own runs; 0 where it is fused into
      another.
  """

  path: str
  kind: str
  macs: int = 0
  operations: int = 0
  weights: int = 0
  reads: int = 0
  writes: int = 0
  fixed: int = 0
  launches: int = 0

  @property
  def activations(self) -> int:
    """Elements of activations moved if elementwise results are fused."""
    return self.reads + (0 if self.kind == 'elementwise' else self.writes)


def work(
  ops: Sequence[ops_lib.Op],
  inputs: Sequence[ops_lib.Buffer],
  outputs: Sequence[ops_lib.Buffer],
) -> tuple[Work, ...]:
  """Lists the work of a program, operations that are free left out.

  - Products (convolution, matrix product) read their operands and write their
    result; all their MACs count.
  - Elementwise operations take their latest operand from what made it; every
    other stored operand (the skip of a residual, what a gate scales) is read
    once more. Their stored results are written, in place or where a compiler
    fuses them into the operation before, so that a roofline charges none.
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
    if op.kind in ('view', 'loop') or all(b.weight for b in op.outputs):
      continue
    kind = _class(op)
    stored = [b for b in op.outputs if b in lives.born]
    read, written = list(reads), stored
    weights = operations = 0
    if kind in PRODUCTS:
      weights = sum(b.elements for b in op.inputs if b.weight)
    elif kind == 'elementwise':
      operations = sum(b.elements for b in op.outputs)
      latest = max(reads, key=lives.born.__getitem__, default=None)
      read = [b for b in reads if b not in passed and b is not latest]
      passed.update(read)
    elif kind == 'reduce':
      operations = sum(b.elements for b in op.inputs)
      read = [b for b in reads if b not in passed]
      passed.update(read)
    elif kind == 'data':
      read = stored
    done = _of(op, kind, read, written, weights, operations)
    if done.macs or done.operations or done.launches:
      listed.append(done)
  return tuple(listed)


def _of(
  op: ops_lib.Op,
  kind: str,
  read: Iterable[ops_lib.Buffer],
  written: Iterable[ops_lib.Buffer],
  weights: int,
  operations: int,
) -> Work:
  reads, fixed_in = _sizes(read)
  writes, fixed_out = _sizes(written)
  fixed = fixed_in + fixed_out
  moves = op.macs or reads or writes or fixed
  return Work(
    op.path,
    kind,
    op.macs,
    operations * op.times,
    weights * op.times,
    reads * op.times,
    writes * op.times,
    fixed * op.times,
    op.times if moves else 0,
  )


def _class(op: ops_lib.Op) -> str:
  """The operation class: products are told apart by what they multiply."""
  if op.kind not in ('pointwise', 'dot'):
    return op.kind
  if not any(b.weight for b in op.inputs):
    return 'matmul'
  (out,) = op.outputs
  examples = op.inputs[0].shape[0] if op.inputs[0].shape else 1
  channels = out.shape[-1] if out.shape else 1
  return 'dense' if out.elements <= examples * channels else 'pointwise'


def _sizes(buffers: Iterable[ops_lib.Buffer]) -> tuple[int, int]:
  """Elements that are numbers of the network, and bytes of everything else."""
  elements = fixed = 0
  for b in buffers:
    if b.dtype.name.startswith(('float', 'bfloat', 'int8', 'int4')):
      elements += b.elements
    else:
      fixed += b.nbytes
  return elements, fixed
