"""Rungs: trials that trained for equally many epochs, and who climbs on.

What the multi-fidelity schedulers share. A rung is known by its epochs; whoever
climbs to the next one is a new trial, the child of the old.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from effnas import errors
from effnas.search import problem as problem_lib
from effnas.search import trial as trial_lib
from effnas.search.proposing import scalarise as scalarise_lib

Trials = Sequence[trial_lib.Trial]


def levels(max_epochs: int, min_epochs: int, eta: int) -> list[int]:
  """Returns the epochs of each rung, each eta times the one before.

  Counted down from the last one, so that this has all epochs.

  Args:
    max_epochs: Of the last rung.
    min_epochs: The first rung has at least so many.
    eta: How much longer each rung is.

  Raises:
    UserError: They do not fit together.

  Example:
    >>> levels(81, 1, 3), levels(100, 4, 3)
    ([1, 3, 9, 27, 81], [11, 33, 100])
  """
  if eta < 2:
    raise errors.UserError(f'eta must be 2 or more, got {eta}')
  if min_epochs > max_epochs:
    raise errors.UserError(
      f'min_epochs {min_epochs} is more than max_epochs {max_epochs}'
    )
  count = 1
  while min_epochs * eta**count <= max_epochs:
    count += 1
  return [max_epochs // eta**k for k in reversed(range(count))]


def ordered(trials: Trials) -> list[trial_lib.Trial]:
  """Returns trials in order of id, whichever finished first."""
  return sorted(trials, key=lambda trial: trial.id)


def climbed(trials: Trials) -> dict[int, trial_lib.Trial]:
  """Returns the child of each trial that has one, by the parent's id."""
  return {t.parent: t for t in trials if t.parent is not None}


def best(
  problem: problem_lib.Problem,
  trials: Trials,
  scalarise: Mapping[str, Any] | None,
  scheduler: str,
) -> list[trial_lib.Trial]:
  """Returns the done ones of some trials, the best first.

  Args:
    problem: One objective.
    trials: Trials of one rung.
    scalarise: How several objectives become one; see
      `effnas.search.proposing.scalarise`.
    scheduler: Who asks, for the error.

  Raises:
    UserError: There are several objectives.
  """
  names = list(problem.objectives)
  if len(names) > 1 and scalarise is None:
    raise errors.UserError(
      f'scheduler {scheduler} takes one objective, got {", ".join(names)}; '
      'name one, take pareto_asha, or make them one with scheduler_args.'
      f"scalarise, e.g. {{'weights': {{{names[0]!r}: 1, {names[1]!r}: 0.01}}}}"
    )
  done = [trial for trial in ordered(trials) if trial.status == 'done']
  scores = scalarise_lib.scores(problem, done, scalarise, scheduler)
  return [done[i] for i in scores.argsort(kind='stable')]


def comparable(trials: Trials, enough: int) -> list[trial_lib.Trial]:
  """Returns what a sampler may compare: each architecture once.

  Each has its result in the highest rung with enough results or, where it has
  not come so far, its latest one. Without these a model would know survivors
  only, and ask again for what the first rung is there to sort out.

  Args:
    trials: All trials that may be looked at.
    enough: How many results a rung needs; where none has so many, it is the
      rung with the most, the higher one of two.

  Returns:
    As many trials as there are without a parent, in their order.

  Reference:
    Falkner, Klein and Hutter 2018, "BOHB: robust and efficient hyperparameter
    optimization at scale", arXiv:1807.01774, section 3.2, for the rung.
  """
  counts: dict[int, int] = {}
  for trial in trials:
    if trial.status == 'done' and trial.epochs is not None:
      counts[trial.epochs] = counts.get(trial.epochs, 0) + 1
  rung = max(counts, key=lambda e: (min(counts[e], enough), e), default=None)
  children = climbed(trials)
  found = []
  for trial in trials:
    if trial.parent is None:
      one = trial
      while one.epochs != rung and one.id in children:
        if children[one.id].status != 'done':
          break
        one = children[one.id]
      found.append(one)
  return found
