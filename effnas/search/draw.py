"""Drawing the next trial: a new architecture, or one to be gone on with."""

from collections.abc import Callable, Mapping, Sequence
import contextlib
import logging
from typing import Any

import numpy as np

from effnas import errors
from effnas.search import metrics, plain
from effnas.search import problem as problem_lib
from effnas.search import proposal as proposal_lib
from effnas.search import trial as trial_lib
from effnas.search.schedulers import none

_log = logging.getLogger(__name__)
_PROBES = 5  # before a footprint that failed is held to be broken
_SMALL = 2000  # spaces up to this size are walked when draws find nothing new


class Draws:
  """Asks scheduler and sampler until what they propose is new and feasible.

  What the problem says is to be tried first comes before the sampler's own.
  What goes on with another trial's training need not be new.

  Attributes:
    exhausted: Whether the space has no other architecture than those tried.
  """

  def __init__(
    self,
    problem: problem_lib.Problem,
    propose: Callable[..., dict[str, Any]],
    max_draws: int,
    trials: Sequence[trial_lib.Trial],
    decide: Callable[..., proposal_lib.Proposal | None] = none.decide,
  ):
    """Takes up after some trials.

    Args:
      problem: Space, constraints and footprint.
      propose: The sampler.
      max_draws: How often to ask it for one trial.
      trials: The trials so far.
      decide: The scheduler.
    """
    self._problem = problem
    self._decide = decide
    self._propose = propose
    self._max_draws = max_draws
    self._tried = {plain.key(trial.arch) for trial in trials}
    self._trusted = any(trial.footprint for trial in trials)
    self._infeasible: set[str] = set()
    self._up = {c: metrics.parse(c).maximize for c in problem.constraints}
    self._nearest: dict[str, float] = {}  # to the bounds

  @property
  def exhausted(self) -> bool:
    """Whether every architecture of the space has been tried."""
    return len(self._tried) >= self._problem.space.size

  def draw(
    self, visible: Sequence[trial_lib.Trial], rng: np.random.Generator
  ) -> tuple[proposal_lib.Proposal, Any] | None:
    """Draws the next trial.

    Args:
      visible: The trials that may be looked at; those still running come last.
      rng: The source of chance.

    Returns:
      It and its footprint, or in its place the error that counting it gave.
      None if the scheduler waits until more trials have finished.

    Raises:
      NothingNew: There is nothing new to try.
      UserError: Nothing that was drawn meets the constraints, and nothing has
        before.
      Exception: The footprint's own, where it fails for every architecture.
    """
    counted: list[Any] = [None, None]

    def propose(
      shown: Sequence[trial_lib.Trial] | None = None,
    ) -> dict[str, Any]:
      found = self._ask(visible if shown is None else shown, rng)
      if found is None:
        raise proposal_lib.NothingNew if self._tried else self._hopeless()
      counted[:] = found
      return found[0]

    space = self._problem.space
    for _ in range(self._max_draws):
      made = self._decide(space, self._problem, visible, rng, propose)
      if made is None:
        return None
      if made.arch is counted[0]:
        footprint = counted[1]
      else:
        footprint = self._inherited(made, visible)
      if footprint is not None:
        self._tried.add(plain.key(made.arch))
        return made, footprint
    _log.warning('no child of a trial met the constraints')
    raise proposal_lib.NothingNew

  def _inherited(
    self, made: proposal_lib.Proposal, visible: Sequence[trial_lib.Trial]
  ) -> Any:
    """Returns the footprint of what a scheduler made itself."""
    for trial in visible:
      if trial.id == made.parent and trial.arch is made.arch:
        return trial.footprint
    return self._feasible(made.arch)

  def _ask(
    self, visible: Sequence[trial_lib.Trial], rng: np.random.Generator
  ) -> tuple[dict[str, Any], Any] | None:
    for arch in self._problem.starts:
      if plain.key(arch) not in self._tried:
        footprint = self._feasible(arch)
        if footprint is not None:
          return dict(arch), footprint
    space, repeated = self._problem.space, None
    for _ in range(self._max_draws):
      arch = self._propose(space, self._problem, visible, rng)
      if plain.key(arch) in self._tried:
        repeated = arch
      elif (footprint := self._feasible(arch)) is not None:
        return arch, footprint
    if space.size <= _SMALL:
      return self._walk(rng)
    if repeated is not None:
      _log.warning('none of %d draws was new; one repeats', self._max_draws)
      return repeated, self._measure(repeated)
    if self._tried:  # else it is an error that says so
      _log.warning('none of %d draws met the constraints', self._max_draws)
    return None

  def _walk(
    self, rng: np.random.Generator
  ) -> tuple[dict[str, Any], Any] | None:
    """Looks at every architecture of a small space, in random order."""
    grid = list(self._problem.space.grid())
    for arch in (grid[i] for i in rng.permutation(len(grid))):
      if plain.key(arch) not in self._tried:
        footprint = self._feasible(arch)
        if footprint is not None:
          return arch, footprint
    return None

  def _feasible(self, arch: Mapping[str, Any]) -> Any:
    """Returns what `_measure` does, or None if a constraint is broken."""
    key = plain.key(arch)
    if key in self._infeasible:
      return None
    footprint = self._measure(arch)
    if isinstance(footprint, Exception):
      return footprint
    broken = self._problem.broken(footprint)
    for name, up in self._up.items():
      better = max if up else min
      nearest = self._nearest.get(name, footprint[name])
      self._nearest[name] = float(better(footprint[name], nearest))
    if not broken:
      return footprint
    self._infeasible.add(key)
    return None

  def _measure(self, arch: Mapping[str, Any]) -> Any:
    """Returns the footprint, or the error that concerns this one only."""
    try:
      footprint = self._problem.footprint(arch)
    except Exception as e:  # a failed trial, and the search goes on
      self._check_others(e)
      return e
    self._trusted = True
    return footprint

  def _check_others(self, error: Exception) -> None:
    """Raises the error if it is no architecture's fault: if others fail too."""
    rng = np.random.default_rng(0)
    for _ in range(_PROBES):
      if self._trusted:
        return
      with contextlib.suppress(Exception):
        self._problem.footprint(self._problem.space.sample(rng))
        self._trusted = True
    if not self._trusted:
      raise error

  def _hopeless(self) -> errors.UserError:
    bounds, nearest = self._problem.constraints, self._nearest
    alone = [n for n in bounds if not problem_lib.met(n, nearest[n], bounds[n])]
    said = ', '.join(
      f'{problem_lib.bounded(name, bounds[name])} '
      f'({"largest" if self._up[name] else "smallest"} seen: '
      f'{nearest[name]:g})'
      for name in alone or bounds
    )
    together = '' if alone else ' together'
    up = {self._up[name] for name in alone or bounds}
    mend = ' or '.join('lower' if u else 'raise' for u in sorted(up))
    return errors.UserError(
      f'no candidate meets {said}{together} in {self._max_draws} draws, '
      f'{len(self._infeasible)} of them different; {mend} the bound, let the '
      'space reach smaller networks, or raise search.max_draws'
    )
