"""What is wrong with the techniques of a training, told before it starts."""

from collections.abc import Mapping
import inspect
from typing import Any

import jax
import jax.numpy as jnp

from effnas.learn import augment
from effnas.learn import objective as objective_lib
from effnas.recipe import artefact
from effnas.search.networks import pretraining, teaching
from effnas.train import checks, curriculum, loop, stopping
from effnas.train import resolutions as resolutions_lib
from effnas.train import rows as rows_lib


def techniques(train: Mapping[str, Any], dataset: Any) -> None:
  """Checks what would make every trial fail alike; starts no backend.

  Args:
    train: Settings of a candidate's training.
    dataset: The data.

  Raises:
    UserError: An augmentation does not suit the data or the batch, a teacher
      cannot be read, or a setting is out of range.
  """
  settings = _settled(train)
  if train.get('init'):
    artefact.read(train['init'])
  named = ('epochs', 'batch_size', 'accumulate')
  checks.counts(dataset.train, {name: settings[name] for name in named})
  checks.names(settings['augment'])
  change = augment.make(
    settings['augment'],
    crop_padding=settings['crop_padding'],
    classes=dataset.classes,
  )
  if change.changes:
    _changed(change, settings, dataset)
  stopping.check(settings['stop_after'], settings['eval_every'])
  course = settings['curriculum']
  if isinstance(course, Mapping) and course.get('teacher') is not None:
    teaching.teacher(course['teacher'], dataset)
    course = {**course, 'after': 1}
  if isinstance(course, Mapping):
    course = {k: v for k, v in course.items() if k != 'teacher'}
  curriculum.make(course)
  pretraining.check(train.get('pretrain'))
  objective = teaching.objective(train.get('distill'), settings, dataset)
  if train.get('pretrain') is None:  # otherwise only labelled rows are left
    minimised = objective or objective_lib.CrossEntropy()
    rows_lib.check_labels(dataset.train.y, minimised)


def resolutions(
  train: Mapping[str, Any], net: Any, inputs: jax.ShapeDtypeStruct
) -> None:
  """Finds a network that cannot be trained at other resolutions.

  Args:
    train: Settings of a candidate's training.
    net: Its network.
    inputs: A prepared batch.
  """
  sides = resolutions_lib.pieces(_settled(train)['resolutions'])
  resolutions_lib.check(net, inputs, sides)


def _settled(train: Mapping[str, Any]) -> dict[str, Any]:
  """The settings with those that a config leaves out."""
  parameters = inspect.signature(loop.fit).parameters.values()
  return {p.name: p.default for p in parameters} | dict(train)


def _changed(
  change: augment.Augment, settings: Mapping[str, Any], dataset: Any
) -> None:
  """Augments a batch of shapes, with all complaints that this has."""
  part = dataset.train
  rows = min(settings['batch_size'], len(part.x)) * settings['accumulate']
  x = jax.ShapeDtypeStruct((rows, *part.x.shape[1:]), part.x.dtype)
  y = jax.ShapeDtypeStruct((rows, *part.y.shape[1:]), part.y.dtype)

  def one(x, y):
    key = jax.random.key(0)
    return change(key, x, y, dataset.prepare, lambda x, _: jnp.zeros(len(x)))

  jax.eval_shape(one, x, y)
