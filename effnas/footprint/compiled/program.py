"""From a Linen network to the StableHLO text that a compiler takes.

The one file that lowers without a device. `jax.export` would do it by public
means, but it asks for the default device and so starts a backend (jax 0.10.2),
which in the driver of a search takes the device from the trials.
"""

from collections.abc import Mapping, Sequence
import inspect
from typing import Any

from flax import linen
import jax
from jax import numpy as jnp
from jax.interpreters import mlir

from effnas.nn import rewrite


def lower(
  net: linen.Module,
  input_shape: Sequence[int],
  platform: str,
  *,
  batch: int = 1,
  input_dtype: Any = 'float32',
  float_format: str | None = None,
  variables: Mapping[str, Any] | None = None,
) -> str:
  """Lowers a network's inference for a platform, without a device.

  Args:
    net: A Linen module; `net(x)` is inference.
    input_shape: Shape of one example, without the batch.
    platform: 'tpu', 'cuda' or 'cpu'.
    batch: Examples at a time.
    input_dtype: dtype of the input.
    float_format: The dtype that variables and inputs of a float type take, or
      None for their own.
    variables: Variables or their shapes, by default those of initialisation.

  Returns:
    StableHLO. Equal networks give equal texts: it holds no names of files.

  Example:
    >>> text = lower(linen.Dense(3), (2,), 'tpu', batch=5)
    >>> 'tensor<5x3xf32>' in text
    True
  """
  shape = tuple(input_shape)
  if variables is None:
    variables = rewrite.abstract_variables(net, shape, input_dtype)
  x = jax.ShapeDtypeStruct((batch, *shape), input_dtype)

  def declare(leaf):
    kind = leaf.dtype
    if float_format and jnp.issubdtype(kind, jnp.floating):
      kind = jnp.dtype(float_format)
    return jax.ShapeDtypeStruct(leaf.shape, kind)

  takes = jax.tree.map(declare, (variables, x))
  jaxpr = jax.make_jaxpr(net.apply)(*takes)
  lowered = mlir.lower_jaxpr_to_module(
    'network',
    jaxpr,
    num_const_args=0,
    in_avals=jaxpr.in_avals,
    ordered_effects=[],
    platforms=(platform,),
    backend=None,
    axis_context=mlir.ShardingContext(1),
    **_results(jaxpr),
    donated_args=[False] * len(jaxpr.in_avals),
    lowering_parameters=mlir.LoweringParameters(hoist_constants_as_args=False),
  )
  return str(lowered.module.operation.get_asm(enable_debug_info=False))


def _results(jaxpr: Any) -> dict[str, Any]:
  """Says what the results are, which JAX takes from 0.11 on."""
  takes = inspect.signature(mlir.lower_jaxpr_to_module).parameters
  return {'out_avals': jaxpr.out_avals} if 'out_avals' in takes else {}
