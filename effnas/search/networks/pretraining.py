"""Pre-training without labels, before the training of a config.

'train.pretrain' names what is learnt and for how long; the network is trained
on from there, on the rows that have a label:

    {'objective': {'name': 'simclr', 'at': 'stages_2'}, 'epochs': 60}
"""

from collections.abc import Mapping
import dataclasses
from typing import Any

import numpy as np

from effnas import arguments, errors
from effnas.learn import self_supervision
from effnas.recipe import context as recipe_context
from effnas.recipe import network as network_lib
from effnas.train import loop

NAME = 'pretrain'
# Settings of its own; the others are those of the training.
_OWN = ('batch_size', 'seed', 'augment', 'crop_padding', 'accumulate', 'dtype')
_KNOWN = ('objective', 'epochs', 'lr', *_OWN)


def _own(lr: arguments.Positive | None = None) -> None:
  """What the settings hold beside those of a training."""
  del lr


def check(settings: Any) -> None:
  """Raises a UserError for settings that cannot be.

  Args:
    settings: The config's 'train.pretrain'; None is no pre-training.
  """
  if settings is None:
    return
  if not isinstance(settings, Mapping):
    raise errors.UserError(
      "train.pretrain holds settings by name, as {'objective': 'rotation', "
      f"'epochs': 20}}; got {settings!r}"
    )
  for key in settings:
    if key not in _KNOWN:
      raise errors.unknown('setting of train.pretrain', key, _KNOWN)
  for key in ('objective', 'epochs'):
    if key not in settings:
      raise errors.UserError(
        f'train.pretrain lacks {key}; give it, as '
        "{'objective': 'rotation', 'epochs': 20}"
      )
  arguments.values(_own, settings, 'train.pretrain.')
  arguments.values(loop.fit, settings, 'train.pretrain.')
  self_supervision.configured(settings['objective'])


def pretrained(
  settings: Mapping[str, Any],
  network: network_lib.Network,
  context: recipe_context.Context,
) -> network_lib.Network:
  """Returns a network that has learned from its inputs alone.

  Args:
    settings: The config's 'train.pretrain'. Without 'augment' there is none
      but what the objective does itself.
    network: Where to start.
    context: Has all rows, with and without a label. Nothing is reported.

  Raises:
    UserError: A setting cannot be, or the network lacks the named module.
  """
  check(settings)
  given = dict(settings)
  objective = self_supervision.configured(given.pop('objective'))
  silent = dataclasses.replace(context, report=None)
  fitted = silent.fit(
    NAME,
    network,
    objective=objective,
    **{'augment': (), 'label_smoothing': 0.0, 'eval_every': 0, **given},
  )
  return network.replace(variables=fitted.variables)


def labelled(dataset: Any) -> Any:
  """Returns a data set without the training rows that lack a label.

  Args:
    dataset: The data; its training split is an array, or has all labels.
  """
  train = dataset.train
  known = np.asarray(train.y).reshape(len(train), -1).min(axis=1) >= 0
  if known.all():
    return dataset
  return dataclasses.replace(dataset, train=train.take(np.flatnonzero(known)))
