"""Sensitivity analysis: what the bits of one layer alone cost in quality.

Each layer is quantized by itself after training, the others stay in float,
and the network is judged on the validation split. Bits are values
(`effnas.quant.traced`), so that all these networks are one compiled program.

Reference:
  Nagel et al., 2021, A White Paper on Neural Network Quantization,
  https://arxiv.org/abs/2106.08295 (section 3.6: finding the layer at fault);
  Dong et al., 2020, HAWQ-V2, https://arxiv.org/abs/1911.03852 (sensitivities
  that add up, there from the Hessian's trace)
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
from typing import Any

from effnas import quant
from effnas.nn import rewrite
from effnas.quant import traced
from effnas.recipe import context
from effnas.strategy import layers, quality


@dataclasses.dataclass(frozen=True)
class Row:
  """One layer at one width, all others in float.

  Attributes:
    path: Of the layer.
    bits: Of its weights.
    accuracy: Of the network, from 0 to 1.
    loss: Mean cross-entropy of the network in nats.
    increase: The loss, less that of the float network; chance can make it
      negative.
  """

  path: str
  bits: int
  accuracy: float
  loss: float
  increase: float


@dataclasses.dataclass(frozen=True)
class Sensitivity:
  """The sensitivities of a network.

  Attributes:
    accuracy: Of the float network, from 0 to 1.
    loss: Its mean cross-entropy in nats.
    examples: How many it was judged on.
    activations: Bits of the quantized layer's input; 32 for float.
    weights: Path of each layer -> how many weights its kernel has, in the
      order of the program.
    rows: By layer in that order, then by width as they were asked for.
  """

  accuracy: float
  loss: float
  examples: int
  activations: int
  weights: Mapping[str, int]
  rows: tuple[Row, ...]

  @property
  def bits(self) -> tuple[int, ...]:
    """The widths, in the order in which they were asked for."""
    return tuple(dict.fromkeys(row.bits for row in self.rows))

  def increases(self, bits: int) -> dict[str, float]:
    """Returns the increase of the loss by layer, at a width.

    Args:
      bits: One of `bits`; 32 costs nothing.
    """
    if bits == quant.FLOAT:
      return dict.fromkeys(self.weights, 0.0)
    return {row.path: row.increase for row in self.rows if row.bits == bits}


def sensitivity(
  net: rewrite.Rewritten,
  variables: Mapping[str, Any],
  dataset: Any,
  bits: Sequence[int] = (8, 4, 3, 2),
  *,
  activations: int = 8,
  limit: int | None = None,
  batch_size: int = 256,
  report: Callable[[int, int, Row], None] | None = None,
) -> Sensitivity:
  """Quantizes one layer at a time and measures what the network loses.

  Args:
    net: A float network; rules of quantization, if it has any, are left out.
    variables: Its trained variables.
    dataset: As `effnas.train.fit` takes it; its validation split judges.
    bits: The widths to try for weights, 1 to 8.
    activations: Bits of the quantized layer's input, 1 to 8; 32 for float.
    limit: Judge by at most so many examples.
    batch_size: Inputs at a time.
    report: Called with how many of how many networks are judged, and the last.

  Returns:
    The sensitivities. Equal arguments give equal numbers.

  Raises:
    UserError: A width that is not supported, no layer to quantize, or an
      integer network.

  Example:
    >>> import jax
    >>> from flax import linen
    >>> from effnas import data
    >>> digits = data.load('digits', limit=64)
    >>> flat = lambda x: x.reshape(len(x), 64)
    >>> net = rewrite.Rewritten(linen.Sequential((flat, linen.Dense(10))))
    >>> variables = net.init(jax.random.key(0), digits.prepare(digits.train.x))
    >>> found = sensitivity(net, variables, digits, bits=(8, 2))
    >>> [(row.path, row.bits) for row in found.rows], found.weights
    ([('layers_1', 8), ('layers_1', 2)], {'layers_1': 640})
  """
  widths = layers.widths(bits)
  takes = (tuple(dataset.input_shape), context.input_dtype(dataset))
  weights = layers.of(net, variables, takes)
  together = rewrite.Rewritten(
    net.model, (traced.Traced(), *layers.others(net))
  )
  judged = quality.examples(dataset, limit)

  def judge(path: str = '', width: int = quant.FLOAT) -> quality.Quality:
    assigned = dict.fromkeys(weights, (quant.FLOAT, quant.FLOAT))
    if width != quant.FLOAT:
      assigned[path] = (width, activations)
    given = {**variables, **traced.collection(assigned)}
    return quality.of(together, given, judged, dataset, batch_size)

  float_ = judge()
  rows: list[Row] = []
  for path in weights:
    for width in widths:
      found = judge(path, width)
      increase = found.loss - float_.loss
      rows.append(Row(path, width, found.accuracy, found.loss, increase))
      if report is not None:
        report(len(rows), len(weights) * len(widths), rows[-1])
  return Sensitivity(
    float_.accuracy,
    float_.loss,
    len(judged[0]),
    activations,
    weights,
    tuple(rows),
  )
