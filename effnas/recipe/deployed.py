"""The network that is deployed: the integer one, and what it costs.

From shapes alone: nothing is trained or allocated, and no backend is started.
"""

from collections.abc import Mapping
import functools
from typing import Any

import jax
import numpy as np

from effnas import footprint, quant
from effnas.footprint.latency import roofline
from effnas.footprint.latency import target as target_lib
from effnas.nn import once, rewrite


def measure(
  net: rewrite.Rewritten,
  input_shape: tuple[int, ...],
  *,
  targets: tuple[str, ...] = (),
  batch: int | None = None,
  input_dtype: Any = np.float32,
  variables: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
  """Measures the integer network that a network under rules converts to.

  Args:
    net: A network under quantization rules, or none.
    input_shape: Of one example, without the batch.
    targets: Devices to give a latency for.
    batch: Examples at a time, for memory and latency; by default 1, and for a
      calibrated target that of its measurements.
    input_dtype: dtype of the prepared inputs.
    variables: Its converted variables, where there are some; for `size_bytes`.

  Returns:
    By metric, as `effnas.footprint.measure`; `size_bytes` is that of the
    converted weights file and latencies are at the rules' bits.
  """
  if variables is None:
    variables = converted(net, input_shape, input_dtype)
  return footprint.measure(
    rewrite.Rewritten(net.model),
    input_shape,
    batch=batch,
    targets=targets,
    variables=variables,
    bits=_bits(net, input_shape, input_dtype),
    input_dtype=input_dtype,
  )


def sources(
  net: rewrite.Rewritten,
  input_shape: tuple[int, ...],
  *,
  targets: tuple[str, ...] = (),
  batch: int | None = None,
  input_dtype: Any = np.float32,
) -> dict[str, str]:
  """Says where the numbers of `measure` come from.

  Args:
    net: As for `measure`, and so are the others.
    input_shape: Of one example, without the batch.
    targets: Devices that latencies are given for.
    batch: Examples at a time.
    input_dtype: dtype of the prepared inputs.

  Returns:
    By metric, as `effnas.footprint.sources`.
  """
  return footprint.sources(
    rewrite.Rewritten(net.model),
    input_shape,
    batch=batch,
    targets=targets,
    bits=_bits(net, input_shape, input_dtype),
    input_dtype=input_dtype,
  )


def compiled(
  net: rewrite.Rewritten,
  input_shape: tuple[int, ...],
  target: str,
  *,
  batch: int | None = None,
  input_dtype: Any = np.float32,
  variables: Mapping[str, Any] | None = None,
) -> footprint.Compiled:
  """Compiles the integer network for a target, which need not be here.

  Args:
    net: As for `measure`.
    input_shape: Of one example, without the batch.
    target: The target, NAME or NAME:BATCH.
    batch: Examples at a time where the target names none.
    input_dtype: dtype of the prepared inputs.
    variables: Its converted variables, where there are some.

  Returns:
    What the target's compiler says.
  """
  on = target_lib.load(target)
  if variables is None:
    variables = converted(net, input_shape, input_dtype)
  return footprint.compile_for(
    quant.serving(net),
    input_shape,
    on.device.name,
    on.at(batch),
    input_dtype=input_dtype,
    variables=variables,
  )


def converted(
  net: rewrite.Rewritten,
  input_shape: tuple[int, ...],
  input_dtype: Any = np.float32,
  variables: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
  """Returns the shapes of the variables that a network is served with.

  Args:
    net: A network under quantization rules, or none.
    input_shape: Of one example, without the batch.
    input_dtype: dtype of the prepared inputs.
    variables: Arrays as in training; by default as they would be drawn.
  """
  if variables is None:
    variables = rewrite.abstract_variables(net, input_shape, input_dtype)
  return jax.eval_shape(
    lambda v: quant.convert(net, v, input_shape, input_dtype)[1], variables
  )


def _bits(
  net: rewrite.Rewritten, input_shape: tuple[int, ...], input_dtype: Any
) -> roofline.Bits:
  """The bits of each layer that is quantized."""
  dtype = np.dtype(input_dtype).name
  bits = once.once(_widths, net, tuple(input_shape), dtype)
  return lambda path: bits.get(path, (None, None))


@functools.lru_cache(maxsize=64)
def _widths(
  net: rewrite.Rewritten, input_shape: tuple[int, ...], dtype: str
) -> dict[str, tuple[int | None, int | None]]:
  """Path of a quantized layer -> bits of its weights, of its activations."""

  def width(bits):
    return None if bits == quant.FLOAT else bits

  layers = quant.quantized(net, input_shape, dtype)
  return {
    path: (width(rule.weights), width(rule.activations))
    for path, (rule, _) in layers.items()
  }
