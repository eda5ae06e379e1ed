"""Schedulers: each file here is one, under its own name.

A scheduler says how long the next trial trains, and whether it is a new
architecture or goes on with another trial. It is one pure function

    decide(space, problem, trials, rng, propose, **args) -> Proposal

Args:
  space: The `effnas.space.Space`.
  problem: The `Problem`; `problem.scores(done)` are the objectives of done
    trials, to be minimised.
  trials: All trials before this one. Those whose results it may not see yet
    come last and look as if they still ran. `trial.epochs` is where a trial's
    training ends and `trial.parent` whose training it went on with.
  rng: The only source of chance, seeded for this one trial.
  propose: The sampler: called without arguments, or with the trials that it
    shall look at, it returns a new architecture that meets the constraints, or
    raises `NothingNew`.
  **args: The scheduler's own keyword arguments, all with defaults but
    `max_epochs`, which is the config's train.epochs where nothing else is said.

It returns a `Proposal`, or None to wait until one more trial has finished.
There is no other state: brackets, rungs and populations are in the journal.
Where what it makes of a parent breaks a constraint, it is asked again with the
same `rng`.

A file may also have a stop rule,

    bounds(problem, trials, trial, **args) -> dict

the bounds (`effnas.search.running.stopping`) for a trial that begins, from the
finished trials that it may see. Arguments that are made for the number of
trials it names in `MADE_FOR_TOTAL`, as a sampler does. Add a scheduler by
adding a file; `none.py` is the smallest example.
"""

from collections.abc import Callable, Mapping
import dataclasses
import functools
import importlib
import inspect
import pkgutil
from typing import Any

from effnas import arguments, errors
from effnas.search import proposal as proposal_lib


@dataclasses.dataclass(frozen=True)
class Scheduler:
  """A scheduler with its own arguments given.

  Attributes:
    decide: A function of (space, problem, trials, rng, propose).
    bounds: Its stop rule, a function of (problem, trials, trial), or None.
    promotes: Whether trials may go on with others, so that there can be trials
      to come after each architecture has been tried.
  """

  decide: Callable[..., proposal_lib.Proposal | None]
  bounds: Callable[..., dict[str, Any]] | None
  promotes: bool


def names() -> list[str]:
  """Returns the names of all schedulers."""
  return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(
  name: str, args: Mapping[str, Any], epochs: int | None = None
) -> Scheduler:
  """Returns a scheduler with its own arguments given.

  Args:
    name: One of `names()`.
    args: The scheduler's own keyword arguments.
    epochs: What `max_epochs` is where the arguments do not say.

  Raises:
    UserError: There is no such scheduler, it takes no such argument, or a value
      is out of its range.

  Example:
    >>> load('asha', {'max_epochs': 0})
    Traceback (most recent call last):
    effnas.errors.UserError: asha.max_epochs must be a whole number of at least
      1, got 0
  """
  if name not in names():
    raise errors.unknown('scheduler', name, names())
  module = importlib.import_module(f'{__name__}.{name}')
  budgeted = 'max_epochs' in inspect.signature(module.decide).parameters
  if budgeted and epochs is not None:
    args = {'max_epochs': epochs, **args}
  arguments.check(module.decide, args, 'scheduler', name)
  if budgeted and 'max_epochs' not in args:
    raise errors.UserError(
      f'scheduler {name} needs scheduler_args.max_epochs, how many epochs the '
      'longest training has, where the config has no number train.epochs'
    )
  bounds = getattr(module, 'bounds', None)
  return Scheduler(
    functools.partial(module.decide, **args),
    None if bounds is None else functools.partial(bounds, **args),
    budgeted,
  )
