"""Workdirs of commands that make one network."""

from collections.abc import Callable, Mapping
import pathlib
from typing import Any

from absl import flags

from effnas import files
from effnas.cli import archs, progress
from effnas.cli import config as config_lib
from effnas.cli import request as request_lib


def define(values: flags.FlagValues) -> None:
  """Defines `--config`, `--workdir`, those of the arch, and further flags."""
  config_lib.define(values)
  flags.DEFINE_string(
    'workdir', None, 'The folder to keep the network in.', flag_values=values
  )
  archs.define(values)
  define_accept(values)
  request_lib.define_format(values)


def define_accept(values: flags.FlagValues) -> None:
  """Defines the flag that goes on with other data."""
  flags.DEFINE_bool(
    'accept_changes',
    False,
    'Go on although the data, a table, a teacher or a weights file is another '
    "than the workdir was made with; the workdir's identity.json keeps what "
    'changed, and when.',
    flag_values=values,
  )


def result(
  workdir: str,
  kept: Mapping[str, Any],
  space: Any,
  name: str,
  work: Callable[[pathlib.Path], dict[str, Any]],
  **further: Any,
) -> dict[str, Any]:
  """Returns the result of a run: that of its file, or else of its work.

  Args:
    workdir: The folder.
    kept: What its config.json is to hold.
    space: The `effnas.space.Space` of the config.
    name: Of the result's file.
    work: Makes the result in the folder, JSON values.
    **further: Further arguments of `effnas.search.workdir.opened`: what the run
      is made with.

  Raises:
    UserError: The folder holds another run.
  """
  from effnas.search import workdir as workdir_lib

  opened = workdir_lib.opened(
    workdir, kept, space.describe(), finished=name, **further
  )
  with opened as folder:
    if (folder / name).is_file():
      progress.tell(f'{workdir} holds the finished network; nothing to do')
      return files.read_json(folder / name, 'result')
    found = work(folder)
    files.write_json(folder / name, found)
    return found


def told(metrics: Mapping[str, Any]) -> str:
  """Says how an epoch went, in the order of its metrics.

  Example:
    >>> told({'epoch': 3, 'train_loss': 0.25})
    'train loss 0.25'
  """
  return ', '.join(
    f'{name.replace("_", " ")} {value:.4g}'
    for name, value in metrics.items()
    if name in ('train_loss', 'train_accuracy', 'loss', 'accuracy')
  )
