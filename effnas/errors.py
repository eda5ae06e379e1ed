"""The one error that a user can mend: bad input, said in one line."""

from collections.abc import Iterable
import difflib

# Names to list where none is near: a line stays one that is read.
_SHOWN = 30


class UserError(ValueError):
  """Input that breaks a rule; the message says the rule, the value, the mend.

  The command line prints the message as one line on standard error and exits
  with code 2.
  """


def unknown(kind: str, name: object, known: Iterable[str]) -> UserError:
  """Returns the error for a name that is none of the known ones.

  Args:
    kind: What the name should name, e.g. 'target'.
    name: What was given.
    known: The names that would have worked.

  Returns:
    A `UserError` with the near matches, or all known names where none is near.

  Example:
    >>> print(unknown('target', 'tpu_v5', ['tpu_v5e', 'tpu_v5p', 'a100']))
    unknown target 'tpu_v5'; did you mean 'tpu_v5p' or 'tpu_v5e'?
  """
  known = sorted(set(known))
  near = difflib.get_close_matches(str(name), known, n=3, cutoff=0.6)
  if near:
    names = ' or '.join(repr(n) for n in near)
    return UserError(f'unknown {kind} {name!r}; did you mean {names}?')
  shown = ', '.join(known[:_SHOWN])
  if len(known) > _SHOWN:
    shown += f' and {len(known) - _SHOWN} more'
  return UserError(f'unknown {kind} {name!r}; known: {shown}')
