"""A trained float network, quantized afterwards: what would be deployed."""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any

from effnas import quant
from effnas.nn import rewrite
from effnas.recipe import context, deployed
from effnas.strategy import layers, quality


@dataclasses.dataclass(frozen=True)
class Served:
  """A network as it would be deployed.

  Attributes:
    net: The network to serve.
    variables: Its variables: integer kernels and their scales.
    accuracy: Of this converted network on the validation split, from 0 to 1.
    loss: Its mean cross-entropy in nats.
    costs: By metric: 'size_bytes' of the weights file, 'latency_ms@T'.
    sources: By metric, where the cost comes from.
  """

  net: rewrite.Rewritten
  variables: Mapping[str, Any]
  accuracy: float
  loss: float
  costs: Mapping[str, float]
  sources: Mapping[str, str]


def post_training(
  net: rewrite.Rewritten,
  variables: Mapping[str, Any],
  dataset: Any,
  weights: int = 8,
  activations: int = 8,
  patterns: Mapping[str, int] | None = None,
  *,
  limit: int | None = None,
  targets: Sequence[str] = (),
  batch: int | None = None,
  batch_size: int = 256,
) -> Served:
  """Converts a float network without training and evaluates the result.

  Args:
    net: A float network; rules of quantization, if it has any, are left out.
    variables: Its trained variables.
    dataset: As `effnas.train.fit` takes it; its validation split judges.
    weights: As for `quant.rules`; 32 evaluates the float network.
    activations: Likewise.
    patterns: Likewise.
    limit: Judge by at most so many examples.
    targets: Devices to give a latency for.
    batch: Examples at a time, for latencies.
    batch_size: Inputs at a time in the evaluation.

  Returns:
    The converted network, its quality and what it costs.
  """
  takes = (tuple(dataset.input_shape), context.input_dtype(dataset))
  rules = quant.rules(weights, activations, patterns)
  ruled = rewrite.Rewritten(net.model, (*rules, *layers.others(net)))
  served, converted = quant.convert(ruled, variables, *takes)
  judged = quality.examples(dataset, limit)
  found = quality.of(served, converted, judged, dataset, batch_size)
  about: dict[str, Any] = {
    'targets': tuple(targets),
    'batch': batch,
    'input_dtype': takes[1],
  }
  told = deployed.measure(ruled, takes[0], variables=converted, **about)
  sources = deployed.sources(ruled, takes[0], **about)
  names = ['size_bytes', *(n for n in told if n.startswith('latency_ms@'))]
  return Served(
    served,
    converted,
    found.accuracy,
    found.loss,
    {name: told[name] for name in names},
    {name: sources[name] for name in names},
  )
