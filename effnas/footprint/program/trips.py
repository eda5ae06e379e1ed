"""How often a while loop runs, where its program tells."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from effnas import jaxprs


class _Sum(NamedTuple):
  """A number of the carry, by its position, plus another; or that alone."""

  of: int | None
  plus: int


class _Compared(NamedTuple):
  """Whether one number is less than another, or whatever `how` says."""

  how: str
  left: _Sum
  right: _Sum


# From what is between both sides to begin with, and how much of it a run takes,
# to the number of runs; `a < b` is the first, a counter that goes up.
_RUNS: dict[str, Callable[[int, int], int]] = {
  'lt': lambda apart, step: max(0, -(-apart // step)),
  'le': lambda apart, step: max(0, apart // step + 1),
}
_SWAPPED = {'gt': 'lt', 'ge': 'le'}
_SAME = frozenset({'convert_element_type', 'copy', 'copy_p', 'stop_gradient'})


def trips(loop: jaxprs.While, known: Sequence[int | None]) -> int | None:
  """Says how often the body of a while loop runs.

  It is told where the test compares a number that each run changes by the same
  amount with one that does not change (or changes likewise), and both are known
  to begin with: all that `lax.fori_loop` makes of numbers that are, and loops
  written likewise.

  Args:
    loop: The loop.
    known: Its operands, as far as they are whole numbers that are known.

  Returns:
    The number of runs, or None.
  """
  fixed = [None if n is None else _Sum(None, n) for n in known]
  before = fixed[: loop.tests]
  constants = fixed[loop.tests : loop.tests + loop.consts]
  start = known[loop.tests + loop.consts :]
  carry = [_Sum(i, 0) for i in range(len(start))]
  (test,) = _numbers(loop.test, [*before, *carry])
  if not isinstance(test, _Compared):
    return None
  after = _numbers(loop.body, [*constants, *carry])
  how, left, right = test
  if how in _SWAPPED:
    how, left, right = _SWAPPED[how], right, left
  ends = [_walked(side, start, after) for side in (left, right)]
  if None in ends:
    return None
  (first, up), (last, away) = ends
  apart, step = last - first, up - away
  if how == 'ne':  # a number that is missed is never met
    meets = step and apart % step == 0 and apart // step >= 0
    return apart // step if meets else None
  return _RUNS[how](apart, step) if step > 0 else None


def _walked(side: _Sum, start: Sequence, after: Sequence) -> Any:
  """Where one side of a test begins and how far each run takes it, or None."""
  if side.of is None:
    return side.plus, 0
  now, then = start[side.of], after[side.of]
  if now is None or not isinstance(then, _Sum) or then.of != side.of:
    return None
  return now + side.plus, then.plus


def _numbers(jaxpr: Any, inputs: Sequence[Any]) -> list[Any]:
  """Follows sums through a program; None stands for anything else."""
  program = jaxprs.read(jaxpr)
  env = dict(zip(program.inputs, inputs, strict=True))
  env |= {var: _constant(value) for var, value in program.constants}

  def read(var):
    return _constant(var.val) if jaxprs.is_literal(var) else env.get(var)

  for eqn in program.equations:
    ins, called = [read(var) for var in eqn.invars], jaxprs.called(eqn)
    if called is not None:
      outs = _numbers(called, ins)
    else:
      outs = [_done(jaxprs.name(eqn), ins)] * len(eqn.outvars)
    env.update(zip(eqn.outvars, outs, strict=True))
  return [read(var) for var in program.outputs]


def _constant(value: Any) -> _Sum | None:
  number = jaxprs.whole(value)
  return None if number is None else _Sum(None, number)


def _done(name: str, ins: Sequence[Any]) -> Any:
  """What one operation makes of its operands."""
  if name in _SAME:
    return ins[0]
  if len(ins) != 2 or not all(isinstance(n, _Sum) for n in ins):
    return None
  left, right = ins
  if name in ('lt', 'le', 'gt', 'ge', 'ne'):
    return _Compared(name, left, right)
  if name == 'add' and None in (left.of, right.of):
    of = right.of if left.of is None else left.of
    return _Sum(of, left.plus + right.plus)
  if name == 'sub' and right.of is None:
    return _Sum(left.of, left.plus - right.plus)
  return None
