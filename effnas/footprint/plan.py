"""Which values of a program are stored, and from when to when.

A compiler neither stores nor moves everything a jaxpr names. The rules, which
memory and roofline share:

- A view (reshape, broadcast, transpose, ...) is its operand.
- An elementwise result that one operation reads, itself elementwise or a
  reduction, is fused into its reader and never stored; its reader then reads
  what it was made of. So `x * sigmoid(x)` reads x and stores one result.
- Every other result is stored until its last reader has run.
- Parameters, constants and what depends on them alone are no activations.
"""

from collections.abc import Sequence
import dataclasses

from effnas.footprint import ops as ops_lib

_FUSES = ('elementwise', 'reduce')


@dataclasses.dataclass(frozen=True)
class Plan:
  """When the stored activations of a program live.

  Attributes:
    born: Operation (index) that stores a buffer; -1 for the program's inputs.
    dies: Last operation that reads it; `len(ops)` for the program's outputs.
    reads: Per operation, the stored buffers it reads, each once. Empty for
      what is fused away.
  """

  born: dict[ops_lib.Buffer, int]
  dies: dict[ops_lib.Buffer, int]
  reads: list[tuple[ops_lib.Buffer, ...]]


def plan(
  ops: Sequence[ops_lib.Op],
  inputs: Sequence[ops_lib.Buffer],
  outputs: Sequence[ops_lib.Buffer],
) -> Plan:
  """Plans storage by the rules of this file.

  Args:
    ops: The operations of a program in order.
    inputs: Its inputs.
    outputs: Its outputs.

  Returns:
    The plan.
  """
  readers = _readers(ops, outputs)
  made_of = {b: () if b.weight else (b,) for b in inputs}
  born = {b: -1 for b in inputs if not b.weight}
  dies = dict(born)
  reads = []
  for i, op in enumerate(ops):
    sources = tuple(dict.fromkeys(
      s for b in op.inputs for s in made_of.get(b, ())
    ))  # fmt: skip
    stores = False
    for b in op.outputs:
      if b.weight:
        made_of[b] = ()
      elif op.kind == 'view' or _fused(op, readers.get(b, ()), ops):
        made_of[b] = sources
      else:
        made_of[b], stores = (b,), True
        born[b] = dies[b] = i
    reads.append(sources if stores or not op.outputs else ())
    for s in reads[-1]:
      dies[s] = i
  for b in outputs:
    for s in made_of.get(b, ()):
      dies[s] = len(ops)
  return Plan(born, dies, reads)


def _readers(ops, outputs) -> dict[ops_lib.Buffer, set[int]]:
  """Indices of the operations that read a buffer, looking through views."""
  readers: dict[ops_lib.Buffer, set[int]] = {b: {len(ops)} for b in outputs}
  for i in reversed(range(len(ops))):
    op = ops[i]
    through = {i}
    if op.kind == 'view':
      through = set().union(*(readers.get(b, ()) for b in op.outputs))
    for b in op.inputs:
      if not b.weight:
        readers.setdefault(b, set()).update(through)
  return readers


def _fused(op, readers, ops) -> bool:
  if op.kind != 'elementwise' or len(readers) != 1:
    return False
  (reader,) = readers
  return reader < len(ops) and ops[reader].kind in _FUSES
