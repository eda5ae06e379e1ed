"""The entry point: finds the command, and says what went wrong in one line."""

from collections.abc import Sequence
import importlib.metadata
import os
import sys

from effnas import errors
from effnas.cli import commands, quiet, teach
from effnas.cli import request as request_lib

_HELP = ('--help', '-h', '-help', '--helpfull')


def run(argv: Sequence[str] | None = None) -> int:
  """Runs a command line.

  Args:
    argv: The words behind `effnas`; by default those of this process.

  Returns:
    The exit code: 0, or what the command says; 2 for bad input; 130 where it
    was interrupted; 141 where nobody reads the output any more.
  """
  argv = list(sys.argv[1:] if argv is None else argv)
  try:
    code = _dispatch(argv)
    sys.stdout.flush()
  except errors.UserError as e:
    print(f'effnas: {" ".join(str(e).split())}', file=sys.stderr)
    return 2
  except KeyboardInterrupt:
    print(f'effnas: interrupted{_resuming(argv)}', file=sys.stderr)
    return 130
  except BrokenPipeError:
    # Python flushes once more at exit; let it write to nowhere.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 141
  return code


def _dispatch(argv: list[str]) -> int:
  name, *rest = argv or ['help']
  if name == 'help' and rest:
    name, rest = rest[0], ['--help']
  if name in ('help', *_HELP):
    print(teach.overview())
  elif name == '--version':
    print(f'effnas {importlib.metadata.version("effnas")}')
  elif name.startswith('-'):
    raise errors.UserError(
      f'a command comes first, got {name!r}; known: '
      f'{", ".join(commands.names())}'
    )
  elif name not in commands.names():
    raise errors.unknown('command', name, commands.names())
  elif any(word in _HELP for word in rest):
    print(teach.about(name))
  else:
    command = commands.load(name)
    request = request_lib.parse(name, command, rest)
    quiet.prepare()
    # Spaces and networks of the user's own are found from where they stand.
    if os.getcwd() not in sys.path:
      sys.path.insert(0, os.getcwd())
    return command.run(request) or 0
  return 0


def _resuming(argv: list[str]) -> str:
  if not argv or argv[0] not in commands.names():
    return ''
  how = getattr(commands.load(argv[0]), 'INTERRUPTED', '')
  return f'; {how}' if how else ''


if __name__ == '__main__':
  sys.exit(run())
