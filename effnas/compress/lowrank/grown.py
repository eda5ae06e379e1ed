"""Models under rules that change which parameters their layers have.

The rules of `effnas.nn.rewrite.Rewritten` change arithmetic alone and do not
hold at initialisation. Those of `Grown` do: `init` gives the parameters that
the rules ask for, so that counts, shapes and optimisers see ordinary layers.
"""

from collections.abc import Callable, Sequence
import dataclasses
import functools
from typing import Any

from flax import linen
import jax
import numpy as np

from effnas import errors
from effnas.nn import rewrite


@dataclasses.dataclass(frozen=True)
class Growing(rewrite.Rule):
  """A rule that creates layers below a dense layer or a convolution.

  Attributes:
    pattern: On the path of the layer.
  """

  layers = (linen.Conv, linen.Dense)

  def matches(self, module, path):
    """Excludes convolutions in groups, and masked ones."""
    grouped = isinstance(module, linen.Conv) and (
      module.feature_group_count != 1 or module.mask is not None
    )
    return not grouped and super().matches(module, path)

  def grow(
    self,
    module: linen.Module,
    x: jax.Array,
    call: Callable[[jax.Array], jax.Array],
  ) -> jax.Array:
    """Computes the layer's output on x; `call(x)` is its own arithmetic."""
    raise TypeError(f'{type(self).__name__} does not say what it creates')


class Grown(linen.Module):
  """A model, the rules of which create layers below the layers they are for.

  Paths and other variables are those of the model. For each layer the first
  matching rule holds; what a rule creates is under no rule. A `Rewritten`
  around it sees the created layers like any others; its own rules must leave
  the layers alone in whose place they stand (`paths` names them), as with
  `quant.rules(8, patterns=dict.fromkeys(paths(...), quant.FLOAT))`.

  Attributes:
    inner: The model: any Linen module, `inner(x)` or `inner(x, train=...)`. The
      field has another name than that of `Rewritten`, as both share one scope.
    rules: The rules, first match first.

  Example:
    >>> from effnas.compress.lowrank import factored
    >>> net = Grown(linen.Dense(6), (factored.Factored(rank=2),))
    >>> variables = net.init(jax.random.key(0), jax.numpy.ones((1, 8)))
    >>> jax.tree.map(lambda x: x.shape, variables['params']['reduce'])
    {'kernel': (8, 2)}
  """

  inner: linen.Module
  rules: tuple[Growing, ...] = ()

  def setup(self):
    """Lets the model's variables stand where they stand without the wrapper."""
    linen.share_scope(self, self.inner)

  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Calls the model under the rules.

    Args:
      x: Inputs, batch first.
      train: Passed on to models that take it.

    Returns:
      What the model returns.
    """
    intercept = functools.partial(
      _intercept, self.rules, len(rewrite.path_of(self))
    )
    return rewrite.call(self.inner, intercept, x, train)


def found(
  model: linen.Module,
  rules: Sequence[Growing],
  input_shape: Sequence[int],
  dtype: Any = np.float32,
) -> dict[str, tuple[Any, linen.Module]]:
  """Finds the layers that rules are for.

  Args:
    model: A Linen module, not wrapped.
    rules: As `Grown` takes them.
    input_shape: Of one example, without the batch.
    dtype: Of the inputs.

  Returns:
    Path -> (rule, unbound layer), in the order of the first call.

  Raises:
    UserError: A rule is for no layer.

  Example:
    >>> from effnas.compress.lowrank import factored
    >>> list(found(linen.Sequential([linen.Dense(4)]), [
    ...   factored.Factored('*', 2)], (8,)))
    ['layers_0']
  """
  seen = rewrite.coverage(model, rules, input_shape, dtype)
  for rule in seen.unused:
    raise errors.UserError(
      f'{type(rule).__name__} {rule.pattern!r} is for no layer that an earlier '
      'rule leaves; it takes dense layers and convolutions in one group'
    )
  return {
    path: (matching[0], seen.layers[path])
    for path, matching in seen.rules_by_path.items()
  }


def paths(
  model: linen.Module,
  rules: Sequence[Growing],
  input_shape: Sequence[int],
  dtype: Any = np.float32,
) -> tuple[str, ...]:
  """Returns the paths of the layers that rules are for; see `found`."""
  return tuple(found(model, rules, input_shape, dtype))


def _intercept(rules, depth, next_call, args, kwargs, context):
  module = context.module
  # Layers have no layers of their own but those that a rule created.
  created = isinstance(module.parent, (linen.Conv, linen.Dense))
  if context.method_name == '__call__' and not created:
    path = '/'.join(rewrite.path_of(module)[depth:])
    for rule in rules:
      if rule.matches(module, path):
        x = args[0] if args else kwargs['inputs']
        return rule.grow(module, x, next_call)
  return next_call(*args, **kwargs)
