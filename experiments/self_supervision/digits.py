"""Digits: pre-trained without labels, then trained on with a few of them."""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
import time
from typing import Any

import numpy as np

from effnas import data as data_lib
from effnas import train
from effnas.data import split as split_lib
from effnas.learn import self_supervision
from effnas.zoo import resnet_cifar

SEEDS = 5
LABELS = (10, 20, 50, 100, 1079)  # the last are all
AT = 'stages_2'  # behind it there are only the mean and the classifier
# Name of an objective, its fields, epochs and batch of the pre-training.
PRETEXTS: dict[str, tuple[str, dict[str, Any], int, int]] = {
  'rotation': ('rotation', {}, 20, 64),
  'SimCLR': (
    'simclr',
    {
      'temperature': 0.2,
      'views': [
        {'name': 'scale', 'low': 0.7, 'high': 1.4},
        {'name': 'rotate', 'degrees': 20.0},
        {'name': 'crop', 'padding': 1},
        {'name': 'cutout', 'share': 0.4},
      ],
    },
    60,
    256,
  ),
}
# What the inputs of the training with labels are augmented by.
AUGMENT: dict[str, list[str]] = {
  'plain': [],
  'augmented': ['scale', 'rotate', 'crop'],
}
STARTS = ('scratch', *PRETEXTS)
# Highest learning rates, without and with labels. The latter was the best or
# as good as that of 1e-3, 3e-3 and 1e-2 for each start, and 3e-2 was worse from
# scratch: validation images, seed 100, 10 to 100 labels.
PRETRAINING_RATE = 3e-3
RATE = 1e-2


def network() -> Any:
  """Returns the network: eight layers, 8 to 32 channels."""
  return resnet_cifar.resnet_cifar(8, (8, 16, 32))


@functools.cache
def dataset() -> data_lib.Dataset:
  """Returns the digits, the same parts for all seeds."""
  return data_lib.load('digits')


def labelled(labels: int, seed: int) -> data_lib.Dataset:
  """Returns the digits with a part of the training images.

  Args:
    labels: How many, classes in their proportions.
    seed: Of the draw.
  """
  whole = dataset()
  rng = np.random.default_rng([seed, labels])
  chosen = split_lib.stratified(whole.train.y, labels, rng)
  # The preparation stays that of all images: it needs no labels.
  return dataclasses.replace(whole, train=whole.train.take(chosen))


def pretrained(name: str, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
  """Trains without labels.

  Args:
    name: One of `PRETEXTS`.
    seed: Of drawn weights, order and views.

  Returns:
    The variables without the classifier's, and what was noted: loss and
    accuracy of the last epoch, CPU seconds.
  """
  objective, fields, epochs, batch = PRETEXTS[name]
  start = time.process_time()
  fitted = train.fit(
    network(),
    dataset(),
    epochs=epochs,
    batch_size=batch,
    seed=seed,
    optim={'lr': PRETRAINING_RATE},
    objective=self_supervision.make(objective, {'at': AT, **fields}),
  )
  last = fitted.history[-1]
  variables = dict(fitted.variables)
  variables['params'] = {
    k: v for k, v in variables['params'].items() if k != 'classifier'
  }
  return variables, {
    'loss': round(last['train_loss'], 4),
    'accuracy': round(last['train_accuracy'], 4),
    'seconds': round(time.process_time() - start, 1),
  }


def accuracy(
  labels: int,
  seed: int,
  *,
  augment: Sequence[str],
  rate: float = RATE,
  variables: Mapping[str, Any] | None = None,
  part: str = 'test',
) -> float:
  """Trains with labels and returns the accuracy.

  Args:
    labels: How many images have one.
    seed: Of their draw, drawn weights, order and augmentation.
    augment: Augmentations.
    rate: The highest learning rate.
    variables: To start from; None draws all.
    part: 'test' or 'valid'.
  """
  few = labelled(labels, seed)
  batch = min(32, labels)
  # 300 steps, and 30 epochs where there are many labels.
  epochs = 30 if labels > 100 else 300 // (labels // batch)
  fitted = train.fit(
    network(),
    few,
    epochs=epochs,
    batch_size=batch,
    seed=seed,
    optim={'lr': rate},
    augment=augment,
    crop_padding=1,
    variables=variables,
  )
  told = train.evaluate(network(), fitted.variables, getattr(few, part), few)
  return told['accuracy']


def measure(seed: int) -> dict[str, Any]:
  """Returns all results of a seed.

  Args:
    seed: The seed.

  Returns:
    'pretexts', what was noted of each pre-training; 'test', the test accuracy
    by start and augmentation, one for each of `LABELS`.
  """
  started: dict[str, Any] = {'scratch': None}
  noted = {}
  for name in PRETEXTS:
    started[name], noted[name] = pretrained(name, seed)
  test: dict[str, dict[str, list[float]]] = {}
  for start, variables in started.items():
    test[start] = {
      augmented: [
        round(
          accuracy(
            labels,
            seed,
            augment=AUGMENT[augmented],
            variables=variables,
          ),
          5,
        )
        for labels in LABELS
      ]
      for augmented in AUGMENT
    }
  return {'pretexts': noted, 'test': test}
