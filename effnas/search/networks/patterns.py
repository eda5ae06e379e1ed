"""Quantization patterns of a config that match no layer of its networks."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from effnas import quant
from effnas.nn import rewrite
from effnas.recipe import context
from effnas.search.networks import candidate as candidate_lib

_NETWORKS = 4  # a pattern may be about some of a space's networks only


def told(config: Mapping[str, Any]) -> list[str]:
  """Returns a line for each pattern that matches nothing; see `unmatched`."""
  return [
    f'the quantization rule {pattern!r} matches no layer of the networks of '
    f'{config["space"]}'
    for pattern in unmatched(config)
  ]


def unmatched(config: Mapping[str, Any]) -> list[str]:
  """Returns the patterns that match nothing in some drawn networks.

  Args:
    config: Of a search or a training; those of 'quant' and of the step
      'quantize' are looked at.

  Raises:
    UserError: A section does not fit.
  """
  found = candidate_lib.load_space(config)
  rng = np.random.default_rng(0)
  named: set[str] = set()
  matched: set[str] = set()
  for _ in range(_NETWORKS):
    candidate = candidate_lib.build(config, found.sample(rng))
    here = _named(candidate)
    named |= here
    if not here - matched:
      break
    dataset = candidate_lib.load_data(config)
    try:
      seen = rewrite.coverage(
        candidate.net.model,
        quant.rules(),
        tuple(dataset.input_shape),
        context.input_dtype(dataset),
      )
    except Exception:  # a network that cannot be, which its trial will tell
      return []
    for pattern in here - matched:
      rule = quant.rules(patterns={pattern: 8})[0]
      if any(rule.matches(layer, path) for path, layer in seen.layers.items()):
        matched.add(pattern)
  return sorted(named - matched)


def _named(candidate: candidate_lib.Candidate) -> set[str]:
  rules = {getattr(rule, 'pattern', '*') for rule in candidate.net.rules}
  steps = [getattr(step, 'patterns', ()) for step in candidate.recipe.steps]
  return (rules | {key for patterns in steps for key in dict(patterns)}) - {'*'}
