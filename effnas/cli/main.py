"""The entry point: finds the command, and says what went wrong in one line.

Whatever takes long to import is imported where an interrupt is caught.
"""

from collections.abc import Iterator, Sequence
import contextlib
import os
import sys
import types

from effnas import errors, terminal

_IMPORTING = '<frozen importlib._bootstrap>'
_HELP = ('--help', '-h', '-help', '--helpfull')


def run(argv: Sequence[str] | None = None) -> int:
  """Runs a command line.

  Args:
    argv: The words behind `effnas`; by default those of this process.

  Returns:
    The exit code: 0, or what the command says; 2 for bad input, or where the
    machine refuses (a full disk); 130 where it was interrupted; 141 where
    nobody reads the output any more.
  """
  argv = list(sys.argv[1:] if argv is None else argv)
  terminal.prepare()
  try:
    try:
      with _interrupts(argv):
        code = _dispatch(argv)
        terminal.flush()
    except KeyboardInterrupt:
      terminal.err(f'effnas: interrupted{_resuming(argv)}')
      return 130
    except SystemExit as e:  # of a space, a network, or what they import
      ended = f'code of yours ended the command: sys.exit({e.code!r})'
      terminal.err(f'effnas: {terminal.brief(ended)}')
      return 2
    except Exception as e:
      said = _said(e)
      if said is None:
        raise
      terminal.err(f'effnas: {terminal.brief(said)}')
      return 2
  except BrokenPipeError:
    terminal.abandon()
    return 141
  return code


@contextlib.contextmanager
def _interrupts(argv: list[str]) -> Iterator[None]:
  """Ends the process where an interrupt comes while a module is imported.

  Modules written in C turn the exception into another one, drop it or crash.
  """
  import signal

  def interrupted(number: int, frame: types.FrameType | None) -> None:
    here = frame
    while here is not None:
      if here.f_code.co_filename == _IMPORTING:
        try:
          how = _resuming(argv)
        except Exception:  # of a module that is only half there
          how = ''
        terminal.err(f'effnas: interrupted{how}')
        os._exit(130)
      here = here.f_back
    signal.default_int_handler(number, frame)

  try:
    before = signal.signal(signal.SIGINT, interrupted)
  except ValueError:  # not the main thread, which alone is interrupted
    yield
    return
  try:
    yield
  finally:
    signal.signal(signal.SIGINT, before)


def _said(error: Exception) -> str | None:
  """What to tell of an error that is no bug of ours, None of one that is."""
  if isinstance(error, BrokenPipeError):
    return None
  if isinstance(error, errors.UserError):
    return str(error)
  file = getattr(error, 'filename', None)
  if isinstance(error, OSError) and file is not None:
    # A name that is too long, a folder without rights: wherever it was used.
    name = os.fsdecode(file) if isinstance(file, bytes) else file
    return f'cannot use {name}: {error.strerror or error}'
  if errors.of_the_machine(error):
    return f'the machine refuses: {error}'
  return None


def _dispatch(argv: list[str]) -> int:
  from effnas.cli import commands, quiet, teach
  from effnas.cli import request as request_lib

  if odd := [word for word in argv if '\0' in word]:
    raise errors.UserError(f'no word, path or name may hold a NUL: {odd[0]!r}')
  name, *rest = argv or ['help']
  if name == 'help' and rest:
    name, rest = rest[0], ['--help']
  if name in ('help', *_HELP):
    terminal.out(*teach.overview().splitlines())
  elif name == '--version':
    import importlib.metadata

    terminal.out(f'effnas {importlib.metadata.version("effnas")}')
  elif name.startswith('-'):
    raise errors.UserError(
      f'a command comes first, got {name!r}; known: '
      f'{", ".join(commands.names())}'
    )
  elif name not in commands.names():
    raise errors.unknown('command', name, commands.names())
  elif any(word in _HELP for word in rest):
    terminal.out(*teach.about(name).splitlines())
  else:
    command = commands.load(name)
    request = request_lib.parse(name, command, rest)
    quiet.prepare()
    # Spaces and networks of the user's own are found from where they stand.
    here = _here()
    if here not in sys.path:
      sys.path.insert(0, here)
    return command.run(request) or 0
  return 0


def _here() -> str:
  try:
    return os.getcwd()
  except OSError as e:
    raise errors.UserError(
      f'the current folder cannot be used ({e.strerror}); go to another one'
    ) from None


def _resuming(argv: list[str]) -> str:
  from effnas.cli import commands

  if not argv or argv[0] not in commands.names():
    return ''
  how = getattr(commands.load(argv[0]), 'INTERRUPTED', '')
  return f'; {how}' if how else ''


if __name__ == '__main__':
  sys.exit(run())
