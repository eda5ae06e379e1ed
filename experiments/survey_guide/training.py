"""The training of a cell, epoch by epoch, with both ways to choose one.

The survey keeps the epoch that is best on the *test* images. Beside it stands
the epoch that is best on validation images which are not trained on; the test
images then only say how good it is.
"""

from collections.abc import Callable, Mapping
import dataclasses
import functools
import json
import pathlib
import time
from typing import Any

import cells
import jax
import numpy as np
import published
import results

from effnas import data, errors, files, train
from effnas.footprint import weights
from effnas.learn import distillation
from effnas.nn import fused, rewrite

# Which images each choice looks at.
CHOICES = {'survey': 'test', 'clean': 'valid'}
# The plateau rule of the survey (Keras's, with its smallest gain).
_FACTOR, _PATIENCE, _GAIN = 0.1**0.5, 5, 1e-4


class OutOfTime(Exception):
  """The time that was given is over; a later call goes on."""


@dataclasses.dataclass(frozen=True)
class Trained:
  """A cell's trained network.

  Attributes:
    variables: By choice; 'clean' is missing where all images are trained on.
    rows: By choice, its 'epoch' and accuracies, in shares.
    seconds: Of the training and the evaluation of each epoch.
    curve: For each epoch its accuracies on the validation and test images.
  """

  variables: Mapping[str, Any]
  rows: Mapping[str, Mapping[str, Any]]
  seconds: float
  curve: list[dict[str, Any]]


def load(
  path: str | None, *, verify: bool, limit: int | None = None
) -> data.Dataset:
  """Loads CIFAR-10 as the survey prepares it, x / 127.5 - 1.

  Args:
    path: As for `effnas.data.load`.
    verify: Whether checksums must be the official ones.
    limit: Images to train on; None is all that are not for validation.
  """
  dataset = data.load(
    name='cifar10', path=path, verify=verify, seed=0, limit=limit
  )
  half = (0.5, 0.5, 0.5)
  return dataclasses.replace(dataset, mean=half, std=half)


def images(cell: cells.Cell, dataset: data.Dataset) -> data.Dataset:
  """Returns the data set that a cell trains on."""
  if not cell.whole:
    return dataset
  parts = dataset.train, dataset.valid
  joined = data.Split(
    np.concatenate([part.x for part in parts]),
    np.concatenate([part.y for part in parts]),
  )
  return dataclasses.replace(dataset, train=joined, valid=dataset.test)


def network(cell: cells.Cell) -> rewrite.Rewritten:
  """Returns the network of a cell, in float."""
  return rewrite.Rewritten(cell.model(), fused.rules())


def arguments(
  cell: cells.Cell, dataset: data.Dataset, teacher: Any
) -> dict[str, Any]:
  """Returns what a cell hands to `effnas.train.fit`, its epochs apart.

  Args:
    cell: The cell.
    dataset: What it trains on.
    teacher: Variables of its teacher, where it has one.
  """
  found: dict[str, Any] = {
    'batch_size': published.BATCH,
    'seed': cell.seed,
    'augment': cell.augment(),
  }
  taught_by = cell.taught_by()
  if taught_by is None:
    return found
  found['objective'] = distillation.make(
    [(network(taught_by), teacher)],
    inputs=jax.ShapeDtypeStruct((1, *dataset.input_shape), np.float32),
    classes=dataset.classes,
    augmented=True,
    hard=1.0,
    alpha=cell.settings.alpha,
    temperature=1.0,
    t_squared=False,
    softmax_twice=cell.notebook,
    sees='plain' if cell.notebook else 'same',
  )
  return found


@dataclasses.dataclass
class Plateau:
  """Lowers the learning rate when nothing improves.

  Attributes:
    sign: 1 where more is better, -1 where less is.
    best: Of the values so far, times the sign.
    waited: Epochs since then.
    falls: How often the rate fell.

  Reference:
    `keras.callbacks.ReduceLROnPlateau`
  """

  sign: int
  best: float = float('-inf')
  waited: int = 0
  falls: int = 0

  def see(self, value: float) -> None:
    """Takes the value of an epoch.

    Example:
      >>> rule = Plateau(1)
      >>> for value in (0.5, *[0.5] * 5):
      ...   rule.see(value)
      >>> rule.falls, rule.waited
      (1, 0)
    """
    if self.sign * value > self.best + _GAIN:
      self.best, self.waited = self.sign * value, 0
      return
    self.waited += 1
    if self.waited >= _PATIENCE:
      self.falls, self.waited = self.falls + 1, 0

  def rate(self, lr: float) -> float:
    """Returns the learning rate of now, from the first one."""
    return lr if not self.falls else max(lr * _FACTOR**self.falls, _least(lr))


