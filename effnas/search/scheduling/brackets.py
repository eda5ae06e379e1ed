"""Brackets: successive halving from a fixed number of architectures on.

A bracket is a list of rungs, each (trials, epochs): so many architectures train
for so many epochs, the best of them go on to the next rung, and so on.
"""

from collections.abc import Callable, Mapping, Sequence
import itertools
from typing import Any

from effnas.search import problem as problem_lib
from effnas.search import proposal as proposal_lib
from effnas.search import trial as trial_lib
from effnas.search.scheduling import rungs

Bracket = Sequence[tuple[int, int]]


def bracket(count: int, levels: Sequence[int], eta: int) -> Bracket:
  """Returns a bracket.

  Args:
    count: How many architectures begin.
    levels: The epochs of its rungs.
    eta: One of so many goes on, rounded down, but at least one.

  Example:
    >>> bracket(34, [3, 9, 27, 81], 3)
    [(34, 3), (11, 9), (3, 27), (1, 81)]
  """
  return [(max(1, count // eta**i), epochs) for i, epochs in enumerate(levels)]


def hyperband(max_epochs: int, min_epochs: int, eta: int) -> list[Bracket]:
  """Returns Hyperband's brackets, the one with the shortest trainings first.

  Args:
    max_epochs: Of each bracket's last rung.
    min_epochs: No rung has fewer.
    eta: One of so many goes on.

  Reference:
    Li et al. 2018, "Hyperband: a novel bandit-based approach to hyperparameter
    optimization", arXiv:1603.06560, algorithm 1. With s + 1 rungs of s_max + 1,
    ceil((s_max + 1) / (s + 1) * eta**s) begin.

  Example:
    >>> for one in hyperband(9, 1, 3):
    ...   print(one)
    [(9, 1), (3, 3), (1, 9)]
    [(5, 3), (1, 9)]
    [(3, 9)]
  """
  levels = rungs.levels(max_epochs, min_epochs, eta)
  most = len(levels)
  return [
    # The ceiling in whole numbers, exact whatever the division leaves.
    bracket(-(-most * eta ** (size - 1) // size), levels[-size:], eta)
    for size in range(most, 0, -1)
  ]


def decide(
  problem: problem_lib.Problem,
  trials: Sequence[trial_lib.Trial],
  propose: Callable[[], dict[str, Any]],
  plan: Sequence[Bracket],
  *,
  scalarise: Mapping[str, Any] | None,
  scheduler: str,
) -> proposal_lib.Proposal | None:
  """Decides on the next trial of a number of brackets, again and again.

  While a rung waits for results, the next bracket begins; the first one begins
  anew when no bracket has anybody left to go on with. Where there are no new
  architectures left, a bracket goes on with those that it has.

  Args:
    problem: One objective.
    trials: The trials, those still running among them.
    propose: Draws a new architecture.
    plan: The brackets; no two begin with equally many epochs.
    scalarise: As for `rungs.best`.
    scheduler: As for `rungs.best`.

  Returns:
    The next trial; None while all brackets wait for results.

  Raises:
    NothingNew: There is nothing left to begin and nothing to go on with.
  """
  state = _State(problem, trials, scalarise, scheduler)
  made = state.next(plan, begin=True)
  if not isinstance(made, int):
    return made
  try:
    return proposal_lib.Proposal(propose(), made)
  except proposal_lib.NothingNew:
    made = state.next(plan, begin=False)
    if isinstance(made, int):
      raise
    return made


class _State:
  """Where the brackets stand."""

  def __init__(
    self,
    problem: problem_lib.Problem,
    trials: Sequence[trial_lib.Trial],
    scalarise: Mapping[str, Any] | None,
    scheduler: str,
  ):
    ordered = rungs.ordered(trials)
    self._best = lambda rung: rungs.best(problem, rung, scalarise, scheduler)
    self._best([])  # several objectives are told at once
    self._children = rungs.climbed(ordered)
    self._roots: dict[Any, list[trial_lib.Trial]] = {}
    for trial in ordered:
      if trial.parent is None:
        self._roots.setdefault(trial.epochs, []).append(trial)

  def next(
    self, plan: Sequence[Bracket], begin: bool
  ) -> proposal_lib.Proposal | int | None:
    """Returns what comes next.

    Args:
      plan: The brackets.
      begin: Whether new architectures can be had.

    Returns:
      The trial that goes on, the epochs of one that begins, or None to wait.
    """
    for turn in itertools.count():
      waiting = False
      for one in plan:
        count, epochs = one[0]
        rung = self._roots.get(epochs, [])[turn * count : (turn + 1) * count]
        if len(rung) < count and begin:
          return epochs
        made, waits = self._climb(rung, one[1:])
        if made is not None:
          return made
        waiting = waiting or waits
      if waiting:
        return None
      if not begin and not self._begun(plan, turn + 1):
        break
    return plan[0][0][1]  # there is none to be had

  def _begun(self, plan: Sequence[Bracket], turn: int) -> bool:
    """Says whether a turn, from 0, has any trial."""
    return any(
      len(self._roots.get(epochs, [])) > turn * count
      for ((count, epochs), *_) in plan
    )

  def _climb(
    self, rung: list[trial_lib.Trial], above: Bracket
  ) -> tuple[proposal_lib.Proposal | None, bool]:
    """Returns who goes on next, and else whether that has to be waited for."""
    for count, epochs in above:
      if not all(trial.finished for trial in rung):
        return None, True
      survivors = self._best(rung)[:count]
      for trial in survivors:
        if trial.id not in self._children:
          return proposal_lib.Proposal(trial.arch, epochs, trial.id), False
      rung = [self._children[trial.id] for trial in survivors]
    return None, False
