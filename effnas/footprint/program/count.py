"""Walks a jaxpr into a flat list of operations with their MACs and bytes.

MACs are those of convolutions, matrix products and attention, the convention
of the literature (Sandler et al. 2018, Howard et al. 2019). They do not depend
on the number format, so a float network and its fake-quantized or integer twin
count the same. Nothing is allocated and no JAX backend is touched.
"""

from collections.abc import Callable, Iterable
from typing import Any

from jax.extend import core
import numpy as np

from effnas.footprint.program import ops as ops_lib

_CALLS = frozenset({
  'checkpoint', 'closed_call', 'core_call', 'custom_jvp_call',
  'custom_vjp_call', 'custom_vjp_call_jaxpr', 'jit', 'pjit', 'remat', 'remat2',
})  # fmt: skip
_BODIES = ('jaxpr', 'call_jaxpr', 'fun_jaxpr')

Names = tuple[str, ...]


def join(names: Names) -> str:
  """Joins the names of an operation's surrounding scopes into a path."""
  return '/'.join(names)


def count(
  jaxpr: core.ClosedJaxpr,
  weights: int = 0,
  path: Callable[[Names], str] = join,
) -> list[ops_lib.Op]:
  """Lists the operations of a jaxpr, calls and loops unrolled.

  Calls (jit, custom derivatives, checkpoint) are entered. A scan's body counts
  `length` times. A while loop's body counts once, since its trip count is
  unknown; `unknown` names it. Of a `cond` the dearest branch counts; of a
  `lax.platform_dependent` the default branch does: what XLA gets on an
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
  jaxpr: core.ClosedJaxpr,
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
    for i, v in enumerate(jaxpr.jaxpr.invars)
  ]
  walk = _Walk(path)
  outputs = walk.body(jaxpr, inputs, (), 1)
  return _alive(walk.ops, outputs), inputs, outputs


def unknown(ops: Iterable[ops_lib.Op]) -> list[str]:
  """Names what could not be counted: unknown primitives and while loops.

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


def _alive(ops: list, outputs: list) -> list[ops_lib.Op]:
  """Drops what no output needs, as a compiler does."""
  needed, kept = set(outputs), []
  for op in reversed(ops):
    if not op.outputs or not needed.isdisjoint(op.outputs):
      kept.append(op)
      needed.update(op.inputs)
  return kept[::-1]


def _buffer(like: Any, weight: bool = False) -> ops_lib.Buffer:
  shape = tuple(getattr(like, 'shape', ()))  # a token has neither
  dtype = getattr(like, 'dtype', np.dtype(bool))
  return ops_lib.Buffer(shape, dtype, weight)


def _scopes(eqn: Any) -> Names:
  stack = eqn.source_info.name_stack.stack
  return tuple(s.name for s in stack if type(s).__name__ == 'Scope')


class _Walk:
  """Collects operations while it follows values through nested jaxprs."""

  def __init__(self, path: Callable[[Names], str]):
    self.path = path
    self.ops: list[ops_lib.Op] = []

  def body(self, jaxpr: Any, inputs: list, outer: Names, times: int) -> list:
    """Walks one jaxpr, closed or open, and returns its output buffers."""
    inner = getattr(jaxpr, 'jaxpr', jaxpr)
    env = dict(zip(inner.invars, inputs, strict=True))
    # Constants of the program are as fixed as its parameters.
    env |= {v: _buffer(v.aval, weight=True) for v in inner.constvars}

    def read(v):
      literal = isinstance(v, core.Literal)
      return _buffer(v.aval, weight=True) if literal else env[v]

    for eqn in inner.eqns:
      outputs = self.eqn(
        eqn, [read(v) for v in eqn.invars], outer + _scopes(eqn), times
      )
      env.update(zip(eqn.outvars, outputs, strict=True))
    return [read(v) for v in inner.outvars]

  def eqn(self, eqn: Any, inputs: list, names: Names, times: int) -> list:
    """Walks one equation and returns its output buffers."""
    name, params = eqn.primitive.name, eqn.params
    if name in _CALLS:
      body = next(params[k] for k in _BODIES if k in params)
      return self.body(body, inputs, names, times)
    if name == 'scan':
      return self.scan(eqn, inputs, names, times)
    if name == 'while':
      return self.loop(eqn, inputs, names, times)
    if name == 'cond':
      return self.cond(params, inputs, names, times)
    shapes = [b.shape for b in inputs]
    kind = ops_lib.kind(name, params, shapes)
    out = tuple(eqn.outvars[0].aval.shape) if eqn.outvars else ()
    macs = ops_lib.macs(name, params, shapes, out)
    # A product of two weights (a low-rank kernel put together, say) is work of
    # every run, so its result is an activation.
    weight = not macs and all(b.weight for b in inputs)
    outputs = [_buffer(v.aval, weight) for v in eqn.outvars]
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

  def scan(self, eqn: Any, inputs: list, names: Names, times: int) -> list:
    """Walks a scan: its body, between its two ends."""
    params = eqn.params
    consts, carries = params['num_consts'], params['num_carry']
    xs = inputs[consts + carries :]
    carry = [_buffer(b) for b in inputs[consts : consts + carries]]
    slices = [ops_lib.Buffer(b.shape[1:], b.dtype, b.weight) for b in xs]
    stacked = [_buffer(v.aval) for v in eqn.outvars[carries:]]
    self.end('scan', names, inputs, carry + slices + stacked)
    outputs = self.body(
      params['jaxpr'],
      inputs[:consts] + carry + slices,
      names,
      times * params['length'],
    )
    held = outputs + inputs[:consts] + xs + stacked
    self.end('scan', names, held, [])
    return outputs[:carries] + stacked

  def loop(self, eqn: Any, inputs: list, names: Names, times: int) -> list:
    """Walks a while loop, its condition and its body once."""
    params = eqn.params
    tests, consts = params['cond_nconsts'], params['body_nconsts']
    carry = [_buffer(b) for b in inputs[tests + consts :]]
    self.end('while', names, inputs, carry)
    self.body(params['cond_jaxpr'], inputs[:tests] + carry, names, times)
    fixed = inputs[tests : tests + consts]
    outputs = self.body(params['body_jaxpr'], fixed + carry, names, times)
    held = outputs + inputs[: tests + consts]
    self.end('while', names, held, [])
    return outputs

  def cond(self, params: Any, inputs: list, names: Names, times: int) -> list:
    """Walks the branch that counts."""
    branches, platforms = params['branches'], params.get('branches_platforms')
    if platforms:
      default = platforms.index(None) if None in platforms else -1
      branches = (branches[default],)
    walked = []
    for branch in branches:
      walk = _Walk(self.path)
      outputs = walk.body(branch, inputs[1:], names, times)
      macs = sum(op.macs for op in walk.ops)
      moved = sum(b.nbytes for op in walk.ops for b in op.outputs)
      walked.append((macs, moved, walk.ops, outputs))
    _, _, ops, outputs = max(walked, key=lambda w: w[:2])
    self.ops += ops
    return outputs
