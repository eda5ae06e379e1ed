"""Bits for each layer, under a budget of size or latency.

1. The loss that each layer's bits add alone is measured (`sensitivity`).
2. These losses are taken to add up, as in HAWQ-V2, and so are sizes and
   latencies: the best assignments solve a multiple-choice knapsack, exactly.
3. The best of them are judged as whole networks in the one compiled program of
   `effnas.quant.traced`, where losses need not add up.
4. The best few of those are converted and evaluated as they would be deployed,
   beside networks of one width throughout.

Reference:
  Dong et al., 2020, HAWQ-V2: Hessian Aware trace-Weighted Quantization of
  Neural Networks, https://arxiv.org/abs/1911.03852 (additive sensitivities;
  theirs are of the Hessian, ours are measured losses);
  Nagel et al., 2021, A White Paper on Neural Network Quantization,
  https://arxiv.org/abs/2106.08295
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import functools
from typing import Any

import numpy as np

from effnas import errors, strategy
from effnas.nn import rewrite
from effnas.quant import traced
from effnas.recipe import context
from effnas.search import metrics as metrics_lib
from effnas.strategy import assigning, bit_costs, quality
from effnas.strategy import layers as layers_lib

# What a budget may be of, and how it is written.
_BUDGETS = {'size_bytes': 'size_bytes', 'latency_ms': 'latency_ms@TARGET'}
_TRIES = 16  # Assignments that are judged as whole networks.


@dataclasses.dataclass(frozen=True)
class Assignment:
  """Bits for each layer, and what the converted network is like.

  Attributes:
    bits: Path of each layer -> bits of its weights.
    estimate: The loss that its layers add alone, summed, in nats.
    accuracy: Of the converted network, from 0 to 1.
    loss: Its mean cross-entropy in nats.
    costs: 'size_bytes' of its weights file, and latencies.
    sources: By metric, where the cost comes from.
    fits: Whether it is within the budget.
  """

  bits: Mapping[str, int]
  estimate: float
  accuracy: float
  loss: float
  costs: Mapping[str, float]
  sources: Mapping[str, str]
  fits: bool


@dataclasses.dataclass(frozen=True)
class Mixed:
  """What a search for mixed precision found.

  Attributes:
    metric: What the budget is of, e.g. 'size_bytes'.
    budget: The bound on it.
    activations: Bits of the inputs of all layers.
    sensitivity: What the search went by.
    assignments: Converted and evaluated, the least loss first.
    uniform: The same for one width throughout, by width.
  """

  metric: str
  budget: float
  activations: int
  sensitivity: 'strategy.Sensitivity'
  assignments: tuple[Assignment, ...]
  uniform: Mapping[int, Assignment]

  @property
  def best(self) -> Assignment:
    """The assignment of least loss."""
    return self.assignments[0]

  def rules(self, assignment: Assignment | None = None) -> dict[str, Any]:
    """Returns arguments of `quant.rules`, ready for a config's section.

    Args:
      assignment: Which one; the best by default.
    """
    bits = (assignment or self.best).bits
    return assigning.rules(bits, self.activations)


def mixed_precision(
  net: rewrite.Rewritten,
  variables: Mapping[str, Any],
  dataset: Any,
  metric: str,
  budget: float,
  *,
  bits: Sequence[int] = (8, 4, 3, 2),
  activations: int = 8,
  known: 'strategy.Sensitivity | None' = None,
  evaluate: int = 3,
  targets: Sequence[str] = (),
  batch: int | None = None,
  limit: int | None = None,
  batch_size: int = 256,
  report: Callable[[str, int, int], None] | None = None,
) -> Mixed:
  """Chooses bits for each layer under a budget.

  Args:
    net: A float network; rules of quantization, if it has any, are left out.
    variables: Its trained variables.
    dataset: As `effnas.train.fit` takes it; its validation split judges.
    metric: What the budget is of: 'size_bytes', the weights file, header
      included; or 'latency_ms@TARGET'.
    budget: The most that the network may take of it.
    bits: The widths to choose among, 1 to 8.
    activations: Bits of the layers' inputs, 1 to 8; 32 for float.
    known: What `sensitivity` gave for the same network and settings, where it
      is there already.
    evaluate: How many assignments to convert and evaluate.
    targets: Devices to give a latency for, beside the budget's.
    batch: Examples at a time where the target names none, for latencies.
    limit: Judge by at most so many examples.
    batch_size: Inputs at a time in evaluations.
    report: Called with what is counted, and how many of how many are done.

  Returns:
    The assignments that were evaluated, the best first.

  Raises:
    UserError: Another metric, a width that is not supported, or a budget below
      what the smallest network takes, which the line says.
  """
  widths = layers_lib.widths(bits)
  target = _target(metric)
  if evaluate < 1:
    raise errors.UserError(f'evaluate one assignment or more; got {evaluate}')
  takes = (tuple(dataset.input_shape), context.input_dtype(dataset))
  layers = layers_lib.of(net, variables, takes)
  costs = bit_costs.BitCosts(
    net.model,
    layers,
    widths,
    input_shape=takes[0],
    input_dtype=takes[1],
    activations=activations,
    targets=target,
    batch=batch,
  )

  @functools.cache
  def taken(assigned: tuple[int, ...]) -> float:
    return costs(dict(zip(layers, assigned, strict=True)))[metric]

  def cost(assigned: assigning.Bits) -> float:
    return taken(tuple(assigned[path] for path in layers))

  cheapest = assigning.cheapest(cost, list(layers), widths)
  if cost(cheapest) > budget:
    unit = 'bytes' if metric == 'size_bytes' else 'ms'
    raise errors.UserError(
      f'no network is within {metric}={budget:g}: the smallest one that '
      f'{assigning.said(widths)} bits allow takes {_exact(cost(cheapest))} '
      f'{unit}'
    )
  shared: dict[str, Any] = {'limit': limit, 'batch_size': batch_size}
  if known is None:
    known = strategy.sensitivity(
      net,
      variables,
      dataset,
      widths,
      activations=activations,
      report=lambda done, total, _: _tell(report, 'sensitivity', done, total),
      **shared,
    )
  added = assigning.losses(known, list(layers), widths)
  found = assigning.best(cost, budget, added, widths, _TRIES) or [cheapest]
  best = _ranked(
    net, variables, dataset, found, activations, report=report, **shared
  )[:evaluate]
  uniform = [dict.fromkeys(layers, width) for width in widths]
  evaluated = []
  for done, one in enumerate([*best, *uniform], 1):
    served = strategy.post_training(
      net,
      variables,
      dataset,
      **assigning.rules(one, activations),
      targets=tuple(dict.fromkeys([*targets, *target])),
      batch=batch,
      **shared,
    )
    evaluated.append(
      Assignment(
        one,
        sum(added[path][widths.index(width)] for path, width in one.items()),
        served.accuracy,
        served.loss,
        served.costs,
        served.sources,
        served.costs[metric] <= budget,
      )
    )
    _tell(report, 'evaluation', done, len(best) + len(uniform))
  return Mixed(
    metric,
    budget,
    activations,
    known,
    tuple(sorted(evaluated[: len(best)], key=lambda one: one.loss)),
    dict(zip(widths, evaluated[len(best) :], strict=True)),
  )


def _ranked(
  net: rewrite.Rewritten,
  variables: Mapping[str, Any],
  dataset: Any,
  assignments: Sequence[dict[str, int]],
  activations: int,
  *,
  limit: int | None,
  batch_size: int,
  report: Callable[[str, int, int], None] | None,
) -> list[dict[str, int]]:
  """Sorts assignments by the loss of the whole network, in one program."""
  judged = quality.examples(dataset, limit)
  together = rewrite.Rewritten(
    net.model, (traced.Traced(), *layers_lib.others(net))
  )
  losses = []
  for done, one in enumerate(assignments, 1):
    pairs = {path: (width, activations) for path, width in one.items()}
    given = {**variables, **traced.collection(pairs)}
    found = quality.of(together, given, judged, dataset, batch_size)
    losses.append(found.loss)
    _tell(report, 'assignment', done, len(assignments))
  return [assignments[i] for i in np.argsort(losses, kind='stable')]


def _target(metric: str) -> tuple[str, ...]:
  """The target that a budget is on, if it is on one."""
  if metric.partition('@')[0] not in _BUDGETS:
    raise errors.unknown('budget', metric, _BUDGETS.values())
  target = metrics_lib.parse(metric).target
  return (target,) if target else ()


def _tell(report, what, done, total):
  if report is not None:
    report(what, done, total)


def _exact(value: float) -> str:
  return f'{value:,}' if isinstance(value, int) else f'{value:.4g}'
