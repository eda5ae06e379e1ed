"""Rematerialisation of any function: the forward pass in segments."""

import bisect
from collections.abc import Callable
import itertools
import math
from typing import Any

import jax

from effnas import jaxprs
from effnas.footprint.program import ops as ops_lib


def segments(f: Callable, *args: Any, number: int | None = None) -> Callable:
  """Cuts a function into segments whose inner values are computed twice.

  Its gradient keeps what passes from one segment to the next and computes all
  else anew, a segment at a time, when the backward pass comes to it. With
  about sqrt(n) segments for n operations, memory grows with the square root of
  the depth for one more forward pass (the last segment is not computed twice).

  Args:
    f: A function of trees of arrays.
    *args: Arguments for it, arrays or `jax.ShapeDtypeStruct`.
    number: Of segments, at most; by default the square root of the number of
      operations that are no views.

  Returns:
    A function of the same values, for arguments of these shapes.

  Reference:
    Chen, Xu, Zhang and Guestrin, 2016, Training Deep Nets with Sublinear Memory
    Cost, https://arxiv.org/abs/1604.06174

  Example:
    >>> import jax.numpy as jnp
    >>> f = lambda x: jnp.sin(jnp.sin(jnp.sin(jnp.sin(x))))
    >>> twice = segments(f, 1.0, number=2)
    >>> float(jax.grad(twice)(1.0)) == float(jax.grad(f)(1.0))
    True
  """
  jaxpr, out = jax.make_jaxpr(f, return_shape=True)(*args)
  program, tree = jaxprs.read(jaxpr), jax.tree.structure(out)
  parts = _cut(program.equations, number)
  # What each part must leave for those after it.
  wanted: list[set] = []
  later = {v for v in program.outputs if _is_var(v)}
  for eqns in reversed(parts):
    wanted.append(later)
    later = later | {v for e in eqns for v in e.invars if _is_var(v)}
  wanted.reverse()

  def cut(*args):
    leaves = jax.tree.leaves(args)
    env = dict(zip(program.inputs, leaves, strict=True))
    env |= program.constants
    for i, (eqns, after) in enumerate(zip(parts, wanted, strict=True)):
      needs, gives = _ends(eqns, after)
      run = jaxprs.function(jaxpr, eqns, needs, gives)
      if i < len(parts) - 1:
        run = jax.checkpoint(run)
      values = run(*(env[v] for v in needs))
      env.update(zip(gives, values, strict=True))
    outs = [env[v] if _is_var(v) else v.val for v in program.outputs]
    return jax.tree.unflatten(tree, outs)

  return cut


def _is_var(v: Any) -> bool:
  return not jaxprs.is_literal(v)


def _cut(eqns: list, number: int | None) -> list[list]:
  """Cuts equations into runs of about equal output, where little is alive."""
  sizes = [
    0 if jaxprs.name(e) in ops_lib.VIEWS else sum(map(_size, e.outvars))
    for e in eqns
  ]
  if number is None:
    number = max(1, round(math.sqrt(sum(s > 0 for s in sizes))))
  alive = _alive(eqns)
  done = list(itertools.accumulate(sizes))
  step = max(1, done[-1] if done else 1) / number
  cuts = [0]
  for i in range(1, number):
    first, last = (
      bisect.bisect_left(done, (i + shift) * step) + 1 for shift in (-0.5, 0.5)
    )
    near = range(max(first, cuts[-1] + 1), min(last, len(eqns) - 1) + 1)
    if near:
      cuts.append(min(near, key=lambda at: alive[at]))
  return [eqns[a:b] for a, b in zip(cuts, [*cuts[1:], len(eqns)], strict=True)]


def _alive(eqns: list) -> list[int]:
  """Elements that were computed before each equation and are needed after."""
  changes = [0] * (len(eqns) + 2)
  last = {v: i for i, e in enumerate(eqns) for v in e.invars if _is_var(v)}
  for i, eqn in enumerate(eqns):
    for v in eqn.outvars:
      if v in last:
        changes[i + 1] += _size(v)
        changes[last[v] + 1] -= _size(v)
  return list(itertools.accumulate(changes))


def _size(v: Any) -> int:
  return math.prod(jaxprs.shape(v))


def _ends(eqns: list, after: set) -> tuple[list, list]:
  """What a part reads, and what it makes of what is needed after it."""
  made = dict.fromkeys(v for e in eqns for v in e.outvars)
  needs = dict.fromkeys(
    v for e in eqns for v in e.invars if _is_var(v) and v not in made
  )
  return list(needs), [v for v in made if v in after]
