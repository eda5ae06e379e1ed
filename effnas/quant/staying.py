"""Layers that a quantization rule names and cannot quantize."""

from collections.abc import Sequence
import fnmatch
from typing import Any

from flax import linen
import numpy as np

from effnas.nn import rewrite
from effnas.quant import rules

TABLE = 'Embed.attend'
_PRODUCTS = (
  linen.Conv,
  linen.ConvLocal,
  linen.ConvTranspose,
  linen.Dense,
  linen.DenseGeneral,
  linen.Einsum,
)


def left(
  net: rewrite.Rewritten, input_shape: Sequence[int], dtype: Any = np.float32
) -> dict[str, str]:
  """Names the layers that stay in float although a rule names them.

  Those are layers that multiply by a kernel of their own, of another type than
  `Quantize` is for; and tables that are multiplied by (`linen.Embed.attend`).
  Products outside of layers have no name: `effnas.footprint.unreached` counts
  those of both.

  Args:
    net: A model under rules.
    input_shape: Of one example, without the batch.
    dtype: Of the inputs.

  Returns:
    Path -> type, in the order of the calls; without those that their first
    pattern leaves in float.

  Example:
    >>> model = linen.Sequential([
    ...   linen.Conv(2, (3, 3)), linen.ConvTranspose(2, (3, 3))])
    >>> left(rewrite.Rewritten(model, rules.rules(8)), (8, 8, 3))
    {'layers_1': 'ConvTranspose'}
  """
  ours = [rule for rule in net.rules if isinstance(rule, rules.Quantize)]
  found: dict[str, str] = {}

  def record(next_call, args, kwargs, context):
    module, method = context.module, context.method_name
    table = isinstance(module, linen.Embed) and method == 'attend'
    if table or (isinstance(module, _PRODUCTS) and method == '__call__'):
      path = '/'.join(rewrite.path_of(module))
      if _is_left(ours, module, path):
        found[path] = TABLE if table else type(module).__name__
    return next_call(*args, **kwargs)

  if ours:
    with linen.intercept_methods(record):
      rewrite.abstract_variables(net.model, input_shape, dtype)
  return found


def _is_left(ours, module, path):
  if any(rule.matches(module, path) for rule in ours):
    return False
  named = (r for r in ours if fnmatch.fnmatchcase(path, r.pattern))
  first = next(named, None)
  return first is not None and first.weights != rules.FLOAT
