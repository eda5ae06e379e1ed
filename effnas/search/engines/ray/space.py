"""A space in Ray Tune's own form, and back.

Tune's form is flat: a dict from the key of a decision to its domain. Decisions
that only some architectures have stand there like the others; what a config
says about those that are not active is dropped on the way back.
"""

from collections.abc import Mapping
from typing import Any

from ray import tune

from effnas import errors
from effnas.space import choices, ranges

_SEPARATOR = '/'  # of nested keys, in Tune


def converted(space: Any) -> dict[str, Any]:
  """Returns a space in Tune's form.

  A choice between options is `tune.choice` over their labels in an arch, or
  over the written labels where Python holds two of them to be equal (`True`, 1
  and 1.0). Integers in steps of 1 are `tune.randint`, in other steps the number
  of the step is, as Tune's rounding draws the ends half as often as the rest.
  Decisions with one value are left out.

  Args:
    space: The `effnas.space.Space`.

  Example:
    >>> from effnas import space as space_lib
    >>> space = space_lib.Space(
    ...     {
    ...         'kernel': space_lib.oneof(3, 5),
    ...         'width': space_lib.intrange(8, 64, 8),
    ...     }
    ... )
    >>> found = converted(space)
    >>> found['kernel'].categories, found['width'].upper
    ([3, 5], 8)
  """
  return {
    named: _domain(choice) for named, (_, choice) in _decisions(space).items()
  }


def arch(space: Any, config: Mapping[str, Any]) -> dict[str, Any]:
  """Returns the arch that a config in Tune's form stands for.

  Args:
    space: The space.
    config: A value for each domain of `converted`; numbers may be NumPy's.

  Raises:
    UserError: A value is missing, or lies outside of its domain.
  """
  names = {key: named for named, (key, _) in _decisions(space).items()}

  def decide(key: str, choice: choices.Choice) -> Any:
    if choice.single:
      return choice.values()[0]
    if names[key] not in config:
      raise errors.UserError(f'the searcher proposed no value for {key!r}')
    value = _value(choice, config[names[key]])
    if not choice.holds(value):
      raise errors.UserError(
        f'the searcher proposed {value!r} for {key!r}; it must be in {choice!r}'
      )
    return value

  return space.walk(decide)


def config(space: Any, arch: Mapping[str, Any]) -> dict[str, Any]:
  """Returns a config in Tune's form for an arch: the inverse of `arch`.

  Args:
    space: The space.
    arch: A valid arch. What is not active in it gets its first value, as Tune
      knows no absent ones.
  """
  found = {}
  for named, (key, choice) in _decisions(space).items():
    value: Any = arch[key] if key in arch else choice.values(points=2)[0]
    if isinstance(choice, choices.OneOf):
      found[named] = _categories(choice)[choice.position(value)]
    elif isinstance(choice, ranges.IntRange) and choice.step != 1:
      found[named] = (value - choice.low) // choice.step
    else:
      found[named] = value
  return found


def _decisions(space: Any) -> dict[str, tuple[str, choices.Choice]]:
  """Returns key and choice by the name in Tune; single ones are left out."""
  found: dict[str, tuple[str, choices.Choice]] = {}
  for key, choice in space.decisions.items():
    if not choice.single:
      named = key.replace(_SEPARATOR, '|')
      while named in found:
        named += '|'
      found[named] = key, choice
  return found


def _domain(choice: Any) -> Any:
  if isinstance(choice, choices.OneOf):
    return tune.choice(_categories(choice))
  if isinstance(choice, ranges.IntRange):
    if choice.step == 1:
      return tune.randint(choice.low, choice.high + 1)
    return tune.randint(0, len(choice.values()))
  made = tune.loguniform if isinstance(choice, ranges.LogUniform) else None
  return (made or tune.uniform)(choice.low, choice.high)


def _categories(choice: choices.OneOf) -> list[Any]:
  labels = list(choice.labels)
  if len(set(labels)) == len(labels):
    return labels
  return [repr(label) for label in labels]


def _value(choice: Any, given: Any) -> Any:
  if isinstance(choice, choices.OneOf):
    categories = _categories(choice)
    place = categories.index(given) if given in categories else None
    return given if place is None else choice.labels[place]
  if isinstance(choice, ranges.IntRange):
    if given != int(given):
      return given
    return int(given) * choice.step + (choice.low if choice.step != 1 else 0)
  # A logarithm there and back may end a rounding beyond the bounds.
  slack = 1e-9 * (choice.high - choice.low)
  inside = choice.low - slack <= given <= choice.high + slack
  return float(min(max(given, choice.low), choice.high)) if inside else given
