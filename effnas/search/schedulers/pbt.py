"""Population based training: the worst take over the weights of the best."""

from collections.abc import Callable, Collection, Mapping, Sequence
import fnmatch
from typing import Any

import numpy as np

from effnas import errors
from effnas.search import problem as problem_lib
from effnas.search import proposal as proposal_lib
from effnas.search import trial as trial_lib
from effnas.search.scheduling import rungs

_FACTORS = (0.8, 1.2)


def decide(
  space: Any,
  problem: problem_lib.Problem,
  trials: Sequence[trial_lib.Trial],
  rng: np.random.Generator,
  propose: Callable[..., dict[str, Any]],
  *,
  max_epochs: int,
  interval: int = 1,
  size: int = 8,
  worst: float = 0.25,
  resample: float = 0.25,
  perturb: Sequence[str] = ('optim.*',),
  enough: int = 20,
  scalarise: Mapping[str, Any] | None = None,
) -> proposal_lib.Proposal | None:
  """Trains a population by turns; trial i is member i modulo `size`.

  At its turn a member goes on with its own training, unless it is one of the
  worst: then it goes on with that of one of the best (its network and weights),
  under hyper-parameters that are slightly changed. It is compared with those of
  the last turn whose results may be seen. After all epochs another population
  begins.

  Args:
    space: Its decisions say how a hyper-parameter may change.
    problem: One objective.
    trials: The trials to look at.
    rng: The source of chance.
    propose: The sampler, for the first turn.
    max_epochs: Of a member's training.
    interval: Epochs of a turn.
    size: Members of the population.
    worst: Which part is replaced, by members of an equally large best part.
    resample: How likely a hyper-parameter is drawn anew, instead of being
      multiplied by 0.8 or 1.2.
    perturb: Patterns of the hyper-parameters, of which numbers change; others
      stay the parent's.
    enough: How many results the sampler needs.
    scalarise: How several objectives become one; see
      `effnas.search.proposing.scalarise`.

  Raises:
    UserError: No hyper-parameter matches.

  Reference:
    Jaderberg et al. 2017, "Population based training of neural networks",
    arXiv:1711.09846; truncation selection, section 4.1.1.
  """
  free = [
    key
    for key, choice in space.decisions.items()
    if any(fnmatch.fnmatch(key, pattern) for pattern in perturb)
    and _numeric(choice)
  ]
  if not free:
    raise errors.UserError(
      f'scheduler pbt perturbs numbers under {", ".join(perturb)}, but the '
      f'space decides on {", ".join(list(space.decisions)[:8])}; give the one '
      'or set scheduler_args.perturb'
    )
  rungs.best(problem, [], scalarise, 'pbt')  # several objectives are told
  turns = -(-max_epochs // interval)
  turn, member = divmod(len(trials) % (size * turns), size)
  epochs = min((turn + 1) * interval, max_epochs)

  def begin() -> proposal_lib.Proposal:
    return proposal_lib.Proposal(
      propose(rungs.comparable(trials, enough)), epochs
    )

  if turn == 0:
    return begin()
  start = len(trials) - member - size
  last = rungs.ordered(trials)[start : start + size]
  own = last[member]
  if not own.finished:
    return None
  best = rungs.best(problem, last, scalarise, 'pbt')
  if not best:
    return begin() if all(t.finished for t in last) else None
  cut = min(max(1, round(worst * size)), len(best) // 2)
  if own.status == 'done' and own not in best[len(best) - cut :]:
    return proposal_lib.Proposal(own.arch, epochs, own.id)
  parent = best[rng.integers(max(cut, 1))]
  arch = _explored(space, parent.arch, free, resample, rng)
  return proposal_lib.Proposal(arch, epochs, parent.id)


def _explored(
  space: Any,
  arch: Mapping[str, Any],
  free: Collection[str],
  resample: float,
  rng: np.random.Generator,
) -> dict[str, Any]:
  """Returns an architecture with other hyper-parameters."""

  def decide(key, choice):
    if key not in arch:
      return choice.sample(rng)
    if key not in free:
      return arch[key]
    if rng.random() < resample:
      return choice.sample(rng)
    return _moved(choice, arch[key], rng)

  return space.walk(decide)


def _moved(choice: Any, value: float, rng: np.random.Generator) -> Any:
  """Returns a value a little smaller or larger, or the next one in order."""
  factor = rng.choice(_FACTORS)
  if choice.continuous:
    return choice.decode(np.array(choice.encode(value * factor)))
  values = sorted(choice.values())
  place = values.index(value)
  steps = max(1, round(abs(factor - 1) * len(values)))
  there = place + (steps if factor > 1 else -steps)
  return values[min(max(there, 0), len(values) - 1)]


def _numeric(choice: Any) -> bool:
  """Says whether there are numbers to choose from: others have no order."""
  if choice.single:
    return False
  values = [] if choice.continuous else choice.values()
  return all(type(value) in (int, float) for value in values)
