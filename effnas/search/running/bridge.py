"""Between the conductor and a runner that has its own names for trials."""

from collections.abc import Callable, Mapping
import json
from typing import Any

from effnas.search import conductor as conductor_lib


class Bridge:
  """Turns trials into calls, as text, and keeps count of who runs what.

  Attributes:
    running: The runner's names of the unfinished trials, with their ids.
    finished: Whether no other call will come.
    error: What went wrong in the search itself, to be raised at its end; the
      running trials may finish first.
  """

  def __init__(
    self,
    conductor: conductor_lib.Conductor,
    on_change: Callable[[], None],
    **call: Any,
  ):
    """Stands between.

    Args:
      conductor: Hands out the trials.
      on_change: Called after each change of a trial.
      **call: JSON values that every call gets, beside those of its trial.
    """
    self.running: dict[str, int] = {}
    self.finished = False
    self.error: Exception | None = None
    self._conductor = conductor
    self._on_change = on_change
    self._call = call

  def next(self, name: str) -> str | None:
    """Returns the call of the next trial as a JSON text, None if there is none.

    Args:
      name: The runner's name for the trial.
    """
    if self.finished:
      return None
    try:
      trial = self._conductor.next()
    except Exception as e:
      self.error, self.finished = e, True
      return None
    self._on_change()
    if trial is None:
      self.finished = self._conductor.exhausted
      return None
    self.running[name] = trial.id
    return json.dumps({**self._call, **self._conductor.call(trial)})

  def take(self, name: str, message: Mapping[str, Any]) -> None:
    """Hands what a trial says to the conductor.

    Args:
      name: The runner's name of the trial.
      message: See `evaluation.run`.
    """
    try:
      trial = self._conductor.take(self.running[name], message)
    except Exception as e:
      self.error, self.finished = e, True
      raise
    if trial.finished:
      del self.running[name]
    self._on_change()
