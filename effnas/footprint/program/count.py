"""Walks a jaxpr into a flat list of operations with their MACs and bytes.

MACs are those of convolutions, matrix products and attention, the convention
of the literature (Sandler et al. 2018, Howard et al. 2019). They do not depend
on the number format, so a float network and its fake-quantized or integer twin
count the same. Nothing is allocated and no JAX backend is touched.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from effnas import jaxprs
from effnas.footprint.program import known as known_lib
from effnas.footprint.program import ops as ops_lib
from effnas.footprint.program import trips as trips_lib

Names = tuple[str, ...]


def join(names: Names) -> str:
  """Joins the names of an operation's surrounding scopes into a path."""
  return '/'.join(names)


def count(
  jaxpr: Any,
  weights: int = 0,
  path: Callable[[Names], str] = join,
) -> list[ops_lib.Op]:
  """Lists the operations of a jaxpr, calls and loops unrolled.

  Calls (jit, custom derivatives, checkpoint) are entered. The body of a loop
  counts as often as it runs: of a scan always, and of a while loop where the
  program tells how often that is (`trips`). Where it does not, the body counts
  once, and `unknown` names the loop. Of a `cond` the dearest branch counts; of
  a `lax.platform_dependent` the default branch does: what XLA gets on an
  accelerator, not a rewriting for one platform. What no output needs is left
  out.

  Args:
    jaxpr: What `jax.make_jaxpr` returned.
    weights: How many of the (flat) leading inputs are parameters.
    path: Turns the names of the scopes around an operation into its path.

  Returns:
    The operations in the order of the program.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> x = jax.ShapeDtypeStruct((8, 16), jnp.float32)
    >>> y = jax.ShapeDtypeStruct((16, 4), jnp.float32)
    >>> [(op.kind, op.macs) for op in count(jax.make_jaxpr(jnp.matmul)(x, y))]
    [('dot', 512)]
  """
  return trace(jaxpr, weights, path)[0]


def trace(
  jaxpr: Any,
  weights: int = 0,
  path: Callable[[Names], str] = join,
) -> tuple[list[ops_lib.Op], list[ops_lib.Buffer], list[ops_lib.Buffer]]:
  """Lists the operations as `count` does, and the program's ends.

  Args:
    jaxpr: What `jax.make_jaxpr` returned.
    weights: How many of the (flat) leading inputs are parameters.
    path: Turns the names of the scopes around an operation into its path.

  Returns:
    The operations, the input buffers and the output buffers.
  """
  inputs = [
    _buffer(v.aval, weight=i < weights)
    for i, v in enumerate(jaxprs.read(jaxpr).inputs)
  ]
  walk = _Walk(path)
  outputs = walk.body(jaxpr, inputs, (), 1)
  return _alive(walk.ops, outputs), inputs, outputs


def unknown(ops: Iterable[ops_lib.Op]) -> list[str]:
  """Names what could not be counted.

  Those are primitives whose work is not known, and while loops that run nobody
  knows how often. MACs and times are lower bounds then.

  Args:
    ops: Operations of a program.

  Returns:
    'primitive at path', each once, in order.
  """
  return list(dict.fromkeys(
    f'{op.primitive} at {op.path or "/"}'
    for op in ops
    if op.kind == 'unknown' or op.primitive == 'while'
  ))  # fmt: skip


def _constant(var: Any, value: Any) -> ops_lib.Buffer:
  return _buffer(var.aval, weight=True, known=jaxprs.whole(value))


def _forgotten(buffers: list) -> list:
  """Forgets what buffers hold, where that is so in one way of several."""
  for b in buffers:
    b.known = None
  return buffers


def _alive(ops: list, outputs: list) -> list[ops_lib.Op]:
  """Drops what no output needs, as a compiler does."""
  needed, kept = set(outputs), []
  for op in reversed(ops):
    if not op.outputs or not needed.isdisjoint(op.outputs):
      kept.append(op)
      needed.update(op.inputs)
  return kept[::-1]


def _buffer(
  like: Any, weight: bool = False, known: known_lib.Known = None
) -> ops_lib.Buffer:
  shape = tuple(getattr(like, 'shape', ()))  # a token has neither
  dtype = getattr(like, 'dtype', np.dtype(bool))
  return ops_lib.Buffer(shape, dtype, weight, known)


