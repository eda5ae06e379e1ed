"""Assignments of bits to layers: what they add up to, and the best of them."""

from collections.abc import Callable, Mapping, Sequence
import glob
from typing import Any

from effnas import errors, strategy
from effnas.strategy import knapsack

Bits = Mapping[str, int]
# How often the knapsack is solved anew, its limit set right.
_ROUNDS = 4


def rules(bits: Bits, activations: int = 8) -> dict[str, Any]:
  """Returns arguments of `quant.rules` for bits per layer.

  Args:
    bits: Path of each layer -> bits of its weights.
    activations: Bits of the layers' inputs.

  Returns:
    'weights', the width of most layers; 'activations'; and 'patterns' for the
    layers that have another.

  Example:
    >>> rules({'stem/conv': 8, 'block/conv': 4, 'head': 4})
    {'weights': 4, 'activations': 8, 'patterns': {'stem/conv': 8}}
  """
  widths = list(bits.values())
  usual = max(dict.fromkeys(widths), key=widths.count)
  patterns = {glob.escape(p): width for p, width in bits.items()}
  return {
    'weights': usual,
    'activations': activations,
    'patterns': {p: w for p, w in patterns.items() if w != usual},
  }


def table(
  cost: Callable[[Bits], float], layers: Sequence[str], widths: Sequence[int]
) -> tuple[float, dict[str, list[float]]]:
  """Takes a network's cost apart.

  Args:
    cost: Of an assignment.
    layers: Their paths.
    widths: Bits that a layer may have.

  Returns:
    The cost with all layers at the narrowest width, and what each layer adds
    to it at each width.
  """
  base = dict.fromkeys(layers, min(widths))
  start = cost(base)
  return start, {
    path: [cost({**base, path: width}) - start for width in widths]
    for path in layers
  }


def losses(
  known: 'strategy.Sensitivity', layers: Sequence[str], widths: Sequence[int]
) -> dict[str, list[float]]:
  """Returns what each layer adds to the loss at each width.

  Losses are measured, with chance in them; so no fewer bits are taken to be
  better than more: a loss is at least that of any greater width, and 0.

  Args:
    known: The sensitivities.
    layers: Their paths.
    widths: Bits that a layer may have.

  Raises:
    UserError: The sensitivities are of other layers, or lack a width.
  """
  if set(layers) != set(known.weights) or not set(widths) <= set(known.bits):
    raise errors.UserError(
      'the sensitivities are of another network, or lack a width of '
      f'{said(widths)}; they have {said(known.bits)}'
    )
  least = dict.fromkeys(layers, 0.0)
  found: dict[str, dict[int, float]] = {path: {} for path in layers}
  for width in sorted(widths, reverse=True):
    for path, increase in known.increases(width).items():
      least[path] = max(least[path], increase)
      found[path][width] = least[path]
  return {path: [one[w] for w in widths] for path, one in found.items()}


def best(
  cost: Callable[[Bits], float],
  budget: float,
  added: Mapping[str, Sequence[float]],
  widths: Sequence[int],
  count: int,
) -> list[dict[str, int]]:
  """Finds the assignments of least summed loss that are within a budget.

  Costs are taken to add up, which a weights file does but for some bytes of
  its header. So each assignment's cost is taken as it is, and the knapsack's
  limit is corrected by the difference.

  Args:
    cost: Of an assignment.
    budget: The most that it may be.
    added: What `losses` gave.
    widths: The widths that it was given.
    count: How many assignments to find.

  Returns:
    Some assignments, the least sum first; none where the least cost is above
    the budget.
  """
  start, costs = table(cost, list(added), widths)
  offered = {path: cheaper(widths, one) for path, one in costs.items()}
  found: dict[tuple[int, ...], float] = {}
  limit = budget - start
  for _ in range(_ROUNDS):
    selections = knapsack.best(
      [[one[i] for i in offered[path]] for path, one in added.items()],
      [[costs[path][i] for i in offered[path]] for path in added],
      limit,
      count,
    )
    if not selections:
      break
    over = []
    for one in selections:
      choices = zip(offered.values(), one.choices, strict=True)
      bits = tuple(widths[indices[choice]] for indices, choice in choices)
      taken = cost(dict(zip(added, bits, strict=True)))
      over.append(taken - start - one.cost)
      if taken <= budget:
        found[bits] = one.loss
    corrected = budget - start - over[0]
    if corrected == limit:
      break
    limit = corrected
  ordered = sorted(found, key=lambda bits: found[bits])
  return [dict(zip(added, bits, strict=True)) for bits in ordered[:count]]


def cheapest(
  cost: Callable[[Bits], float], layers: Sequence[str], widths: Sequence[int]
) -> dict[str, int]:
  """Returns the assignment that costs least.

  Args:
    cost: Of an assignment.
    layers: Their paths.
    widths: Bits that a layer may have.
  """
  _, costs = table(cost, layers, widths)
  each = {p: min(zip(one, widths, strict=True))[1] for p, one in costs.items()}
  uniform = [dict.fromkeys(layers, width) for width in widths]
  return min([each, *uniform], key=cost)


def cheaper(widths: Sequence[int], costs: Sequence[float]) -> list[int]:
  """Returns the indices of the widths that cost less than all wider ones.

  Where 3 bits are stored as 4 they save nothing, and chance may favour them.

  Args:
    widths: Bits that a layer may have.
    costs: At each.

  Example:
    >>> cheaper((8, 4, 3, 2), (9, 5, 5, 3))
    [0, 1, 3]
  """
  found: list[int] = []
  for i in sorted(range(len(widths)), key=lambda i: -widths[i]):
    if not found or costs[i] < min(costs[j] for j in found):
      found.append(i)
  return found


def said(widths: Sequence[int]) -> str:
  """Writes widths for a reader."""
  return ', '.join(map(str, widths))
