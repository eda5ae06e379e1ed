r"""Text on its way to the terminal: shown as it is, whatever it holds.

Archs, reasons, paths and names come from files of others. What in them would
steer a terminal (colours, the cursor, the direction of writing) leaves as an
escape that can be read; what the terminal's encoding lacks, in ASCII.
"""

import codecs
from collections.abc import Iterator
import contextlib
import os
import sys
from typing import TextIO
import unicodedata

from effnas import files

_LONGEST = 300  # characters of an error's line
_CUT = ' [...] '
# Control, format (the direction of writing too), surrogate, line, paragraph.
_HIDDEN = ('Cc', 'Cf', 'Cs', 'Zl', 'Zp')
_ASCII = {
  '→': '->',
  '←': '<-',
  '↑': '^',
  '↓': 'v',
  '─': '-',
  '━': '-',
  '│': '|',
  '…': '...',
  '\u00d7': 'x',  # times
  '±': '+-',
  '≤': '<=',
  '≥': '>=',
}
_HANDLER = 'effnas.terminal'


def shown(text: object) -> str:
  r"""Returns a text without anything that a terminal obeys, on one line.

  Args:
    text: From anywhere.

  Example:
    >>> print(shown('a\x1b[31mred\nb\u202e'))
    a\x1b[31mred\nb\u202e
    >>> print(shown('größer → [red]'))
    größer → [red]
  """
  line = str(text)
  if line.isprintable():
    return line
  return ''.join(_escaped(sign) for sign in line)


def brief(text: object) -> str:
  """Returns an error as one line that is read: its middle may be left out.

  The beginning says what is wrong, the end what would work.

  Args:
    text: The message.

  Example:
    >>> brief('a' * 1000).count('a') < 300
    True
  """
  line = shown(' '.join(str(text).split()))
  if len(line) <= _LONGEST:
    return line
  half = (_LONGEST - len(_CUT)) // 2
  return line[:half] + _CUT + line[-half:]


def out(*lines: object) -> None:
  """Prints lines on standard output, an empty one where none is given.

  Args:
    *lines: Each is one line, whatever it holds.

  Raises:
    UserError: Standard output takes nothing more (its disk is full).
  """
  put(''.join(f'{shown(line)}\n' for line in lines or ('',)))


def put(text: str, file: TextIO | None = None) -> None:
  """Writes text as it stands, colours too; see `out`.

  Args:
    text: Of our own, or made of what `shown` returned.
    file: Where; standard output by default.
  """
  with writing():
    (file or sys.stdout).write(text)


@contextlib.contextmanager
def writing() -> Iterator[None]:
  """Tells in one line where standard output takes nothing more; see `out`."""
  try:
    yield
  except BrokenPipeError:
    raise  # nobody reads any more, which is no error
  except OSError as e:
    abandon()
    raise files.unwritable('standard output', e) from e


def flush() -> None:
  """Hands over what waits for standard output; see `out`."""
  with writing():
    sys.stdout.flush()


def err(*lines: object, end: str = '\n', start: str = '') -> None:
  """Prints lines on standard error; if that takes nothing, nobody is told.

  Args:
    *lines: Each is one line, whatever it holds.
    end: What stands behind the last.
    start: What stands before the first.
  """
  text = start + '\n'.join(map(shown, lines)) + end
  try:
    print(text, end='', file=sys.stderr, flush=True)
  except BrokenPipeError:
    raise  # nobody reads any more
  except OSError:
    pass


def prepare() -> None:
  """Makes standard output and error take any text, or nothing at all."""
  for name in ('stdout', 'stderr'):
    stream = getattr(sys, name)
    if stream is None:  # closed by who called
      setattr(sys, name, open(os.devnull, 'w', encoding='utf-8'))  # noqa: SIM115
    elif hasattr(stream, 'reconfigure'):
      stream.reconfigure(errors=_HANDLER)


def abandon() -> None:
  """Lets Python's last flush of standard output go to nowhere."""
  with contextlib.suppress(OSError, ValueError):
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _escaped(sign: str) -> str:
  if unicodedata.category(sign) not in _HIDDEN:
    return sign
  return sign.encode('unicode_escape').decode('ascii')


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
  """Writes what an encoding lacks in signs that every one has."""
  if not isinstance(error, UnicodeEncodeError):
    raise error
  lacking = error.object[error.start : error.end]
  return ''.join(_plainly(sign) for sign in lacking), error.end


def _plainly(sign: str) -> str:
  return _ASCII.get(sign) or sign.encode('unicode_escape').decode('ascii')


codecs.register_error(_HANDLER, _in_ascii)
