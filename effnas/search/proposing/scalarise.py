"""Several objectives as one number, for samplers that look at one only.

Samplers take it as the argument `scalarise`, one of

    {'weights': {'accuracy': 1, 'latency_ms@pixel2': 0.01}}
    {'targets': {'latency_ms@pixel2': 80}, 'exponent': -0.07}

The first is a weighted sum; a weight says what one unit of its objective is
worth, whichever way is better. The second is MnasNet's reward: the quality
times (cost / target) ** exponent for each target.
"""

from collections.abc import Mapping, Sequence
import math
from typing import Any

import numpy as np

from effnas import errors
from effnas.search import metrics
from effnas.search import problem as problem_lib
from effnas.search import trial as trial_lib
from effnas.search.frontier import pareto

_MNASNET = -0.07


def scores(
  problem: problem_lib.Problem,
  trials: Sequence[trial_lib.Trial],
  how: Mapping[str, Any] | None,
  sampler: str,
) -> np.ndarray:
  """Returns one number for each done trial, to be minimised.

  Args:
    problem: Names the objectives.
    trials: Trials that are done.
    how: As above, or None where there is one objective.
    sampler: Who asks, for the error.

  Returns:
    Shape (trials,).

  Raises:
    UserError: There are several objectives and nothing says how to make them
      one, or what says so does not fit.
  """
  names = list(problem.objectives)
  if how is None:
    if len(names) > 1:
      raise errors.UserError(
        f'sampler {sampler} takes one objective, got {", ".join(names)}; name '
        'one, take a sampler for several (nsga2, motpe, gp), or make them one '
        f"with {sampler}.scalarise, e.g. {{'weights': "
        f'{{{names[0]!r}: 1, {names[1]!r}: 0.01}}}}'
      )
    return problem.scores(trials)[:, 0]
  minimised = problem.scores(trials)
  if _check(how, names, sampler) == 'weights':
    return minimised @ np.array([how['weights'][name] for name in names], float)
  up = [metrics.parse(name).maximize for name in names]
  values = pareto.minimised(minimised, up)  # turned back
  [quality] = [i for i, name in enumerate(names) if name not in how['targets']]
  costs = [names.index(name) for name in how['targets']]
  return -reward(
    values[:, quality],
    values[:, costs],
    list(how['targets'].values()),
    how.get('exponent', _MNASNET),
  )


def reward(
  quality: np.ndarray,
  costs: np.ndarray,
  targets: Sequence[float],
  exponent: float = _MNASNET,
) -> np.ndarray:
  """Returns MnasNet's reward, to be maximised.

  With -0.07, twice the latency is worth 5 % more accuracy.

  Args:
    quality: Shape (points,).
    costs: Shape (points, costs), above 0.
    targets: What each cost should be, shape (costs,).
    exponent: How much a cost weighs, below 0.

  Returns:
    quality * product of (cost / target) ** exponent, shape (points,).

  Reference:
    Tan et al. 2019, "MnasNet: platform-aware neural architecture search for
    mobile", arXiv:1807.11626, equations 2 and 3 with alpha = beta.

  Example:
    >>> accuracy, latency = np.array([0.5, 0.525]), np.array([[80.0], [160.0]])
    >>> reward(accuracy, latency, [80.0]).round(4).tolist()
    [0.5, 0.5001]
  """
  over = np.asarray(costs, float) / np.asarray(targets, float)
  return np.asarray(quality, float) * np.prod(over**exponent, axis=1)


def _check(how: Any, names: Sequence[str], sampler: str) -> str:
  """Returns the kind of scalarisation."""
  kinds = {'weights': {'weights'}, 'targets': {'targets', 'exponent'}}
  [kind] = [k for k in kinds if isinstance(how, Mapping) and k in how] or ['']
  if not kind or not set(how) <= kinds[kind]:
    raise errors.UserError(
      f"{sampler}.scalarise is {{'weights': {{OBJECTIVE: NUMBER}}}} or "
      f"{{'targets': {{COST: NUMBER}}, 'exponent': {_MNASNET}}}, got {how!r}"
    )
  given = how[kind]
  if not isinstance(given, Mapping):
    given = {}
  for name in given:
    if name not in names:
      raise errors.unknown(f'objective in {sampler}.scalarise', name, names)
  wanted = len(names) - (kind == 'targets')
  numbers = all(_positive(value) for value in given.values())
  if len(given) != wanted or not numbers:
    every = 'every objective' if kind == 'weights' else 'all objectives but one'
    raise errors.UserError(
      f'{sampler}.scalarise: {kind} must give a number above 0 for {every} of '
      f'{", ".join(names)}; got {how[kind]!r}'
    )
  exponent = how.get('exponent', _MNASNET)
  if not _positive(-exponent if isinstance(exponent, int | float) else None):
    raise errors.UserError(
      f'{sampler}.scalarise: exponent must be a number below 0, '
      f'got {exponent!r}'
    )
  return kind


def _positive(value: Any) -> bool:
  number = isinstance(value, int | float) and not isinstance(value, bool)
  return number and 0 < value < math.inf
