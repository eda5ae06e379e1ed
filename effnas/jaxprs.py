"""Programs that JAX has traced, in a view that is the same for its versions.

How a jaxpr holds its constants, and what a loop, a call or a choice of branches
names its parts, changes from one version of JAX to the next. Whoever reads a
program asks here. Tried with JAX 0.10.2, 0.11 and 0.12.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import jax
from jax.extend import core
import numpy as np

_CALLS = frozenset({
  'checkpoint', 'closed_call', 'core_call', 'custom_jvp_call',
  'custom_vjp_call', 'custom_vjp_call_jaxpr', 'jit', 'pjit', 'remat', 'remat2',
})  # fmt: skip
_BODIES = ('jaxpr', 'call_jaxpr', 'fun_jaxpr')


class Program(NamedTuple):
  """What a program is made of.

  Attributes:
    inputs: Its variables, without the constants.
    constants: (variable, value) of what was fixed while it was traced; the
      value is None where the program does not hold it.
    equations: In their order.
    outputs: Variables and literals.
  """

  inputs: list[Any]
  constants: list[tuple[Any, Any]]
  equations: list[Any]
  outputs: list[Any]


class Scan(NamedTuple):
  """A loop over the first axis of arrays.

  Attributes:
    body: Its program, of the constants, the carry and a slice of each array.
    length: How often it runs.
    consts: How many of its operands are the same in each run.
    carries: How many, those after them, go from one run to the next.
  """

  body: Any
  length: int
  consts: int
  carries: int


class While(NamedTuple):
  """A loop that runs as long as a test holds.

  Attributes:
    test: The program of the test, of its constants and the carry.
    body: That of the body, of its constants and the carry.
    tests: How many of the operands are the constants of the test.
    consts: How many, those after them, are the constants of the body.
  """

  test: Any
  body: Any
  tests: int
  consts: int


def read(jaxpr: Any) -> Program:
  """Returns the parts of a program.

  Args:
    jaxpr: What `jax.make_jaxpr` returns, or a program within a program.

  Example:
    >>> import jax.numpy as jnp
    >>> program = read(jax.make_jaxpr(lambda x: jnp.sin(x) + 1)(0.0))
    >>> [name(eqn) for eqn in program.equations], len(program.inputs)
    (['sin', 'add'], 1)
  """
  inner = getattr(jaxpr, 'jaxpr', jaxpr)
  values = getattr(jaxpr, 'consts', None) or [None] * len(inner.constvars)
  constants = list(zip(inner.constvars, values, strict=True))
  return Program(inner.invars, constants, inner.eqns, inner.outvars)


def name(eqn: Any) -> str:
  """Returns the name of an equation's primitive."""
  return eqn.primitive.name


def scopes(eqn: Any) -> tuple[str, ...]:
  """Returns the names of the scopes around an equation."""
  stack = eqn.source_info.name_stack.stack
  return tuple(s.name for s in stack if type(s).__name__ == 'Scope')


def is_literal(var: Any) -> bool:
  """Says whether an operand is a number that stands in the equation itself."""
  return isinstance(var, core.Literal)


def shape(var: Any) -> tuple[int, ...]:
  """Returns the shape of a variable; what is no array has that of a scalar."""
  return tuple(getattr(var.aval, 'shape', ()))


def whole(value: Any) -> int | None:
  """Returns a constant as a whole number, or None where it is none.

  Example:
    >>> whole(np.int32(3)), whole(3.0), whole(0.5), whole(np.ones(2))
    (3, 3, None, None)
  """
  if isinstance(value, jax.core.Tracer) or np.shape(value):
    return None
  try:
    number = np.asarray(value).item()
    return int(number) if number == int(number) else None
  except (TypeError, ValueError, OverflowError):  # a key, infinity
    return None


def called(eqn: Any) -> Any:
  """Returns the program that an equation runs once, or None.

  Calls are those of `jax.jit`, `jax.checkpoint` and custom derivatives.
  """
  if name(eqn) not in _CALLS:
    return None
  return next(eqn.params[key] for key in _BODIES if key in eqn.params)


def scan(eqn: Any) -> Scan | None:
  """Returns the parts of a `lax.scan`, or None for another equation."""
  if name(eqn) != 'scan':
    return None
  params = eqn.params
  if 'num_consts' in params:  # up to JAX 0.10
    consts, carries = params['num_consts'], params['num_carry']
  else:
    consts, carries = (len(part) for part in params['ft_in'].unpack()[:2])
  return Scan(params['jaxpr'], params['length'], consts, carries)


def while_loop(eqn: Any) -> While | None:
  """Returns the parts of a `lax.while_loop`, or None for another equation."""
  if name(eqn) != 'while':
    return None
  keys = ('cond_jaxpr', 'body_jaxpr', 'cond_nconsts', 'body_nconsts')
  return While(*(eqn.params[key] for key in keys))


def branches(eqn: Any) -> tuple[Any, ...]:
  """Returns the programs of which an equation runs one; most have none.

  The first operand of a `lax.cond` or `lax.switch` says which. Of a
  `lax.platform_dependent` it is only the one for any platform: what XLA gets on
  an accelerator, not a rewriting for one platform.
  """
  if name(eqn) != 'cond':
    return ()
  every, platforms = eqn.params['branches'], by_platform(eqn)
  if not platforms:
    return tuple(every)
  return (every[platforms.index(None) if None in platforms else -1],)


def by_platform(eqn: Any) -> tuple[Any, ...]:
  """Returns the platforms that branches are for, None for any other."""
  return tuple(eqn.params.get('branches_platforms') or ())


def run(eqn: Any, values: Sequence[Any]) -> list[Any]:
  """Computes an equation.

  Args:
    eqn: The equation.
    values: Of its operands.

  Returns:
    Its results.
  """
  params = eqn.primitive.get_bind_params(eqn.params)
  found = eqn.primitive.bind(*values, **params)
  return list(found) if eqn.primitive.multiple_results else [found]


def function(
  jaxpr: Any, equations: Iterable[Any], inputs: list[Any], outputs: list[Any]
) -> Callable[..., list[Any]]:
  """Makes a function of some equations of a program.

  Args:
    jaxpr: The program.
    equations: Some of its equations, in their order.
    inputs: All variables that they read and do not make.
    outputs: Variables that they make.

  Returns:
    A function of the inputs that returns the outputs.
  """
  inner = getattr(jaxpr, 'jaxpr', jaxpr)
  part = core.Jaxpr(
    constvars=(),
    invars=inputs,
    outvars=outputs,
    eqns=list(equations),
    effects=inner.effects,
    debug_info=inner.debug_info.with_unknown_names(),
  )
  return core.jaxpr_as_fun(core.ClosedJaxpr(part, ()))


def primitive(title: str, rule: Callable[..., Any]) -> Callable[..., Any]:
  """Makes an operation that can be traced but not computed.

  Args:
    title: Its name in programs.
    rule: From the shaped value of its operand and its keyword arguments to
      that of its result.

  Returns:
    A function of an array and keyword arguments.
  """
  made = core.Primitive(title)
  made.def_abstract_eval(rule)
  return made.bind
