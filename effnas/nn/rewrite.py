"""The one way to change a network's arithmetic: rules on module paths.

Quantization, low-rank factors, adapters and removal are rules. A rule names
the layers it is for by a pattern on their paths and computes in their place.
`Rewritten` holds a model and its rules as *fields*, so that two policies are
two different static modules to `jax.jit`; an ambient interception context
around an unwrapped model would be invisible to it and a cached result of the
other policy could come back.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
import contextlib
import dataclasses
import fnmatch
import functools
import inspect
from typing import Any, ClassVar

from flax import linen, traverse_util
import jax
import numpy as np

from effnas import errors
from effnas.nn import convolve, paths
from effnas.nn.convolve import pointwise


@dataclasses.dataclass(frozen=True)
class Rule:
  """What to do with the layers whose path matches a pattern.

  Subclasses say which layer types they are for, and how to compute in their
  place. Rules hash, as they are fields of a module.

  Attributes:
    pattern: A shell pattern on the path of a module below the model, joined
      by slashes, e.g. '*', 'stage_*/block_0/*' or 'head'.
  """

  pattern: str = '*'
  layers: ClassVar[tuple[type, ...]] = ()

  def matches(self, module: linen.Module, path: str) -> bool:
    """Says whether the rule is for this module."""
    return isinstance(module, self.layers) and fnmatch.fnmatchcase(
      path, self.pattern
    )

  @property
  def declares(self) -> bool:
    """Whether it creates variables: it then holds at initialisation too."""
    return False

  @property
  def serves(self) -> bool:
    """Whether it takes kernels that are codes, with scales beside them."""
    return False

  def compute(
    self, module: linen.Module, call: Callable[[], jax.Array]
  ) -> jax.Array:
    """Computes the layer's output; `call()` is the layer's own arithmetic."""
    raise TypeError(f'{type(self).__name__} does not say what it computes')


@contextlib.contextmanager
def lend(module: linen.Module, **fields: Any) -> Iterator[None]:
  """Gives a bound layer other values of its fields for the time of a call.

  Args:
    module: A bound module, as rules receive it.
    **fields: Fields and what they shall hold meanwhile, for instance
      `dot_general=...` of a `linen.Dense`.

  Yields:
    Nothing.
  """
  before = {name: getattr(module, name) for name in fields}
  for name, value in fields.items():
    object.__setattr__(module, name, value)
  try:
    yield
  finally:
    for name, value in before.items():
      object.__setattr__(module, name, value)


class Rewritten(linen.Module):
  """A model under rules; its variables are the model's and what rules declare.

  For each module the first matching rule of each rule type holds; rules of
  different types nest, the first outermost. Plain `linen.Conv` and
  `linen.Dense` layers also gain the arithmetic of `effnas.nn.convolve`, which
  changes no value.

  Attributes:
    model: Any Linen module, `model(x)` or `model(x, train=...)`.
    rules: The rules, first match first.

  Example:
    >>> import jax.numpy as jnp
    >>> net = Rewritten(linen.Dense(3))
    >>> variables = net.init(jax.random.key(0), jnp.ones((1, 2)))
    >>> variables['params']['kernel'].shape
    (2, 3)
  """

  model: linen.Module
  rules: tuple[Rule, ...] = ()

  def setup(self):
    """Lets the model's variables stand where they stand without the wrapper."""
    linen.share_scope(self, self.model)

  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Calls the model under the rules.

    Args:
      x: Inputs, batch first.
      train: Passed on to models that take it.

    Returns:
      What the model returns.

    Raises:
      UserError: The kernels are codes, and no rule takes them.
    """
    rules = self.rules
    if self.is_initializing():  # It throws changed arithmetic away.
      rules = tuple(rule for rule in rules if rule.declares)
    elif not path_of(self) and not any(rule.serves for rule in rules):
      _refuse_codes(self.variables.get('params', {}))
    intercept = functools.partial(_intercept, rules, len(path_of(self)))
    return call(self.model, intercept, x, train)


def _refuse_codes(params: Mapping[str, Any]) -> None:
  """Raises where kernels are codes: as numbers they give any logits."""
  for path, leaf in traverse_util.flatten_dict(params, sep='/').items():
    if path.endswith('kernel') and np.dtype(leaf.dtype).itemsize == 1:
      raise errors.UserError(
        f'the kernel {path} is {leaf.dtype}, of a converted network, and this '
        'network computes in float: load it by '
        '`effnas.search.networks.rebuilt`, or take `effnas.quant.serving(net)`'
      )


def call(
  model: linen.Module, intercept: Callable, x: jax.Array, train: bool
) -> jax.Array:
  """Calls a model, the calls of its modules intercepted.

  Args:
    model: A bound module.
    intercept: As `linen.intercept_methods` takes it.
    x: Inputs.
    train: Passed on to models that take it.
  """
  with linen.intercept_methods(intercept):
    if takes_train(type(model)):
      return model(x, train=train)
    return model(x)


def takes_train(model: type[linen.Module]) -> bool:
  """Says whether a model's call has an argument named `train`.

  Example:
    >>> takes_train(Rewritten), takes_train(linen.Dense)
    (True, False)
  """
  return 'train' in inspect.signature(model.__call__).parameters


def path_of(module: linen.Module) -> tuple[str, ...]:
  """Returns where the variables of a bound module stand.

  `module.path` names the place where a module was bound first: for modules in
  fields of a model that shares the scope of a wrapper, one below the wrapper's
  field.

  Args:
    module: A bound module.

  Returns:
    The names from the outermost module's on.

  Example:
    >>> path_of(linen.Dense(2).bind({}))
    ()
  """
  names: list[str] = []
  scope: Any = module.scope
  while scope.parent is not None:
    names.append(scope.name)
    scope = scope.parent
  return (*scope.path, *reversed(names))


def _intercept(rules, depth, next_call, args, kwargs, context):
  module = context.module
  if context.method_name != '__call__' or isinstance(module, Rewritten):
    return next_call(*args, **kwargs)
  path = '/'.join(path_of(module)[depth:])
  call = functools.partial(_own_arithmetic, module, next_call, args, kwargs)
  for rule in reversed(_first_of_each_type(rules, module, path)):
    call = functools.partial(rule.compute, module, call)
  return call()


def _own_arithmetic(module, next_call, args, kwargs):
  lent: dict[str, Any] = {}
  if isinstance(module, linen.Conv) and module.conv_general_dilated is None:
    lent['conv_general_dilated'] = convolve.conv_general_dilated
  if isinstance(module, linen.Dense) and module.dot_general is None:
    lent['dot_general'] = pointwise.dot_general
  with lend(module, **lent):
    return next_call(*args, **kwargs)


def _first_of_each_type(rules, module, path) -> list[Rule]:
  found: dict[type, Rule] = {}
  for rule in rules:
    if type(rule) not in found and rule.matches(module, path):
      found[type(rule)] = rule
  return list(found.values())


@dataclasses.dataclass(frozen=True)
class Coverage:
  """Which rule holds for which module, and which rules hold for none.

  Attributes:
    rules_by_path: Path of a layer -> the rules that compute in its place.
    layers: Path of such a layer -> the layer, unbound.
    unused: Rules that matched no module, or only modules that an earlier rule
      of their type had taken.
  """

  rules_by_path: dict[str, tuple[Rule, ...]]
  layers: dict[str, linen.Module]
  unused: tuple[Rule, ...]


def coverage(
  model: linen.Module,
  rules: Sequence[Rule],
  input_shape: Sequence[int],
  dtype: Any = np.float32,
) -> Coverage:
  """Traces a model once, without allocation, to see what the rules reach.

  Args:
    model: A Linen module, not wrapped.
    rules: Rules as `Rewritten` takes them.
    input_shape: Of one example, without the batch.
    dtype: Of the inputs.

  Returns:
    A `Coverage`.

  Example:
    >>> @dataclasses.dataclass(frozen=True)
    ... class Nothing(Rule):
    ...   layers = (linen.Dense,)
    ...   def compute(self, module, call):
    ...     return call()
    >>> model = linen.Sequential([linen.Dense(3), linen.Dense(2)])
    >>> seen = coverage(model, [Nothing('layers_1'), Nothing('head')], (4,))
    >>> list(seen.rules_by_path), seen.unused
    (['layers_1'], (Nothing(pattern='head'),))
  """
  found: dict[str, tuple[Rule, ...]] = {}
  layers: dict[str, linen.Module] = {}

  def record(next_call, args, kwargs, context):
    if context.method_name == '__call__':
      path = '/'.join(path_of(context.module))
      matching = _first_of_each_type(rules, context.module, path)
      if matching:
        found[path] = tuple(matching)
        layers[path] = context.module.clone(parent=None)
    return next_call(*args, **kwargs)

  with linen.intercept_methods(record):
    abstract_variables(model, input_shape, dtype)
  used = {rule for matching in found.values() for rule in matching}
  return Coverage(
    found, layers, tuple(rule for rule in rules if rule not in used)
  )


def abstract_variables(
  model: linen.Module, input_shape: Sequence[int], dtype: Any = np.float32
) -> dict[str, Any]:
  """Returns the shapes of a model's variables; nothing is allocated.

  Args:
    model: A Linen module.
    input_shape: Of one example, without the batch.
    dtype: Of the inputs.

  Returns:
    The variables, each leaf a `jax.ShapeDtypeStruct`.

  Raises:
    UserError: A name in them holds a slash.

  Example:
    >>> abstract_variables(linen.Dense(3), (2,))['params']['kernel'].shape
    (2, 3)
  """
  x = jax.ShapeDtypeStruct((1, *input_shape), dtype)
  variables = jax.eval_shape(lambda x: model.init(jax.random.key(0), x), x)
  paths.check(variables)
  return variables
