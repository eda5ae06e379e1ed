"""The inline engine: one trial after the other, in this process.

For debugging (a debugger and print work) and for cheap evaluations such as
tables. The trials are those of the Ray engine with the same settings.
"""

from collections.abc import Callable, Mapping
from typing import Any

from effnas.search import conductor as conductor_lib
from effnas.search.running import evaluation
from effnas.search.running import limits as limits_lib


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
  while (trial := conductor.next()) is not None:
    on_change()
    number = trial.id

    def send(message: Mapping[str, Any], number: int = number) -> None:
      conductor.take(number, message)
      on_change()

    call = conductor.call(trial)
    send(evaluation.run(evaluate, task, send=send, limits=limits, **call))
