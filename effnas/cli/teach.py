"""What `--help` says."""

import inspect
import textwrap
from types import ModuleType

from absl import flags

from effnas.cli import commands
from effnas.cli import request as request_lib

_WIDTH = 80
_OVERVIEW = """\
effnas: smaller, faster, better networks. From one declaration of a search space
to a Pareto front of trained, quantized networks, ranked on a real target.

Usage: effnas COMMAND [WORDS] [--flags]

Commands:
{commands}

Examples:
  effnas search --config=configs/digits.py --workdir=runs/digits
  effnas footprint mobilenet_v2 --target=tpu_v5e,a100 --batch=8
  effnas report runs/digits

effnas COMMAND --help tells more; effnas --version says the version."""


def overview() -> str:
  """Returns the help of effnas: its commands and examples."""
  names = commands.names()
  width = max(map(len, names))
  lines = [f'  {n:{width}}  {_doc(commands.load(n))[0]}' for n in names]
  return _OVERVIEW.format(commands='\n'.join(lines))


def about(name: str) -> str:
  """Returns the help of a command: usage, what it does, examples, flags.

  Args:
    name: The command's name.
  """
  command = commands.load(name)
  summary, rest = _doc(command)
  parts = [f'Usage: effnas {command.USAGE}', summary, rest]
  values = request_lib.defined(command)
  told = [_flag(values[flag]) for flag in values]
  if 'config' in values:
    told.append(
      _told(
        '--config.KEY=VALUE',
        'Overrides a value of the config, e.g. --config.search.trials=4 or '
        "--config.data.name=mnist; lists as --config.optim.KEY='(1, 2)'.",
      )
    )
  return '\n\n'.join([*filter(None, parts), 'Flags:\n' + '\n'.join(told)])


def _doc(command: ModuleType) -> tuple[str, str]:
  summary, _, rest = (inspect.getdoc(command) or '').partition('\n')
  return summary, rest.strip('\n')


def _flag(flag: flags.Flag) -> str:
  """Tells of one flag: name, kind of value, help, default."""
  options = getattr(flag.parser, 'enum_values', ())
  if flag.boolean:
    name = f'--[no]{flag.name}'
  else:
    name = f'--{flag.name}={"|".join(options) or _kind(flag)}'
  text = flag.help.removeprefix(f'<{"|".join(options)}>: ')
  if flag.default not in (None, '', [], False):
    text += f' (default: {_default(flag.default)})'
  return _told(name, text)


def _default(value: object) -> str:
  return ','.join(map(str, value)) if isinstance(value, list) else str(value)


def _kind(flag: flags.Flag) -> str:
  kinds = {'int': 'N', 'comma separated list of strings': 'A,B'}
  return kinds.get(flag.flag_type(), 'TEXT')


def _told(name: str, text: str) -> str:
  indent = ' ' * 6
  body = textwrap.fill(
    text, _WIDTH, initial_indent=indent, subsequent_indent=indent
  )
  return f'  {name}\n{body}'
