"""Which architectures are worth proposing: new ones within the constraints."""

from collections.abc import Iterable, Mapping
import logging
from typing import Any

from effnas.search import plain
from effnas.search import problem as problem_lib
from effnas.search import trial as trial_lib

_log = logging.getLogger(__name__)


def done(trials: Iterable[trial_lib.Trial]) -> list[trial_lib.Trial]:
  """Returns the trials that have objectives, in their order."""
  return [trial for trial in trials if trial.status == 'done']


def tried(trials: Iterable[trial_lib.Trial]) -> set[str]:
  """Returns the keys of all trials: done, failed, or still running."""
  return {plain.key(trial.arch) for trial in trials}


def first_new(
  problem: problem_lib.Problem,
  archs: Iterable[dict[str, Any]],
  known: set[str],
  most: int = 100,
) -> dict[str, Any] | None:
  """Returns the first architecture that is new and keeps to the constraints.

  A sampler that takes the best of many candidates would be asked again and
  again where the best ones break a constraint, and would fit its model anew
  each time; so it looks down its list by itself.

  Args:
    problem: Constraints and footprint.
    archs: Architectures, the preferred one first.
    known: Keys of those not to propose; see `tried`.
    most: How many footprints to count before giving up.

  Returns:
    One of them, or None.
  """
  for arch in archs:
    if plain.key(arch) in known:
      continue
    if allowed(problem, arch):
      return arch
    most -= 1
    if not most:
      break
  return None


def allowed(problem: problem_lib.Problem, arch: Mapping[str, Any]) -> bool:
  """Says whether an architecture keeps to the constraints, as far as is known.

  One whose footprint cannot be counted is let through: what becomes of it is
  not for a sampler to say.

  Args:
    problem: Constraints and footprint.
    arch: The architecture.
  """
  if not problem.constraints:
    return True
  found = footprint(problem, arch)
  return found is None or not problem.broken(found)


def footprint(
  problem: problem_lib.Problem, arch: Mapping[str, Any]
) -> Mapping[str, Any] | None:
  """Returns what an architecture costs, None where it cannot be counted.

  Args:
    problem: Its footprint runs networks of any space, which fail in any way.
      The log says why; if such an architecture is proposed, so does
      `effnas.search.draw`, which raises the error if all others fail as well.
    arch: The architecture.
  """
  try:
    return problem.footprint(arch)
  except Exception as e:  # of a network of any space: it may be any
    _log.info('no footprint of %s: %s: %s', arch, type(e).__name__, e)
    return None
