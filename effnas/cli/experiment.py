"""How the scripts of experiments start: wrong flags are one line."""

from collections.abc import Callable, Sequence
import pathlib
import sys

from absl import app, flags

from effnas import terminal


def run(main: Callable[[list[str]], None]) -> None:
  """Parses the flags and calls the script's main function.

  Args:
    main: Takes the words that are left.
  """
  app.run(main, flags_parser=_parsed)


def _parsed(argv: Sequence[str]) -> list[str]:
  try:
    return flags.FLAGS(list(argv))
  except flags.Error as e:
    # absl's words begin with 'flag --data=None: ' where one has to be given.
    said = ' '.join(str(e).split()).removeprefix('flag ')
    name = pathlib.Path(argv[0]).name
    terminal.err(f'{name}: {said}; see --help')
    sys.exit(2)