class _Walk:
  """Collects operations while it follows values through nested jaxprs."""

  def __init__(self, path: Callable[[Names], str]):
    self.path = path
    self.ops: list[ops_lib.Op] = []

  def body(self, jaxpr: Any, inputs: list, outer: Names, times: int) -> list:
    """Walks one jaxpr, closed or open, and returns its output buffers."""
    program = jaxprs.read(jaxpr)
    env = dict(zip(program.inputs, inputs, strict=True))
    # Constants of the program are as fixed as its parameters.
    env |= {v: _constant(v, value) for v, value in program.constants}

    def read(v):
      return _constant(v, v.val) if jaxprs.is_literal(v) else env[v]

    for eqn in program.equations:
      outputs = self.eqn(
        eqn, [read(v) for v in eqn.invars], outer + jaxprs.scopes(eqn), times
      )
      env.update(zip(eqn.outvars, outputs, strict=True))
    return [read(v) for v in program.outputs]

  def eqn(self, eqn: Any, inputs: list, names: Names, times: int) -> list:
    """Walks one equation and returns its output buffers."""
    name, params = jaxprs.name(eqn), eqn.params
    called = jaxprs.called(eqn)
    if called is not None:
      return self.body(called, inputs, names, times)
    if scan := jaxprs.scan(eqn):
      return self.scan(eqn, scan, inputs, names, times)
    if loop := jaxprs.while_loop(eqn):
      return self.loop(loop, inputs, names, times)
    if branches := jaxprs.branches(eqn):
      return self.cond(branches, inputs, names, times)
    shapes = [b.shape for b in inputs]
    knows = [b.known for b in inputs]
    known = known_lib.known(name, params, knows)
    kind = ops_lib.kind(name, params, shapes)
    out = jaxprs.shape(eqn.outvars[0]) if eqn.outvars else ()
    macs = ops_lib.macs(name, params, shapes, out)
    if macs and known_lib.PICKS in knows:
      kind, macs = 'data', 0  # it moves values
    # A product of two weights (a low-rank kernel put together, say) is work of
    # every run, so its result is an activation.
    weight = not macs and all(b.weight for b in inputs)
    outputs = [_buffer(v.aval, weight, known) for v in eqn.outvars]
    self.ops.append(
      ops_lib.Op(
        name,
        kind,
        self.path(names),
        macs * times,
        times,
        tuple(inputs),
        tuple(outputs),
      )
    )
    return outputs

  def end(self, name: str, names: Names, inputs: list, outputs: list) -> None:
    """Appends one end of a loop, which holds the loop's arrays alive."""
    self.ops.append(
      ops_lib.Op(
        name, 'loop', self.path(names), 0, 1, tuple(inputs), tuple(outputs)
      )
    )

  def scan(
    self, eqn: Any, scan: jaxprs.Scan, inputs: list, names: Names, times: int
  ) -> list:
    """Walks a scan: its body, between its two ends."""
    consts, carries = scan.consts, scan.carries
    xs = inputs[consts + carries :]
    carry = [_buffer(b) for b in inputs[consts : consts + carries]]
    slices = [ops_lib.Buffer(b.shape[1:], b.dtype, b.weight) for b in xs]
    stacked = [_buffer(v.aval) for v in eqn.outvars[carries:]]
    self.end('scan', names, inputs, carry + slices + stacked)
    outputs = self.body(
      scan.body, inputs[:consts] + carry + slices, names, times * scan.length
    )
    held = outputs + inputs[:consts] + xs + stacked
    self.end('scan', names, held, [])
    return outputs[:carries] + stacked

  def loop(
    self, loop: jaxprs.While, inputs: list, names: Names, times: int
  ) -> list:
    """Walks a while loop: its test and its body, between its two ends."""
    tests, consts = loop.tests, loop.consts
    trips = trips_lib.trips(loop, [known_lib.number(b.known) for b in inputs])
    name = 'while' if trips is None else 'scan'  # as a scan of that length
    carry = [_buffer(b) for b in inputs[tests + consts :]]
    self.end(name, names, inputs, carry)
    tested = times if trips is None else times * (trips + 1)
    test = self.body(loop.test, inputs[:tests] + carry, names, tested)
    fixed = inputs[tests : tests + consts]
    ran = times if trips is None else times * trips
    outputs = self.body(loop.body, fixed + carry, names, ran)
    held = outputs + inputs[: tests + consts] + test
    self.end(name, names, held, [])
    return _forgotten(outputs)  # it may run no time at all

  def cond(
    self, branches: tuple, inputs: list, names: Names, times: int
  ) -> list:
    """Walks the branch that counts."""
    walked = []
    for branch in branches:
      walk = _Walk(self.path)
      outputs = walk.body(branch, inputs[1:], names, times)
      macs = sum(op.macs for op in walk.ops)
      moved = sum(b.nbytes for op in walk.ops for b in op.outputs)
      walked.append((macs, moved, walk.ops, outputs))
    _, _, ops, outputs = max(walked, key=lambda w: w[:2])
    self.ops += ops
    return outputs if len(branches) == 1 else _forgotten(outputs)
