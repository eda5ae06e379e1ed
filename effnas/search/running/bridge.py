"""Between the conductor and a runner that has its own names for its jobs."""

from collections.abc import Callable, Mapping
import json
from typing import Any

from effnas.search import conductor as conductor_lib
from effnas.search import trial as trial_lib


class Bridge:
  """Turns trials into jobs, as text, and keeps count of who runs what.

  Attributes:
    running: The runner's names of the unfinished jobs, with the ids of their
      unfinished trials.
    finished: Whether no other job will come.
    error: What went wrong in the search itself, to be raised at its end; the
      running trials may finish first.
  """

  def __init__(
    self,
    conductor: conductor_lib.Conductor,
    on_change: Callable[[], None],
    batch: int = 1,
    **shared: Any,
  ):
    """Stands between.

    Args:
      conductor: Hands out the trials.
      on_change: Called after each change of a trial.
      batch: How many trials a job is at most.
      **shared: JSON values that every job gets, beside the calls of its trials.
    """
    self.running: dict[str, set[int]] = {}
    self.finished = False
    self.error: Exception | None = None
    self._conductor = conductor
    self._on_change = on_change
    self._batch = batch
    self._shared = shared

  def next(self, name: str) -> str | None:
    """Returns the next job as a JSON text, None if there is none.

    Args:
      name: The runner's name for the job.
    """
    trials: list[trial_lib.Trial] = []
    while not self.finished and len(trials) < self._batch:
      try:
        trial = self._conductor.next()
      except Exception as e:
        self.error, self.finished = e, True
        break
      self._on_change()
      if trial is None:
        self.finished = self._conductor.exhausted
        break
      trials.append(trial)
    if not trials:
      return None
    self.running[name] = {trial.id for trial in trials}
    calls = [self._conductor.call(trial) for trial in trials]
    return json.dumps({**self._shared, 'calls': calls})

  def trial(self, name: str) -> trial_lib.Trial:
    """Returns the trial of a job of one, as it is now.

    Args:
      name: The runner's name of the job.
    """
    [number] = self.running[name]
    return self._conductor.journal.trials[number]

  def take(self, name: str, message: Mapping[str, Any]) -> None:
    """Hands what a trial says to the conductor.

    Args:
      name: The runner's name of its job.
      message: See `evaluation.run`, with the id as 'trial' beside.
    """
    number = message['trial']
    said = {key: value for key, value in message.items() if key != 'trial'}
    try:
      trial = self._conductor.take(number, said)
    except Exception as e:
      self.error, self.finished = e, True
      raise
    if trial.finished or said['event'] == 'lost':
      self.running[name].discard(number)
    if not self.running[name]:
      del self.running[name]
    self._on_change()

  def halt(self, name: str, reason: str) -> None:
    """Tells the conductor that the machine holds a job up.

    Args:
      name: The runner's name of the job.
      reason: Why, in one line.

    Raises:
      MachineError: It is the end of the search.
    """
    number = min(self.running[name])
    self.take(name, {'event': 'halted', 'reason': reason, 'trial': number})

  def lose(self, name: str, reason: str, traceback: str = '') -> None:
    """Tells the conductor that the worker of a job is gone.

    Args:
      name: The runner's name of the job.
      reason: Why, in one line.
      traceback: Where, if that is known.
    """
    message = {'event': 'lost', 'reason': reason, 'traceback': traceback}
    for number in sorted(self.running.get(name, ())):
      self.take(name, {**message, 'trial': number})
