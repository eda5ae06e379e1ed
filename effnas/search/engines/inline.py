"""The inline engine: one trial after the other, in this process.

For debugging (a debugger and print work) and for cheap evaluations such as
tables. The trials are those of the Ray engine with the same settings. A trial
that takes this process along is known by the mark that it leaves.
"""

from collections.abc import Callable, Mapping
import pathlib
from typing import Any

from effnas.search import conductor as conductor_lib
from effnas.search.running import evaluation
from effnas.search.running import limits as limits_lib
from effnas.search.running import mark as mark_lib


def run(
  conductor: conductor_lib.Conductor,
  evaluate: str,
  task: Mapping[str, Any],
  settings: Any,
  on_change: Callable[[], None],
) -> None:
  """Runs all trials; see `engines.load`.

  Args:
    conductor: Hands out the trials.
    evaluate: Dotted name of what evaluates one.
    task: What all trials share.
    settings: The search's; its time limit is looked at when a trial reports.
    on_change: Called after each change of a trial.
  """
  limits = limits_lib.Limits(settings.time_limit_s)
  with mark_lib.Mark(pathlib.Path(task['workdir'], '.running')) as mark:
    tried = _tried(conductor, mark)
    while (trial := conductor.next()) is not None:
      on_change()
      number = trial.id
      mark.set(mark_lib.Running(number, tried.pop(number, 0), trial.told))

      def send(message: Mapping[str, Any], number: int = number) -> None:
        conductor.take(number, message)
        on_change()

      call = conductor.call(trial)
      send(evaluation.run(evaluate, task, send=send, limits=limits, **call))


def _tried(
  conductor: conductor_lib.Conductor, mark: mark_lib.Mark
) -> dict[int, int]:
  """Returns how often a trial took the process along, by its id.

  One that had got further than ever before is taken to be healthy.
  """
  left, trials = mark.left, conductor.journal.trials
  if left is None or left.trial >= len(trials):
    return {}
  further = trials[left.trial].told > left.reached
  times = 0 if further else left.tried + 1
  conductor.cut_off(left.trial, times)
  return {left.trial: times}
