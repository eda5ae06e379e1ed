"""The errors that a user can mend: bad input, or a full disk, in one line."""

from collections.abc import Iterable
import difflib
import errno
import os

# Names to list where none is near: a line stays one that is read.
_SHOWN = 30


class UserError(ValueError):
  """Input that breaks a rule; the message says the rule, the value, the mend.

  The command line prints the message as one line on standard error and exits
  with code 2.
  """


class MachineError(UserError):
  """The machine refuses, whatever the input: no space, read-only, no handles.

  A search that meets it ends with its trials unfinished: repeated once there is
  room, the same command goes on as if nothing had been.
  """


_OF_THE_MACHINE = (
  errno.ENOSPC,
  errno.EDQUOT,
  errno.EROFS,
  errno.EMFILE,
  errno.ENFILE,
  errno.EIO,
)
# How libraries that keep no number say it.
_WORDS = tuple(os.strerror(code) for code in _OF_THE_MACHINE[:-1])


def of_the_machine(error: BaseException) -> bool:
  """Whether an error, or one that it came from, is the machine's fault.

  Example:
    >>> of_the_machine(OSError(errno.ENOSPC, 'No space left on device'))
    True
    >>> of_the_machine(ValueError('write failed: No space left on device'))
    True
    >>> of_the_machine(ValueError('no space'))
    False
  """
  seen: list[BaseException] = []
  here: BaseException | None = error
  while here is not None and here not in seen:
    seen.append(here)
    if isinstance(here, MachineError):
      return True
    if isinstance(here, OSError) and here.errno in _OF_THE_MACHINE:
      return True
    if any(words in text(here) for words in _WORDS):
      return True
    here = here.__cause__ or here.__context__
  return False


def text(error: BaseException, lacking: str = '') -> str:
  """Returns what an error says, or `lacking` where its own text raises.

  Example:
    >>> text(ValueError('no'))
    'no'
  """
  try:
    return str(error)
  except Exception:  # of code that is not ours
    return lacking


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
