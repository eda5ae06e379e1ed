"""From the words of a command line to what a command works with."""

from collections.abc import Sequence
import dataclasses
import pathlib
from types import ModuleType
from typing import Any

from absl import flags

from effnas import errors, files
from effnas.cli import config as config_lib


@dataclasses.dataclass(frozen=True)
class Request:
  """What a command was asked for.

  Attributes:
    name: The command's name.
    args: Words that belong to no flag.
    flags: The values of its flags.
    overrides: (key, text) of each `--config.key=text`, in order.
  """

  name: str
  args: list[str]
  flags: flags.FlagValues
  overrides: list[tuple[str, str]]

  def config(self) -> dict[str, Any]:
    """Returns the config of `--config`, overrides applied, as JSON values."""
    path = self.need('config', 'a config file, e.g. configs/digits.py')
    return config_lib.load(path, self.overrides)

  def need(self, flag: str, what: str) -> Any:
    """Returns the value of a flag that has to be given.

    Args:
      flag: Its name.
      what: What it takes, for the message.

    Raises:
      UserError: It was not given.
    """
    value = self.flags[flag].value
    if value in (None, ''):
      raise errors.UserError(f'{self.name} needs --{flag}: {what}')
    return value

  def words(self, *what: str) -> list[str]:
    """Returns the words, of which there must be exactly so many.

    Args:
      *what: What each stands for, for the message.

    Raises:
      UserError: There are more or fewer.
    """
    if len(self.args) > len(what):
      raise errors.UserError(
        f'{self.name}: unexpected argument {self.args[len(what)]!r}; '
        f'see effnas {self.name} --help'
      )
    if len(self.args) < len(what):
      missing = what[len(self.args)]
      raise errors.UserError(
        f'{self.name} needs {missing}; see effnas {self.name} --help'
      )
    return self.args

  def json(self, flag: str) -> dict[str, Any]:
    """Returns a flag's JSON object: a text, or a file that holds one.

    Args:
      flag: Its name.

    Raises:
      UserError: It is neither.
    """
    text = str(self.flags[flag].value)
    shown = text if len(text) <= 60 else f'{text[:57]}...'
    if not text.lstrip().startswith('{'):
      try:
        text = pathlib.Path(text).read_text(encoding='utf-8')
      except (OSError, ValueError) as e:
        why = getattr(e, 'strerror', None) or e
        raise errors.UserError(
          f'--{flag} takes a JSON object or a file with one, got {shown!r}: '
          f'{why}'
        ) from None
    try:
      value = files.parse(text)
    except ValueError as e:
      raise errors.UserError(f'--{flag} is no JSON: {e}: {shown!r}') from None
    if not isinstance(value, dict):
      raise errors.UserError(f'--{flag} must be a JSON object, got {shown!r}')
    return value


def define_format(values: flags.FlagValues, *more: str) -> None:
  """Defines `--format`, as every command that prints data has it.

  Args:
    values: The flags.
    *more: Formats beside 'table' and 'json'.
  """
  flags.DEFINE_enum(
    'format',
    'table',
    ['table', 'json', *more],
    'What to print: a table to read, or JSON for programs.',
    flag_values=values,
  )


def defined(command: ModuleType) -> flags.FlagValues:
  """Returns fresh flags of a command, with their defaults."""
  values = flags.FlagValues()
  values.set_gnu_getopt(True)  # flags may stand behind words
  command.define(values)
  return values


def parse(name: str, command: ModuleType, argv: Sequence[str]) -> Request:
  """Parses what stands behind a command's name.

  Args:
    name: The command's name.
    command: The command.
    argv: The words.

  Raises:
    UserError: A flag is unknown or cannot have that value.
  """
  values = defined(command)
  known = [f'--{flag}' for flag in [*values, 'help']]
  own, overrides = config_lib.split(argv)
  if overrides and 'config' not in values:
    raise errors.unknown('flag', f'--config.{overrides[0][0]}', known)
  try:
    args = values(['effnas', *own])[1:]
  except flags.UnrecognizedFlagError as e:
    raise errors.unknown('flag', f'--{e.flagname}', known) from None
  except flags.Error as e:
    raise errors.UserError(f'{name}: {e}') from None
  if overrides and not values['config'].value:
    raise errors.UserError(
      f'--config.{overrides[0][0]} overrides a config, and none is named: '
      'add --config=FILE'
    )
  return Request(name, args, values, overrides)
