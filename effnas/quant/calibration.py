"""What a quantized network needs to know of its inputs before it serves."""

from collections.abc import Callable, Iterable, Mapping
import dataclasses
import functools
import inspect
from typing import Any

from flax import linen, traverse_util
import jax
import jax.numpy as jnp

from effnas import errors
from effnas.nn import rewrite
from effnas.quant import (
  computing,
  convert,
  kernels,
  lsq,
  observers,
  operands,
  rules,
  schemes,
)

METHODS: dict[str, Callable[..., observers.Observer]] = {
  'min_max': observers.min_max,
  'moving_average': observers.moving_average,
  'percentile': observers.percentile,
  'mse': observers.mse,
  'entropy': observers.entropy,
}
_OBSERVED = 'observed'


@dataclasses.dataclass(frozen=True)
class Observe(rules.Quantize):
  """Shows a layer's inputs to an observer; the layer computes in float.

  Attributes:
    observer: Where there is something to observe.
  """

  observer: observers.Observer | None = None

  def compute(
    self, module: linen.Module, call: Callable[[], jax.Array]
  ) -> jax.Array:
    """Computes as without the rule."""
    observer = self.observer
    if observer is None:
      return call()

    def find(x, kernel, axes):
      del kernel, axes
      state: Any = module.get_variable(_OBSERVED, 'input')
      module.put_variable(_OBSERVED, 'input', observer.update(state, x))

    with rewrite.lend(module, **computing.lent(self, module, find)):
      return call()


def calibrate(
  net: rewrite.Rewritten,
  variables: Mapping[str, Any],
  batches: Iterable[jax.Array],
  method: str = 'min_max',
  **settings: Any,
) -> dict[str, Any]:
  """Finds the static ranges of a network, or where its learned steps start.

  Inputs are those that layers get in the network in float, in inference. The
  step of an input starts at 2 * mean(|x|) / sqrt(p), p its largest code, that
  of a kernel likewise; methods are for ranges.

  Args:
    net: A model under `effnas.quant.rules`.
    variables: Its variables in floating point; ranges and steps may be missing.
    batches: Inputs of the network, batch first; those of one shape share a
      program. As few as hold what the network will see.
    method: 'min_max', 'moving_average', 'percentile', 'mse' or 'entropy'.
    **settings: Arguments of that function of `effnas.quant.observers`, but
      for bits and zero point, which are the rules'.

  Returns:
    The variables, with all ranges or steps; training then leaves these ranges
    as they are. Where ranges are dynamic and nothing is learned, the variables
    as they were.

  Raises:
    UserError: There is no batch, an input is not finite, or the method or a
      setting is unknown or not for these bits.

  Example:
    >>> net = rewrite.Rewritten(linen.Dense(2), rules.rules(8, ranges='static'))
    >>> x = jnp.array([[-1., 2., 3.]])
    >>> found = calibrate(net, net.init(jax.random.key(0), x), [x, 2 * x])
    >>> {name: float(value) for name, value in found['ranges'].items()}
    {'low': -2.0, 'high': 6.0, 'momentum': 1.0}
  """
  observe = functools.partial(_observer, _method(method, settings))
  asked = tuple(
    Observe(
      rule.pattern, rule.weights, rule.activations, rule.scheme, observe(rule)
    )
    if isinstance(rule, rules.Quantize)
    else rule
    for rule in net.rules
  )
  if not any(rule.declares for rule in asked):
    return dict(variables)
  states, layers = _observed(
    rewrite.Rewritten(net.model, asked), variables, batches
  )
  flat = traverse_util.flatten_dict(dict(variables))
  ranges = _ranges(states, layers)
  for path, (rule, layer) in layers.items():
    key = tuple(path.split('/')) if path else ()
    if rule.scheme.learned:
      kernel = flat['params', *key, 'kernel']
      flat['params', *key, 'kernel_step'] = kernels.initial_step(
        rule, kernel, computing.outputs(layer), path
      )
      if path in ranges:
        bits, signed = rule.activations, operands.input_signed(rule)
        step = lsq.initial(ranges[path][1], bits, signed=signed)
        flat['params', *key, 'input_step'] = step
    elif path in ranges:
      low, high = ranges[path]
      values = {'low': low, 'high': high, 'momentum': jnp.float32(1)}
      for name, value in values.items():
        flat[schemes.RANGES, *key, name] = value
  return traverse_util.unflatten_dict(flat)


def _method(name, settings):
  if name not in METHODS:
    raise errors.unknown('calibration method', name, METHODS)
  takes = inspect.signature(METHODS[name]).parameters
  known = [key for key in takes if key not in ('bits', 'zero_point', 'axes')]
  for key in settings:
    if key not in known:
      raise errors.unknown(f'setting of {name}', key, known)

  @functools.cache  # Layers with one observer share the programs of its range.
  def make(bits, zero_point):
    own = {'bits': bits, 'zero_point': zero_point}
    own = {key: value for key, value in own.items() if key in takes}
    return METHODS[name](**own, **settings)

  return make


_magnitude = functools.cache(observers.magnitude)


def _observer(make, rule):
  if not rule.declares or rule.activations == rules.FLOAT:
    return None
  if rule.scheme.learned:
    return _magnitude()
  return make(rule.activations, rule.scheme.asymmetric('activations'))


def _observed(net, variables, batches):
  """The observers' states after all batches, by layer, and the layers."""

  @jax.jit
  def see(variables, states, x):
    _, found = net.apply({**variables, **states}, x, mutable=[_OBSERVED])
    return found

  states, layers = None, {}
  for batch in batches:
    if not len(batch):
      continue
    if states is None:
      layers = convert.quantized(net, batch.shape[1:], batch.dtype)
      layers = {p: found for p, found in layers.items() if found[0].declares}
      states = _start(layers, batch)
    states = see(variables, states, batch)
  if states is None:
    raise errors.UserError('calibration needs a batch with values; got none')
  flat = traverse_util.flatten_dict(
    states.get(_OBSERVED, {}), is_leaf=lambda _, x: isinstance(x, tuple)
  )
  found = {'/'.join(key[:-1]): state for key, state in flat.items()}
  states = {path: found[path] for path in layers if path in found}
  for path, state in states.items():  # In the order in which layers compute.
    if bad := int(state.bad):
      raise errors.UserError(
        f'inputs are finite in calibration; {bad} of those of {path!r} are not'
      )
  return states, layers


def _start(layers, batch):
  flat = {
    (*path.split('/'), 'input') if path else ('input',): rule.observer.init(
      batch.shape
    )
    for path, (rule, _) in layers.items()
    if rule.observer is not None
  }
  return {_OBSERVED: traverse_util.unflatten_dict(flat)} if flat else {}


def _ranges(states, layers):
  """Range of each layer, a program for each observer."""
  by_observer: dict[Any, list[str]] = {}
  for path in states:
    by_observer.setdefault(layers[path][0].observer, []).append(path)
  found: dict[str, tuple[jax.Array, jax.Array]] = {}
  for observer, paths in by_observer.items():
    stacked = jax.tree.map(
      lambda *leaves: jnp.stack(leaves), *(states[path] for path in paths)
    )
    lows, highs = jax.jit(
      lambda states, observer=observer: jax.lax.map(observer.range, states)
    )(stacked)
    found.update(zip(paths, zip(lows, highs, strict=True), strict=True))
  return found
