"""The networks of the experiment, and their training in float."""

from collections.abc import Callable, Mapping
import dataclasses
import json
import pathlib
import time
from typing import Any

import results

from effnas import errors, files, train
from effnas.footprint import weights
from effnas.nn import fused, rewrite
from effnas.zoo import mobilenet_v2, survey_cnn

BATCH = 128
AUGMENT = ('flip', 'crop')


@dataclasses.dataclass(frozen=True)
class Network:
  """A network and its budget.

  Attributes:
    title: As it is called in tables.
    build: Makes the model.
    epochs: Of the training in float.
    lr: Highest learning rate of it.
    weight_decay: Of all trainings.
    tuning: Epochs of fine-tuning of a technique that has any.
    tuning_lr: Highest learning rate of it.
    pruning: What is different in it where weights are pruned.
    tuning_examples: Training images that it takes.
    sparse_epochs: Of a training that is sparse from the start.
  """

  title: str
  build: Callable[[], Any]
  epochs: int
  lr: float
  weight_decay: float
  tuning: int
  tuning_lr: float
  pruning: Mapping[str, Any]
  tuning_examples: int
  sparse_epochs: int

  def optim(self) -> dict[str, Any]:
    """Keyword arguments of `effnas.train.optim.make`."""
    return {
      'name': 'adamw',
      'lr': self.lr,
      'warmup': 0.1,
      'schedule': 'cosine',
      'weight_decay': self.weight_decay,
      'clip': 1.0,
    }


NETWORKS: Mapping[str, Network] = {
  'survey_cnn_025': Network(
    title='survey CNN, width 0.25',
    build=lambda: survey_cnn.SurveyCNN(width=0.25),
    epochs=10,
    lr=5e-3,
    weight_decay=1e-2,
    tuning=2,
    tuning_lr=5e-4,
    pruning={},
    tuning_examples=15_000,
    sparse_epochs=2,
  ),
  'mobilenet_v2_050': Network(
    title='MobileNetV2, width 0.5, stem of stride 1',
    build=lambda: mobilenet_v2.mobilenet_v2(
      0.5, classes=10, stem_stride=1, dropout=0.0
    ),
    epochs=10,
    lr=5e-3,
    weight_decay=1e-2,
    tuning=2,
    tuning_lr=5e-4,
    # Weights die while the learning rate is high, so that others adapt.
    pruning={'lr': 2e-3, 'end': 0.5},
    tuning_examples=15_000,
    sparse_epochs=1,
  ),
}


def chosen(name: str, smoke: bool) -> Network:
  """Returns a network by name.

  Args:
    name: One of `NETWORKS`.
    smoke: Whether every training takes one epoch.
  """
  found = NETWORKS[name]
  if not smoke:
    return found
  return dataclasses.replace(found, epochs=1, tuning=1, sparse_epochs=1)


def training(seed: int) -> dict[str, Any]:
  """Returns keyword arguments of `effnas.train.fit`, the epochs apart."""
  return {
    'batch_size': BATCH,
    'seed': seed,
    'augment': AUGMENT,
    'crop_padding': 3,
  }


def trained(
  network: Network,
  dataset: Any,
  folder: pathlib.Path,
  seed: int,
  report: Callable[[str], None],
) -> tuple[dict[str, Any], float]:
  """Trains a network in float, or reads what was trained before.

  Args:
    network: Which.
    dataset: As `effnas.train.fit` takes it.
    folder: Receives checkpoints, `float.safetensors` and `float.json`.
    seed: Of the training.
    report: Called with a line after each epoch.

  Returns:
    Its variables, and the seconds that its training took.

  Raises:
    UserError: The folder's network was trained with other settings.
  """
  file, record = folder / 'float.weights', folder / 'float.json'
  settings = {
    'epochs': network.epochs,
    'optim': network.optim(),
    'training': {**training(seed), 'augment': list(AUGMENT)},
    'train_examples': len(dataset.train.x),
  }
  if not record.is_file():
    folder.mkdir(parents=True, exist_ok=True)
    times = [time.monotonic()]

    def told(epoch, metrics):
      del epoch
      times.append(time.monotonic())
      shown = ' '.join(f'{k} {v:.4g}' for k, v in metrics.items())
      report(f'float: {shown}, {times[-1] - times[-2]:.0f} s')

    fitted = train.fit(
      rewrite.Rewritten(network.build(), fused.rules()),
      dataset,
      epochs=network.epochs,
      optim=network.optim(),
      checkpoint_dir=folder / 'checkpoints',
      checkpoint_every=2,
      eval_every=network.epochs,
      on_epoch=told,
      **training(seed),
    )
    files.write(file, weights.serialize(fitted.variables))
    seconds = round(time.monotonic() - times[0], 1)
    results.dump(record, {'seconds': seconds, 'settings': settings})
  found = json.loads(record.read_text())
  if found['settings'] != settings:
    raise errors.UserError(
      f'{folder} holds a network trained with other settings; choose another '
      '--workdir'
    )
  return weights.deserialize(file.read_bytes()), found['seconds']
