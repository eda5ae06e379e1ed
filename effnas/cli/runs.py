"""Workdirs of commands that make one network."""

from collections.abc import Callable, Mapping, Sequence
import pathlib
from typing import Any

from absl import flags

from effnas import errors, files
from effnas.cli import archs, progress
from effnas.cli import config as config_lib
from effnas.cli import request as request_lib


def define(values: flags.FlagValues) -> None:
  """Defines `--config`, `--workdir`, the flags of the arch, and `--format`."""
  config_lib.define(values)
  flags.DEFINE_string(
    'workdir', None, 'The folder to keep the network in.', flag_values=values
  )
  archs.define(values)
  request_lib.define_format(values)


def result(
  workdir: str,
  kept: Mapping[str, Any],
  space: Any,
  provenance: Mapping[str, Any],
  name: str,
  work: Callable[[pathlib.Path], dict[str, Any]],
) -> dict[str, Any]:
  """Returns the result of a run: that of its file, or else of its work.

  Args:
    workdir: The folder.
    kept: What its config.json is to hold.
    space: The `effnas.space.Space` of the config.
    provenance: Where the data comes from.
    name: Of the result's file.
    work: Makes the result in the folder, JSON values.

  Raises:
    UserError: The folder holds another run.
  """
  from effnas.search import workdir as workdir_lib

  described = space.describe()
  refuse_another(workdir, {**kept, 'space_description': described}, [name])
  with workdir_lib.opened(workdir, kept, described, provenance) as folder:
    if (folder / name).is_file():
      progress.tell(f'{workdir} holds the finished network; nothing to do')
      return files.read_json(folder / name, 'result')
    found = work(folder)
    workdir_lib.write(folder / name, found)
    return found


def refuse_another(
  workdir: str, now: Mapping[str, Any], left: Sequence[str]
) -> None:
  """Raises where a folder holds another run, or anything of a search.

  Args:
    workdir: The folder.
    now: What its config.json is to hold.
    left: What a run leaves there.

  Raises:
    UserError: It does.
  """
  from effnas.search import plain
  from effnas.search import workdir as workdir_lib
  from effnas.search.networks import training

  folder = pathlib.Path(workdir)
  told = (*left, 'training', training.WEIGHTS, 'trials.jsonl')
  if not any((folder / name).exists() for name in told):
    return  # nothing would be lost
  try:
    old = files.read_json(folder / 'config.json', 'config')
  except errors.UserError as e:
    raise errors.UserError(
      f'{workdir} holds a run, and {e}; choose another workdir'
    ) from None
  found = workdir_lib.differences(old, plain.plain(now))
  if found:
    more = f'; and {len(found) - 3} more' if len(found) > 3 else ''
    raise errors.UserError(
      f'{workdir} holds another run: {"; ".join(found[:3])}{more}; choose '
      'another workdir'
    )


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
