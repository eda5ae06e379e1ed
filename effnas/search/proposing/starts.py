"""What a search tries first: published networks and the user's own."""

from collections.abc import Mapping, Sequence
import inspect
from typing import Any

import numpy as np

from effnas import errors
from effnas.search import problem as problem_lib


def resolve(
  given: Sequence[Any],
  space: Any,
  seed: int,
  arguments: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
  """Returns architectures for what a config says under 'search.start_with'.

  Args:
    given: Architectures, of which decisions may be left out, and names of the
      zoo's networks.
    space: The `effnas.space.Space`; its part 'model' is what networks are
      looked for in.
    seed: Decisions that are left out are drawn from it.
    arguments: Those of the space; what a network's builder takes of them, for
      instance `classes`, is given to it.

  Raises:
    UserError: One is no point of the space.
  """
  found = []
  for i, entry in enumerate(given):
    name = f'search.start_with[{i}]'
    known = entry
    if isinstance(entry, str):
      known = _published(entry, space, arguments or {}, name)
    if not isinstance(known, Mapping):
      raise errors.UserError(
        f'{name} must be an architecture or the name of a network, '
        f'got {entry!r}'
      )
    found.append(_completed(known, space, seed, i, name))
  return found


def check(problem: problem_lib.Problem) -> None:
  """Checks that what is tried first keeps to the hard constraints.

  Args:
    problem: Its starts, constraints and footprint.

  Raises:
    UserError: One does not.
  """
  if not problem.constraints:
    return
  for i, arch in enumerate(problem.starts):
    for name, value in problem.broken(problem.footprint(arch)).items():
      bound = problem_lib.bounded(name, problem.constraints[name])
      raise errors.UserError(
        f'what is to be tried first must keep to the constraints: number {i} '
        f'has {name} {value:g}, but {bound} is asked for; make it one of '
        'search.soft_constraints, or leave it out'
      )


def _published(
  name: str, space: Any, arguments: Mapping[str, Any], where: str
) -> dict[str, Any]:
  from effnas import zoo  # networks: most searches need none here

  network = zoo.load(name)
  takes = inspect.signature(network.build).parameters
  given = {
    key: tuple(value) if isinstance(value, list) else value
    for key, value in arguments.items()
    if key in takes and not _several(value, takes[key].default)
  }
  found = space.locate(network.build(**given), 'model')
  if found is None:
    said = ', '.join(f'{key}={value!r}' for key, value in given.items())
    raise errors.UserError(
      f'{where}: the network {name!r}{f" with {said}" if said else ""} is no '
      'point of the space; give its architecture, or search the space of its '
      'family'
    )
  return found


def _several(value: Any, own: Any) -> bool:
  """Says whether a space chooses from values where a network has a number."""
  return isinstance(value, list | tuple) and isinstance(own, int | float)


def _completed(
  known: Mapping[str, Any], space: Any, seed: int, number: int, name: str
) -> dict[str, Any]:
  rng = np.random.default_rng([seed, number])

  def decide(key, choice):
    if key not in known:
      return choice.sample(rng)
    if not choice.holds(known[key]):
      raise errors.UserError(
        f'{name}: {key!r} is {known[key]!r}; it must be in {choice!r}'
      )
    return known[key]

  arch = space.walk(decide)
  for key in known:
    if key not in space.decisions:
      raise errors.unknown(f'choice in {name}', key, space.decisions)
    if key not in arch:
      raise errors.UserError(
        f'{name}: {key!r} is not active with its other decisions'
      )
  return arch
