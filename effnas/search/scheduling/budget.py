"""Training a candidate only so far, and going on in another trial."""

from collections.abc import Mapping
import dataclasses
import pathlib
import shutil
from typing import Any

from effnas import errors
from effnas.search import schedulers, sections
from effnas.search import settings as settings_lib
from effnas.search.networks import compressing

_TRAINING = 'training'


@dataclasses.dataclass(frozen=True)
class Budget:
  """How far a trial trains.

  Attributes:
    epochs: The epoch after which it stops, of those that the whole training is
      planned for.
    parent: The folder of the trial whose training it goes on with.
  """

  epochs: int
  parent: pathlib.Path | None = None


def training(folder: pathlib.Path) -> pathlib.Path:
  """Returns where a trial's checkpoints lie, given its folder."""
  return folder / _TRAINING


def read(task: Mapping[str, Any]) -> Budget | None:
  """Returns the budget of a task; see `effnas.search.running.evaluation`.

  Args:
    task: {'config': ..., 'workdir': ...} and, from a scheduler, 'epochs' and
      'parent'.
  """
  if 'epochs' not in task:
    return None
  parent = task.get('parent')
  folder = pathlib.Path(task['workdir'], 'checkpoints', str(parent))
  return Budget(task['epochs'], None if parent is None else folder)


def resolved(
  budget: Budget | None, epochs: int, every: int
) -> tuple[int, int, dict[str, Any]]:
  """Returns what a budget means for a training.

  Args:
    budget: The budget; None is all epochs.
    epochs: Of the whole training.
    every: Epochs between checkpoints, 0 for none.

  Returns:
    Its last epoch; epochs between checkpoints, of which there is one at the end
    where another trial may go on; further arguments of `effnas.train.fit`.
  """
  if budget is None:
    return epochs, every, {}
  further: dict[str, Any] = {'until': budget.epochs}
  if budget.parent is not None:
    further['parent_dir'] = training(budget.parent) / compressing.TRAINING
  return budget.epochs, every or epochs, further


def check(
  config: Mapping[str, Any], settings: settings_lib.Settings, decisions: Any
) -> None:
  """Checks that a scheduler and the training of a config fit together.

  Args:
    config: Has the section 'train'.
    settings: Of the search.
    decisions: Of the space.

  Raises:
    UserError: They do not.
  """
  name = settings.scheduler
  training = sections.value(config, 'train')
  epochs = sections.value(training, 'epochs', 'train')
  if name == 'none':
    return
  if 'train.epochs' in decisions or not isinstance(epochs, int):
    raise errors.UserError(
      f'scheduler {name} says how many epochs a trial has: train.epochs must '
      'be one number, the epochs of the whole training'
    )
  most = settings.scheduler_args.get('max_epochs', epochs)
  if most > epochs:
    raise errors.UserError(
      f'scheduler_args.max_epochs {most} is more than train.epochs {epochs}, '
      'which the learning rate is planned for'
    )
  found = schedulers.load(name, settings.scheduler_args, epochs)
  if found.bounds is not None and not training.get('eval_every'):
    raise errors.UserError(
      f'scheduler {name} looks at the validation split after each epoch: set '
      'train.eval_every to 1'
    )


def settle(folder: pathlib.Path, budget: Budget | None) -> None:
  """Removes the checkpoints of a trial that no other can go on with.

  Args:
    folder: The trial's.
    budget: The trial's. With one, the training's own checkpoints stay until
      `tidy`, those of the steps after it go.
  """
  if budget is None:
    shutil.rmtree(training(folder), ignore_errors=True)
    return
  for part in training(folder).glob('*'):
    if part.name != compressing.TRAINING:
      shutil.rmtree(part, ignore_errors=True)


def tidy(task: Mapping[str, Any]) -> None:
  """Removes the checkpoints of all trials; see `effnas.search.driver`.

  Args:
    task: {'config': ..., 'workdir': ...}.
  """
  for folder in pathlib.Path(task['workdir'], 'checkpoints').glob('*'):
    shutil.rmtree(training(folder), ignore_errors=True)
