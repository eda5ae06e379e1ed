"""Post-training quantization: fold, calibrate, convert."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from effnas import quant
from effnas.nn import rewrite
from effnas.quant import folding


def post_training(
  net: rewrite.Rewritten,
  variables: Mapping[str, Any],
  batches: Iterable[jax.Array] = (),
  input_shape: Sequence[int] = (),
  method: str = 'min_max',
  dtype: Any = np.float32,
  **settings: Any,
) -> tuple[rewrite.Rewritten, dict[str, Any]]:
  """Quantizes a network that was trained in float.

  Batch normalisations go into the convolutions in front of them, static ranges
  (or learned steps, as they start) are found, kernels become integers.

  Args:
    net: The model under `effnas.quant.rules`.
    variables: Its variables as trained.
    batches: Inputs to calibrate with; dynamic ranges need none.
    input_shape: Of one example, without the batch.
    method: As in `effnas.quant.calibrate`.
    dtype: Of the inputs.
    **settings: As in `effnas.quant.calibrate`.

  Returns:
    The network to serve, and its variables.

  Raises:
    UserError: As `effnas.quant.calibrate`, `effnas.quant.convert` and
      `effnas.quant.folding.fold`.

  Example:
    >>> from flax import linen
    >>> x = jax.numpy.ones((1, 3))
    >>> net = rewrite.Rewritten(linen.Dense(2), quant.rules(4))
    >>> float_ = net.init(jax.random.key(0), x)
    >>> serving, integer = post_training(net, float_, input_shape=(3,))
    >>> integer['params']['kernel'].dtype
    dtype(int4)
  """
  folded = folding.fold(net, variables, input_shape, dtype)
  ready = quant.calibrate(
    folded.net, folded.variables, batches, method, **settings
  )
  return quant.convert(folded.net, ready, input_shape, dtype)
