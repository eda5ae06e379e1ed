"""Evaluating one trial: whatever happens becomes a message, never an error.

That includes a stop rule: what it may look at has finished before the trial
begins, so it comes along as bounds, and no engine has to ask anybody. What is
the machine's fault (a full disk) is a message of its own: it says nothing of
the trial.
"""

from collections.abc import Callable, Mapping
import importlib
import os
import time
import traceback
from typing import Any

from effnas import errors
from effnas.search import event as event_lib
from effnas.search import plain
from effnas.search.running import limits as limits_lib
from effnas.search.running import stopping


def resolve(name: str) -> Callable[..., Any]:
  """Returns the function that a dotted name names.

  Args:
    name: 'module:function', to be found on every worker.

  Raises:
    UserError: There is no such function.

  Example:
    >>> resolve('math:hypot')(3, 4)
    5.0
  """
  module, colon, attribute = name.partition(':')
  if not (module and colon and attribute):
    raise errors.UserError(
      f"a function is named 'module:function', got {name!r}"
    )
  try:
    found = getattr(importlib.import_module(module), attribute)
  except (ImportError, AttributeError) as e:
    raise errors.UserError(f'there is no function {name!r}: {e}') from e
  if not callable(found):
    raise errors.UserError(f'{name!r} is not a function: {found!r}')
  return found


class _Stop(BaseException):
  """Ends an evaluation from within; no `except Exception` holds it up."""


class _Overdue(_Stop):
  """It has taken too long."""


class _Flawed(_Stop):
  """It tells what cannot be."""


class _Ours(BaseException):
  """Carries what went wrong in the search past the evaluation it reached."""

  def __init__(self, error: BaseException):
    super().__init__()
    self.error = error


def run(
  evaluate: str,
  task: Mapping[str, Any],
  arch: Mapping[str, Any],
  trial: int,
  send: Callable[[dict[str, Any]], None],
  *,
  budget: Mapping[str, int] | None = None,
  bounds: Mapping[str, Any] | None = None,
  limits: limits_lib.Limits = limits_lib.NONE,
) -> dict[str, Any]:
  """Evaluates one architecture.

  Args:
    evaluate: Dotted name of the function (task, arch, trial, report) -> metrics
      that does it, where report(epoch, metrics) may be called meanwhile.
    task: What all trials share: {'config': ..., 'workdir': ...}.
    arch: The architecture.
    trial: The trial's id.
    send: Called with each message of a report.
    budget: What a scheduler says, added to the task: 'epochs', where the
      training ends, and where there is one 'parent', the trial whose training
      it goes on with.
    bounds: A stop rule's bounds, see `effnas.search.running.stopping`.
    limits: Its time is looked at when it reports; a process that holds it to
      them beside uses `effnas.search.running.limits`.

  Returns:
    A message for `Conductor.take`: {'event': 'done', 'metrics': ...}, with
    'seconds' among the metrics, {'event': 'stopped', 'reason': ...},
    {'event': 'failed', 'reason': ..., 'traceback': ...}, or, where it may go
    otherwise another time, 'lost' in the place of 'failed', and 'halted' where
    the machine is to blame and none will do better. Plain values, though not
    all finite.

  Raises:
    BaseException: What `send` raises, whatever the function makes of it.
    KeyboardInterrupt: The user wants no more.
  """
  start, process = time.monotonic(), os.getpid()
  rule = stopping.Watch(bounds) if bounds else None

  def report(epoch: int, metrics: Mapping[str, Any]) -> None:
    _only(process)
    values, epoch = plain.plain(metrics, finite=False), int(epoch)
    why = event_lib.flaw(plain.plain(values))
    if why or epoch < 0:
      raise _Flawed(f'the report of epoch {epoch}: {why or "is below 0"}')
    try:
      send({'event': 'reported', 'epoch': epoch, 'metrics': values})
    except BaseException as e:
      raise _Ours(e) from None
    if why := limits.overdue(time.monotonic() - start):
      raise _Overdue(why)
    if rule is not None and (why := rule.worse(epoch, values)):
      raise _Stop(why)

  try:
    shared = {**task, **(budget or {})}
    found = resolve(evaluate)(shared, arch, trial, report)
    metrics = plain.plain(found, finite=False)
    metrics.setdefault('seconds', round(time.monotonic() - start, 3))
    return {'event': 'done', 'metrics': metrics}
  except _Ours as e:
    raise e.error from None
  except _Overdue as e:
    return {'event': 'lost', 'reason': str(e), 'traceback': ''}
  except _Flawed as e:
    return {'event': 'failed', 'reason': str(e), 'traceback': ''}
  except _Stop as e:
    return {'event': 'stopped', 'reason': str(e)}
  except KeyboardInterrupt:
    raise
  except BaseException as e:
    if errors.of_the_machine(e):
      return halted(e)
    return {
      'event': 'failed',
      'reason': describe(e),
      'traceback': traceback.format_exc(),
    }
  finally:
    _only(process)


def halted(error: BaseException) -> dict[str, Any]:
  """Returns the message of an evaluation that the machine held up.

  Args:
    error: What it raised. A `MachineError` that comes from no other error says
      itself what is to be done.

  Example:
    >>> halted(errors.MachineError('node 2 holds other data'))['reason']
    'node 2 holds other data'
  """
  ours = isinstance(error, errors.MachineError)
  said = str(error) if ours else describe(error)
  told = ours and error.__cause__ is None
  mend = '' if told else '; make room and repeat the command'
  return {'event': 'halted', 'reason': said + mend}


def _only(process: int) -> None:
  """Ends a process that a candidate has forked and lets run into our code."""
  if os.getpid() != process:
    os._exit(1)  # what it could clean up is its parent's


def describe(error: BaseException) -> str:
  """Says in one line what went wrong.

  Args:
    error: The error.

  Returns:
    'Type: first line of the message'; that memory ran out is said in words.

  Example:
    >>> describe(MemoryError())
    'out of memory: MemoryError'
  """
  said = errors.text(error, '(its text cannot be had)')
  lines = [line.strip() for line in said.splitlines() if line.strip()]
  text = ': '.join([type(error).__name__, *(line[:300] for line in lines[:1])])
  if isinstance(error, MemoryError) or 'RESOURCE_EXHAUSTED' in said:
    return f'out of memory: {text}'
  return text
