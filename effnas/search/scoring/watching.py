"""What happens inside a network: inputs of its ReLUs, its last map.

Activations are functions, no modules, so that they are found in the traced
program rather than by the calls of modules.
"""

from collections.abc import Callable, Mapping
import dataclasses
from typing import Any

from flax import linen
import jax

from effnas import jaxprs
from effnas.nn import batch_norm

_RELUS = ('relu', 'relu6')
_SOWN = 'watched'
_NORMS = (batch_norm.BatchNorm, linen.BatchNorm)


@dataclasses.dataclass
class Seen:
  """What a pass through a network showed.

  Attributes:
    relu_inputs: What goes into its ReLUs, in the order of computing.
    maps: Its arrays with as many axes as the inputs and more than one position;
      only the last is kept.
    variances: Of the channels that its batch normalisations are given.
  """

  relu_inputs: list[jax.Array] = dataclasses.field(default_factory=list)
  maps: list[jax.Array] = dataclasses.field(default_factory=list)
  variances: list[jax.Array] = dataclasses.field(default_factory=list)


def _sow_variance(
  call: Callable[..., Any],
  args: tuple[Any, ...],
  kwargs: dict[str, Any],
  context: linen.module.InterceptorContext,
) -> Any:
  """Keeps the variances of what normalisations are given, as a variable."""
  if context.method_name == '__call__' and isinstance(context.module, _NORMS):
    variance = args[0].var(range(args[0].ndim - 1))
    context.module.sow(_SOWN, 'variance', variance)
  return call(*args, **kwargs)


def watch(
  net: linen.Module, variables: Mapping[str, Any], inputs: jax.Array
) -> Seen:
  """Passes a batch through a network in training; to be called under `jit`.

  Args:
    net: A Linen module whose call takes `train`.
    variables: Its variables.
    inputs: A prepared batch [N, ...].

  Returns:
    What was seen.

  Example:
    >>> class Net(linen.Module):
    ...   @linen.compact
    ...   def __call__(self, x, train=False):
    ...     return jax.nn.relu(x - 1).sum()
    >>> watch(Net(), {}, jax.numpy.ones((2, 3))).relu_inputs[0].tolist()
    [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
  """

  def call(variables, inputs):
    state = [name for name in variables if name != 'params']
    with linen.intercept_methods(_sow_variance):
      _, found = net.apply(
        variables,
        inputs,
        train=True,
        mutable=[*state, _SOWN],
        rngs={'dropout': jax.random.key(0)},
      )
    return jax.tree.leaves(found.get(_SOWN, {}))

  seen = Seen()
  program = jax.make_jaxpr(call)(variables, inputs)

  def note(name: str, ins: list[Any], outs: list[Any]) -> None:
    if name in _RELUS:
      seen.relu_inputs.append(ins[0])
    for y in outs:
      if (
        y.ndim == inputs.ndim
        and len(y) == len(inputs)
        and y[0, ..., 0].size > 1
      ):
        seen.maps[:] = [y]

  leaves = jax.tree.leaves((variables, inputs))
  seen.variances = _run(program, leaves, note)
  return seen


def _run(
  jaxpr: Any,
  inputs: list[Any],
  note: Callable[[str, list[Any], list[Any]], None],
) -> list[Any]:
  """Computes a program, every operation noted, ReLUs as a whole."""
  program = jaxprs.read(jaxpr)
  known = dict(zip(program.inputs, inputs, strict=True))
  known |= program.constants

  def read(v):
    return v.val if jaxprs.is_literal(v) else known[v]

  for eqn in program.equations:
    ins = [read(v) for v in eqn.invars]
    name, inner = eqn.params.get('name', ''), jaxprs.called(eqn)
    if inner is None or name in _RELUS:
      outs = jaxprs.run(eqn, ins)
      note(name, ins, outs)
    else:
      outs = _run(inner, ins, note)
    known.update(zip(eqn.outvars, outs, strict=True))
  return [read(v) for v in program.outputs]
