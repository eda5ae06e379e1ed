"""Workdirs of commands that make one network."""

from collections.abc import Mapping, Sequence
import json
import pathlib
from typing import Any

from effnas import errors


def refuse_another(
  workdir: str, now: Mapping[str, Any], files: Sequence[str]
) -> None:
  """Raises where a folder holds another run, or anything of a search.

  Args:
    workdir: The folder.
    now: What its config.json is to hold.
    files: What a run leaves there.

  Raises:
    UserError: It does.
  """
  from effnas.search import candidate, plain
  from effnas.search import workdir as workdir_lib

  folder = pathlib.Path(workdir)
  told = (*files, 'training', candidate.WEIGHTS, 'trials.jsonl')
  if not any((folder / name).exists() for name in told):
    return  # nothing would be lost
  try:
    old = json.loads((folder / 'config.json').read_bytes())
  except (OSError, ValueError) as e:
    raise errors.UserError(
      f'{workdir} holds a run but no readable config.json ({e}); choose '
      'another workdir'
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
