"""The network in training, as objectives call it."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from effnas.learn import objective as objective_lib
from effnas.learn import taps as taps_lib

# Where the modules of an objective's own lie among the parameters.
HEADS = '~heads'


class Forward:
  """Applies a network with the parameters of one step.

  Attributes:
    changed: The collections that the last call changed (batch statistics ...).
  """

  def __init__(
    self,
    net: Any,
    params: Mapping[str, Any],
    model_state: Mapping[str, Any],
    key: jax.Array,
    dtype: Any = jnp.float32,
    heads: Mapping[str, Any] | None = None,
  ):
    """Binds a network.

    Args:
      net: A Linen module whose `__call__` takes `train`.
      params: Its parameters, and those of heads under `HEADS`.
      model_state: Its other collections.
      key: Of dropout.
      dtype: Type of the arithmetic.
      heads: Modules of the objective's own, by name.
    """
    self.changed: Mapping[str, Any] = {}
    self._net = net
    self._params = {k: v for k, v in params.items() if k != HEADS}
    self._own = params.get(HEADS, {})
    self._model_state = model_state
    self._key = key
    self._dtype = dtype
    self._heads = heads or {}
    self._calls = 0

  def __call__(
    self, inputs: jax.Array, taps: Sequence[str] = ()
  ) -> objective_lib.Output:
    """Returns logits, and outputs of modules; see `effnas.learn.objective`."""
    mutable = list(self._model_state)
    further: dict[str, Any] = {}
    if taps:
      mutable.append('intermediates')
      further['capture_intermediates'] = taps_lib.wanted(taps)
    logits, changed = self._net.apply(
      {'params': self._params, **self._model_state},
      cast(inputs, self._dtype),
      train=True,
      mutable=mutable,
      rngs={'dropout': self._next_key()},
      **further,
    )
    changed = dict(changed)
    features = taps_lib.by_path(changed.pop('intermediates', {}))
    # A second call in one step goes on from the statistics of the first.
    self._model_state = {**self._model_state, **changed}
    self.changed = {**self.changed, **changed}
    return objective_lib.Output(
      logits.astype(jnp.float32),
      {path: x.astype(jnp.float32) for path, x in features.items()},
    )

  def head(self, name: str, x: jax.Array) -> jax.Array:
    """Returns what a module of the objective's own makes of an array."""
    params = cast(self._own[name], self._dtype)
    found = self._heads[name].apply({'params': params}, cast(x, self._dtype))
    return found.astype(jnp.float32)

  def _next_key(self) -> jax.Array:
    self._calls += 1
    if self._calls == 1:
      return self._key
    return jax.random.fold_in(self._key, self._calls)


def cast(tree: Any, dtype: Any) -> Any:
  """Returns the tree with its floating arrays in another type."""

  def one(x):
    return x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x

  return jax.tree.map(one, tree)
