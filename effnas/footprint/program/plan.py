"""Which values of a program are stored, and from when to when.

A compiler neither stores nor moves everything a jaxpr names. The rules, which
memory and roofline share:

- A view (reshape, broadcast, transpose, ...) is its operand.
- An elementwise result whose readers, elementwise themselves, all end in one
  stored result or one reduction is fused into it and never stored; that one
  then reads what it was made of. So `x * sigmoid(x)` reads x and stores one
  result, while the exponential of a softmax, summed and divided, is stored.
- Every other result is stored until its last reader has run.
- Parameters, constants and what depends on them alone are no activations.
"""

from collections.abc import Sequence
import dataclasses

from effnas.footprint.program import ops as ops_lib

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
  fused = _fused(ops, outputs)
  made_of: dict[ops_lib.Buffer, tuple[ops_lib.Buffer, ...]] = {
    b: () if b.weight else (b,) for b in inputs
  }
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
      elif op.kind == 'view' or i in fused:
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


def _fused(ops, outputs) -> set[int]:
  """Indices of the elementwise operations whose result is never stored."""
  # Who reads a buffer, looking through views; len(ops) stands for the caller.
  readers: dict[ops_lib.Buffer, set[int]] = {b: {len(ops)} for b in outputs}
  sinks: dict[int, int] = {}
  for i in reversed(range(len(ops))):
    op = ops[i]
    after = set().union(*(readers.get(b, ()) for b in op.outputs))
    if op.kind == 'elementwise' and all(
      r < len(ops) and ops[r].kind in _FUSES for r in after
    ):
      ends = {sinks.get(r, r) for r in after}
      if len(ends) == 1:
        (sinks[i],) = ends
    for b in op.inputs:
      if not b.weight:
        readers.setdefault(b, set()).update(after if op.kind == 'view' else {i})
  return set(sinks)
