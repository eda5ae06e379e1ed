"""One candidate: what an architecture stands for under a config."""

from collections.abc import Callable, Mapping
import dataclasses
import functools
import inspect
import json
from typing import Any

import numpy as np

from effnas import arguments as arguments_lib
from effnas import data as data_lib
from effnas import errors, quant, space, train, zoo
from effnas.nn import once, rewrite
from effnas.recipe import artefact, pipeline
from effnas.recipe import network as network_lib
from effnas.search import declared, sections
from effnas.search.networks import compressing
from effnas.train import optim as optim_lib

Config = Mapping[str, Any]
Arch = Mapping[str, Any]

# Sections of a config that the space's tree may hold choices for.
_SECTIONS = ('quant', 'optim', 'train', 'compress')


@dataclasses.dataclass(frozen=True)
class Candidate:
  """What an arch stands for under a config.

  Attributes:
    net: The network under the rules it is trained with.
    optim: Keyword arguments of `effnas.train.optim.make`.
    train: Keyword arguments of `effnas.train.fit`, and 'init', 'pretrain' and
      'distill'.
    recipe: What it goes through after the training.
  """

  net: rewrite.Rewritten
  optim: Mapping[str, Any]
  train: Mapping[str, Any]
  recipe: pipeline.Pipeline = pipeline.NOTHING

  @property
  def epochs(self) -> int:
    """Epochs of the training and of all steps after it."""
    return self.train['epochs'] + sum(s.epochs for s in self.recipe.steps)

  def plan(
    self, input_shape: tuple[int, ...], dtype: Any
  ) -> network_lib.Network:
    """Returns what will be deployed, from shapes alone.

    Args:
      input_shape: Of one example, without the batch.
      dtype: Of the prepared inputs.

    Raises:
      UserError: A step does not fit, or needs values.
    """
    kind = np.dtype(dtype).name
    return once.once(_plan, self.net, self.recipe, tuple(input_shape), kind)

  def structure(
    self, input_shape: tuple[int, ...], dtype: Any
  ) -> network_lib.Network:
    """Returns what the steps make of it, before it is converted.

    Unlike `plan` it may leave open what the weights file will take.

    Args:
      input_shape: Of one example, without the batch.
      dtype: Of the prepared inputs.

    Raises:
      UserError: A step does not fit, or trained values decide the shapes.
    """
    found = network_lib.planned(self.net, input_shape, dtype)
    return self.recipe.structure(found, input_shape, dtype)


@functools.lru_cache(maxsize=64)
def _plan(
  net: rewrite.Rewritten,
  recipe: pipeline.Pipeline,
  input_shape: tuple[int, ...],
  dtype: str,
) -> network_lib.Network:
  found = network_lib.planned(net, input_shape, dtype)
  found = recipe.plan(found, input_shape, dtype)
  return artefact.converted(found, input_shape, dtype)


def load_space(config: Config) -> space.Space:
  """Returns the space that a config names, a short name being the zoo's.

  Choices in the sections 'quant', 'optim', 'train' and 'compress' are part of
  it, see `effnas.search.declared`.

  Raises:
    UserError: There is none of that name, or it has no part 'model'.
  """
  arguments = _canonical(sections.value(config, 'space_args'))
  choices = {name: config.get(name, {}) for name in _SECTIONS}
  return _load_space(
    sections.value(config, 'space'), arguments, _canonical(choices)
  )


def load_data(config: Config) -> data_lib.Dataset:
  """Returns the data set of a config; workers load each once."""
  sections.check(sections.value(config, 'data'), 'data')
  return _load_data(_canonical(config['data']))


def build(config: Config, arch: Arch) -> Candidate:
  """Builds the candidate of an arch.

  Args:
    config: Holds 'space', 'space_args', 'quant', 'optim', 'train', and may hold
      'compress'. What the space's tree says under one of the last four takes
      precedence.
    arch: A point of the space.

  Returns:
    The candidate; nothing is allocated.

  Raises:
    UserError: The arch is none of the space's, or the config lacks something.
  """
  tree = load_space(config).build(dict(arch))
  for part in tree:
    if part not in ('model', *_SECTIONS):
      raise errors.unknown('part of a space', part, ('model', *_SECTIONS))
  if 'model' not in tree:
    raise errors.UserError(f"the space {config['space']!r} has no part 'model'")
  arguments = {}
  for section, accepted in _accepted().items():
    given = declared.merged(
      sections.value(config, section), tree.get(section, {})
    )
    for key in given:
      if key not in accepted:
        raise errors.unknown(f'setting of {section}', key, accepted)
    sections.check(given, section)
    for key, value in given.items():
      named = {key: value}
      arguments_lib.values(accepted[key], named, f'{section}.')
    arguments[section] = given
  return Candidate(
    rewrite.Rewritten(tree['model'], quant.rules(**arguments['quant'])),
    arguments['optim'],
    arguments['train'],
    compressing.recipe(
      declared.merged(config.get('compress', {}), tree.get('compress', {})),
      arguments['quant'],
    ),
  )


@functools.cache
def _accepted() -> dict[str, dict[str, Callable[..., Any]]]:
  """The keys of each section, and whose argument each is."""
  functions: dict[str, Callable[..., Any]] = {
    'quant': quant.rules,
    'optim': optim_lib.make,
    'train': train.fit,
  }
  supplied = {'steps', 'net', 'dataset', 'optim', 'checkpoint_dir', 'wrap'}
  supplied |= {'on_epoch', 'variables', 'objective', 'until', 'parent_dir'}
  accepted = {  # `steps.load` checks those of 'compress'
    section: {
      k: f for k in inspect.signature(f).parameters if k not in supplied
    }
    for section, f in functions.items()
  }
  own = inspect.signature(_of_training).parameters
  accepted['train'] |= dict.fromkeys(own, _of_training)
  return accepted


def _of_training(
  init: str | None = None,
  pretrain: Mapping[str, Any] | None = None,
  distill: Mapping[str, Any] | None = None,
  checkpoint_every: arguments_lib.Whole = 0,
) -> None:
  """What 'train' holds that `train.fit` does not take, or not so.

  Args:
    init: A weights file to start from.
    pretrain: What is learnt without labels before.
    distill: What is learnt from teachers.
    checkpoint_every: As for `fit`, and 0 for none.
  """
  del init, pretrain, distill, checkpoint_every


def _canonical(value: Any) -> str:
  return json.dumps(value, sort_keys=True)


@functools.lru_cache(maxsize=8)
def _load_space(name: str, arguments: str, settings: str) -> space.Space:
  if ':' not in name and name not in zoo.spaces():
    raise errors.unknown('space', name, zoo.spaces())
  function = zoo.spaces().get(name, name)
  loaded = space.load_as(function, name, json.loads(arguments))
  choices = declared.found(json.loads(settings))
  if not choices:
    return loaded
  return space.Space(declared.joined(loaded.tree, choices))


@functools.lru_cache(maxsize=2)
def _load_data(arguments: str) -> data_lib.Dataset:
  return data_lib.load(**json.loads(arguments))