def _least(lr: float) -> float:
  return min(lr, cells.LEAST_LR)


def train_cell(
  cell: cells.Cell,
  dataset: data.Dataset,
  folder: pathlib.Path,
  *,
  teacher: Any = None,
  report: Callable[[str], None] = print,
  end: float = float('inf'),
) -> Trained:
  """Trains a cell, or goes on, or reads what was trained before.

  Args:
    cell: The cell.
    dataset: CIFAR-10, see `load`.
    folder: Receives checkpoints, weights and `progress.json`.
    teacher: Variables of its teacher, where it has one.
    report: Called with a line after each epoch.
    end: On `time.monotonic`: no epoch begins after it.

  Returns:
    The trained network.

  Raises:
    OutOfTime: There are epochs left.
    UserError: The folder holds another training.
  """
  dataset = images(cell, dataset)
  own = arguments(cell, dataset, teacher)
  net, path = network(cell), folder / 'progress.json'
  monitored = cell.monitored
  state = {
    'settings': _settings(cell, dataset, own),
    'curve': [],
    'plateau': dataclasses.asdict(Plateau(-1 if monitored == 'loss' else 1)),
    'seconds': 0.0,
  }
  if path.is_file():
    found = json.loads(path.read_text(encoding='utf-8'))
    if found['settings'] != state['settings']:
      raise errors.UserError(
        f'{folder} holds a training with other settings or data; choose '
        'another --workdir'
      )
    state = found
  # A dict of JSON has no infinity.
  rule = Plateau(
    **{**state['plateau'], 'best': float(state['plateau']['best'])}
  )
  fit = functools.partial(train.fit, net, dataset, epochs=cell.epochs, **own)
  for epoch in range(len(state['curve']) + 1, cell.epochs + 1):
    if time.monotonic() > end:
      raise OutOfTime
    begun = time.monotonic()
    place = folder / f'rate{rule.falls}'
    parent = folder / f'rate{rule.falls - 1}' if rule.falls else None
    fitted = fit(
      optim=cell.optim(rule.rate(cell.settings.lr)),
      until=epoch,
      checkpoint_dir=place,
      parent_dir=parent,
    )
    row = _evaluated(cell, net, fitted.variables, dataset)
    state['curve'].append({'epoch': epoch, **row})
    for choice in _choices(cell):
      if _best(state['curve'], choice)['epoch'] == epoch:
        _put(folder / f'{choice}.weights', weights.serialize(fitted.variables))
    if monitored:
      rule.see(row[f'valid_{monitored}'])
    state['plateau'] = {**dataclasses.asdict(rule), 'best': str(rule.best)}
    seconds = time.monotonic() - begun
    state['seconds'] = round(state['seconds'] + seconds, 1)
    results.write(path, state)
    loss = fitted.history[-1]['train_loss']
    report(
      f'{cell.folder}: epoch {epoch}, loss {loss:.3f}, valid '
      f'{row["valid_accuracy"]:.4f}, test {row["test_accuracy"]:.4f}, '
      f'{seconds:.0f} s'
    )
  return Trained(
    {
      choice: weights.deserialize((folder / f'{choice}.weights').read_bytes())
      for choice in _choices(cell)
    },
    {choice: _best(state['curve'], choice) for choice in _choices(cell)},
    state['seconds'],
    state['curve'],
  )


def _choices(cell: cells.Cell) -> list[str]:
  return [c for c in CHOICES if c == 'survey' or not cell.whole]


def _best(curve: list[dict[str, Any]], choice: str) -> dict[str, Any]:
  """The first epoch that is best by the choice's images."""
  return max(curve, key=lambda row: row[f'{CHOICES[choice]}_accuracy'])


def _evaluated(cell, net, variables, dataset):
  found = {}
  splits = {'test': dataset.test, 'valid': dataset.valid}
  for name, split in splits.items():
    if name == 'valid' and cell.whole:
      found |= {
        f'valid_{key}': found[f'test_{key}'] for key in ('accuracy', 'loss')
      }
      continue
    got = train.evaluate(net, variables, split, dataset)
    found[f'{name}_accuracy'] = round(got['accuracy'], 4)
    found[f'{name}_loss'] = round(got['loss'], 4)
  return found


def _settings(cell, dataset, own):
  settings = {
    **cell.record(),
    'lr': cell.settings.lr,
    'optim': cell.optim(),
    'augment': cell.augment(),
    'objective': repr(own.get('objective')),
    'train': len(dataset.train.x),
    'verified': dataset.provenance['verified'],
  }
  return json.loads(json.dumps(settings))


def _put(path: pathlib.Path, content: bytes) -> None:
  files.made(path.parent)
  files.write(path, content)
