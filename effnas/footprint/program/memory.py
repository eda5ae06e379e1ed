"""Peak activation memory of a program, by liveness."""

from collections.abc import Sequence

from effnas.footprint.program import ops as ops_lib
from effnas.footprint.program import plan as plan_lib


def peak(
  ops: Sequence[ops_lib.Op],
  inputs: Sequence[ops_lib.Buffer],
  outputs: Sequence[ops_lib.Buffer],
) -> int:
  """Most bytes of activations that are alive at the same time.

  Args:
    ops: The operations of a program in order.
    inputs: Its inputs.
    outputs: Its outputs.

  Returns:
    Bytes.
  """
  return max(levels(ops, inputs, outputs))


def levels(
  ops: Sequence[ops_lib.Op],
  inputs: Sequence[ops_lib.Buffer],
  outputs: Sequence[ops_lib.Buffer],
) -> list[int]:
  """Bytes of activations that are alive while each operation runs.

  Inputs, outputs and intermediates count; parameters and constants do not.
  What is stored, and from when to when, is `plan`'s business. While an
  operation runs, what it reads and what it writes are both alive; only an
  elementwise result (or a loop's carry) is written in place, over an operand
  of at least its size that nobody reads later. The operations run in the
  program's order; a compiler may find a better one.

  Args:
    ops: The operations of a program in order.
    inputs: Its inputs.
    outputs: Its outputs.

  Returns:
    Bytes before the first operation, then at each.
  """
  lives = plan_lib.plan(ops, inputs, outputs)
  births: dict[int, list[int]] = {}
  deaths: dict[int, list[tuple[int, int]]] = {}
  for b, i in lives.born.items():
    births.setdefault(i, []).append(b.nbytes)
    deaths.setdefault(lives.dies[b], []).append((b.nbytes, i))
  live = sum(births.get(-1, ()))
  found = [live]
  live -= sum(n for n, _ in deaths.get(-1, ()))
  for i, op in enumerate(ops):
    new, dead = births.get(i, []), deaths.get(i, [])
    free = sorted(n for n, birth in dead if birth < i)
    in_place = 0
    if op.kind in ('elementwise', 'loop'):
      for n in sorted(new, reverse=True):
        if free and free[-1] >= n:
          free.pop()
          in_place += n
    found.append(live + sum(new) - in_place)
    live += sum(new) - sum(n for n, _ in dead)
  return found
