"""The cells of the table: one training each, and how it is made."""

from collections.abc import Mapping, Sequence
import dataclasses
import fnmatch
from typing import Any

import published

from effnas import errors
from effnas.zoo import survey_cnn

# At most this much of the learning rate is left by the plateau rule.
LEAST_LR = 5e-7
_ERASING = {'name': 'erasing', 'probability': 0.5, 'low': 0.1, 'high': 0.4}


@dataclasses.dataclass(frozen=True)
class Cell:
  """A training of the table.

  Attributes:
    width: Of the network.
    column: One of `published.COLUMNS`.
    seed: Of weights, batches and chance.
    epochs: Its length; the survey's is 100.
    whole: Whether all 50,000 images are trained on, as in the survey; else
      5,000 of them are for validation.
    teacher: Width of the network it learns from, for column 'kd' alone.
    notebook: Whether it learns as the survey's notebook does, for column 'kd'
      alone: the softmax taken twice, and a teacher that sees plain images.
  """

  width: float
  column: str
  seed: int = 0
  epochs: int = published.EPOCHS
  whole: bool = False
  teacher: float | None = None
  notebook: bool = False

  @property
  def name(self) -> str:
    """Width and column, as `--cells` takes them.

    Example:
      >>> Cell(0.05, 'aug').name
      '0.05/aug'
    """
    return f'{self.width}/{self.column}'

  @property
  def folder(self) -> str:
    """Name of the folder of its training."""
    parts = [f'{self.width}', self.column, f'seed{self.seed}', f'{self.epochs}']
    parts += ['whole'] * self.whole + ['notebook'] * self.notebook
    parts += [] if self.teacher is None else [f'teacher{self.teacher}']
    return '_'.join(parts)

  @property
  def settings(self) -> published.Settings:
    """The survey's settings of it."""
    return published.ROWS[self.width].settings[self.column]

  @property
  def monitored(self) -> str | None:
    """What must improve lest the learning rate falls; None: it stays."""
    if self.column == 'kd':
      return 'accuracy'
    return 'loss' if self.width > 1.0 else None

  def model(self) -> survey_cnn.SurveyCNN:
    """Returns the network."""
    return survey_cnn.SurveyCNN(self.width, dropout=self.settings.dropout)

  def augment(self) -> tuple[Any, ...]:
    """Returns what `effnas.train.fit` takes as `augment`."""
    found: list[Any] = []
    if self.column != 'plain':
      # A tenth at most, which is three pixels of 32 as in the survey.
      found += ['flip', *['translate'] * published.ROWS[self.width].translate]
    if self.width == published.TEACHER:
      found.append(_ERASING)
    return tuple(found)

  def optim(self, lr: float | None = None) -> dict[str, Any]:
    """Returns keyword arguments of `effnas.train.optim.make`.

    Args:
      lr: Another learning rate than the first.
    """
    return {
      'name': 'adam',
      'lr': self.settings.lr if lr is None else lr,
      'warmup': 0.0,
      'schedule': 'constant',
      # Of a sum of squares the gradient is twice the weight.
      'weight_decay': 2 * self.settings.l2,
      'eps': 1e-7,
    }

  def record(self) -> dict[str, Any]:
    """Returns it as JSON values."""
    return dataclasses.asdict(self)

  def taught_by(self) -> 'Cell | None':
    """Returns the cell of its teacher."""
    if self.teacher is None:
      return None
    return Cell(self.teacher, 'aug', self.seed, self.epochs, self.whole)


def of(record: Mapping[str, Any]) -> Cell:
  """Returns the cell that a row of the results is of."""
  fields = [field.name for field in dataclasses.fields(Cell)]
  return Cell(**{name: record[name] for name in fields})


def names() -> list[str]:
  """Returns the names of the table's cells, in its order."""
  return [
    Cell(width, column).name
    for width, row in published.ROWS.items()
    for column in row.settings
  ]


def chosen(
  patterns: Sequence[str],
  seeds: Sequence[int],
  epochs: int,
  *,
  whole: bool = False,
  teacher: float = published.TEACHER,
  notebook: bool = False,
) -> list[Cell]:
  """Returns cells, those that others learn from first.

  Args:
    patterns: Of names, as '0.05/*' or '*/kd'; none is all.
    seeds: Of the trainings.
    epochs: Of each.
    whole: See `Cell`, and so are the others.
    teacher: Likewise.
    notebook: Likewise.

  Raises:
    UserError: A pattern that no cell matches, or a teacher without a row.

  Example:
    >>> [cell.name for cell in chosen(['0.05/kd'], [0], 3)]
    ['1.4/aug', '0.05/kd']
  """
  if teacher not in published.ROWS:
    raise errors.unknown('teacher', teacher, map(str, published.ROWS))
  for pattern in patterns:
    if not fnmatch.filter(names(), pattern):
      raise errors.unknown('cell', pattern, names())
  found = []
  for seed in seeds:
    for name in names():
      if patterns and not any(fnmatch.fnmatch(name, p) for p in patterns):
        continue
      width, column = name.split('/')
      cell = Cell(float(width), column, seed, epochs, whole)
      if column == 'kd':
        cell = dataclasses.replace(cell, teacher=teacher, notebook=notebook)
      found += [*filter(None, [cell.taught_by()]), cell]
  return list(dict.fromkeys(found))
