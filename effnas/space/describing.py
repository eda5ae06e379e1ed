"""What a space says of itself: as JSON, as text, and why a key is inactive."""

from collections.abc import Mapping, Sequence
import math
from typing import Any

from effnas import errors, words
from effnas.space import labels, plan


def describe(
  size: int | float, entries: Mapping[str, plan.Entry]
) -> dict[str, Any]:
  """Returns size and decisions in plain JSON; see `Space.describe`."""
  return {
    'size': None if size == math.inf else size,
    'decisions': [
      {'key': key, **entry.choice.describe(), 'when': _when(entry)}
      for key, entry in entries.items()
    ],
  }


def text(size: int | float, entries: Mapping[str, plan.Entry]) -> str:
  """Returns the same for a person, a line for each decision."""
  many = 'infinitely many archs'
  if size != math.inf:
    many = words.number(int(size), 'arch')
  lines = [f'Space of {many}, {words.number(len(entries), "decision")}']
  width = max(map(len, entries), default=0)
  for key, entry in entries.items():
    line = f'  {key:{width}}  {entry.choice!r}'
    if conditions := _when(entry):
      line += ' when ' + ' or '.join(map(_said, conditions))
    lines.append(line)
  return '\n'.join(lines)


def inactive(
  key: str, entry: plan.Entry, active: Mapping[str, labels.Scalar]
) -> errors.UserError:
  """Returns the error for an arch that has an inactive key.

  Args:
    key: The key.
    entry: What is known of it.
    active: The decisions that are active in that arch.

  Returns:
    One line with the decision that makes the key inactive.
  """
  for parent, allowed in entry.when[0].items():
    value = active.get(parent)
    if parent not in active or not any(
      labels.equal(value, one) for one in allowed
    ):
      break
  is_now = f'is {value!r}' if parent in active else 'is inactive'
  return errors.UserError(
    f'{key!r} is inactive because {parent!r} {is_now}, not '
    f'{_either(allowed)}; leave it out'
  )


def _when(entry: plan.Entry) -> list[dict[str, list[labels.Scalar]]] | None:
  if {} in entry.when:
    return None
  return [{k: list(v) for k, v in when.items()} for when in entry.when]


def _said(condition: Mapping[str, Sequence[labels.Scalar]]) -> str:
  return ' and '.join(f'{k} = {_either(v)}' for k, v in condition.items())


def _either(values: Sequence[labels.Scalar]) -> str:
  return ' or '.join(map(repr, values))
