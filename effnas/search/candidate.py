"""One candidate: from a config and an arch to a trained, converted network."""

from collections.abc import Callable, Mapping
import dataclasses
import functools
import inspect
import json
import logging
import pathlib
from typing import Any

import jax
import numpy as np

from effnas import data as data_lib
from effnas import errors, quant, space, train, zoo
from effnas.learn import augment
from effnas.nn import once, rewrite
from effnas.recipe import artefact, pipeline
from effnas.recipe import context as recipe_context
from effnas.recipe import network as network_lib
from effnas.search import compressing, declared, sections
from effnas.search import costs as costs_lib
from effnas.search import metrics as metrics_lib
from effnas.search import problem as problem_lib
from effnas.search import settings as settings_lib
from effnas.search.scheduling import budget as budget_lib
from effnas.train import optim as optim_lib

_log = logging.getLogger(__name__)

Config = Mapping[str, Any]
Arch = Mapping[str, Any]

# Sections of a config that the space's tree may hold choices for.
_SECTIONS = ('quant', 'optim', 'train', 'compress')
WEIGHTS = 'weights.safetensors'


@dataclasses.dataclass(frozen=True)
class Candidate:
  """What an arch stands for under a config.

  Attributes:
    net: The network under the rules it is trained with.
    optim: Keyword arguments of `effnas.train.optim.make`.
    train: Keyword arguments of `effnas.train.fit`.
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


def problem(config: Config) -> problem_lib.Problem:
  """Returns the search problem of a config.

  Its functions need no backend and train nothing.

  Args:
    config: As for `build`, with 'data', 'footprint' and 'search' beside. Under
      'footprint', 'targets' names the devices to give latencies for, beside
      those of objectives and constraints; 'batch' the examples at a time where
      a target names none (None: as many as a calibrated target was measured
      at, else 1); and 'compile' the devices whose compiler tells the memory
      that the networks of the front take, after the search.

  Raises:
    UserError: A section does not fit.
  """
  found = load_space(config)
  dataset = load_data(config)
  settings = settings_lib.make(sections.value(config, 'search'))
  asked, after = (
    costs_lib.asked(config, dataset),
    costs_lib.compiled(config, dataset),
  )
  asked.check()
  after.check()
  budget_lib.check(config, settings, found.decisions)
  sample = build(config, found.sample(np.random.default_rng(0)))
  _check(sample, dataset, asked.input_dtype)
  asked.counted(sample)  # finds a bad batch before anything starts
  told = dataclasses.replace(asked, metrics=(*asked.metrics, *after.metrics))
  return problem_lib.Problem(
    space=found,
    objectives=tuple(settings.objectives),
    footprint=lambda arch: asked.measure(build(config, arch)),
    constraints=settings.constraints,
    provenance=dataset.provenance,
    sources=lambda arch: told.sources(build(config, arch)),
  )


def trained(
  config: Config,
  arch: Arch,
  folder: pathlib.Path,
  report: Callable[[int, Mapping[str, Any]], None],
  given: str | pathlib.Path | None = None,
  budget: budget_lib.Budget | None = None,
) -> tuple[network_lib.Network, recipe_context.Context]:
  """Trains a candidate; nothing is converted yet.

  Args:
    config: As for `problem`. 'train.init' may name a weights file to start
      from: what it has under the candidate's paths and shapes is taken, the
      rest is drawn.
    arch: The candidate.
    folder: Receives checkpoints where 'train.checkpoint_every' is not 0; a
      training cut off goes on from them.
    report: Called with epoch (from 1) and metrics after each epoch, also those
      of the candidate's further steps.
    given: The weights file of the trained network, where there is one.
    budget: How far it trains; None is to the end.

  Returns:
    The network, and what its further steps are given.
  """
  dataset = load_data(config)
  candidate = build(config, arch)
  settings = dict(candidate.train)
  epochs, start = settings.pop('epochs'), settings.pop('init', None)
  every = settings.pop('checkpoint_every')
  until, every, further = budget_lib.resolved(budget, epochs, every)
  context = recipe_context.Context(
    dataset,
    settings,
    candidate.optim,
    compressing.following(until, candidate.recipe.steps, report),
    budget_lib.training(folder),
    every,
  )
  if given is not None:
    return network_lib.Network(candidate.net, artefact.read(given)), context
  variables = artefact.read(start) if start else None
  network = network_lib.Network(candidate.net, variables)
  fitted = context.fit(compressing.TRAINING, network, epochs=epochs, **further)
  return network.replace(variables=fitted.variables), context


def fit(
  config: Config,
  arch: Arch,
  folder: pathlib.Path,
  report: Callable[[int, Mapping[str, Any]], None],
  budget: budget_lib.Budget | None = None,
) -> dict[str, Any]:
  """Trains a candidate, converts it, and evaluates what would be deployed.

  Args:
    config: As for `trained`.
    arch: The candidate.
    folder: Receives the weights file, and checkpoints meanwhile.
    report: As for `trained`.
    budget: As for `trained`; with one the training's checkpoints are kept.

  Returns:
    Quality on the validation split, of the converted network.
  """
  network, context = trained(config, arch, folder, report, budget=budget)
  network = build(config, arch).recipe.apply(network, context)
  found = artefact.converted(network, *context.inputs)
  dataset = context.dataset
  quality = train.evaluate(found.net, found.variables, dataset.valid, dataset)
  artefact.write(found, folder / WEIGHTS)
  budget_lib.settle(folder, budget)
  return quality


def evaluate(
  task: Mapping[str, Any],
  arch: Arch,
  trial: int,
  report: Callable[[int, Mapping[str, Any]], None],
) -> dict[str, Any]:
  """Evaluates a trial on a worker; see `effnas.search.running.evaluation`."""
  own = folder(task['workdir'], trial)
  return fit(task['config'], arch, own, report, budget_lib.read(task))


tidy = budget_lib.tidy


def test(task: Mapping[str, Any], arch: Arch, trial: int) -> dict[str, Any]:
  """Evaluates the weights file of a finished trial on the test split.

  What the config has under 'footprint.compile' is told here too.

  Args:
    task: {'config': ..., 'workdir': ...}.
    arch: The trial's.
    trial: Its id.

  Returns:
    'test_accuracy' and so on: the quality of the file, as it would be loaded
    elsewhere. Then 'peak_memory_bytes@T' for each T that it is compiled for;
    where that fails, 'failed_to_compile@T' says why.

  Raises:
    UserError: The file is missing or no weights file.
  """
  config = task['config']
  quality = test_weights(config, arch, folder(task['workdir'], trial))
  found: dict[str, Any] = {f'test_{n}': value for n, value in quality.items()}
  costs = costs_lib.compiled(config, load_data(config))
  for metric in costs.metrics:
    try:
      memory = costs.memory(build(config, arch), str(metric.target))
    except errors.UserError as e:
      _log.warning('trial %d, %s: %s', trial, metric.target, e)
      found[metrics_lib.UNCOMPILED + str(metric.target)] = str(e)
    else:
      found[metric.name] = memory
  return found


def test_weights(
  config: Config, arch: Arch, folder: pathlib.Path
) -> dict[str, float]:
  """Evaluates a weights file on the test split, as if loaded elsewhere.

  Args:
    config: As for `problem`.
    arch: The candidate.
    folder: What `fit` got.

  Returns:
    'accuracy' and so on.

  Raises:
    UserError: The file is missing or no weights file.
  """
  variables = artefact.read(folder / WEIGHTS)
  dataset = load_data(config)
  dtype = recipe_context.input_dtype(dataset)
  plan = build(config, arch).plan(tuple(dataset.input_shape), dtype)
  return train.evaluate(plan.net, variables, dataset.test, dataset)


def folder(workdir: str | pathlib.Path, trial: int) -> pathlib.Path:
  """Returns where a trial's files lie in a workdir."""
  return pathlib.Path(workdir) / 'checkpoints' / str(trial)


@functools.cache
def _accepted() -> dict[str, list[str]]:
  """The keys of each section: the arguments of one function."""
  functions: dict[str, Callable[..., Any]] = {
    'quant': quant.rules,
    'optim': optim_lib.make,
    'train': train.fit,
  }
  supplied = {'steps', 'net', 'dataset', 'optim', 'checkpoint_dir', 'wrap'}
  supplied |= {'on_epoch', 'variables', 'objective', 'until', 'parent_dir'}
  accepted = {  # `steps.load` checks those of 'compress'
    section: [k for k in inspect.signature(f).parameters if k not in supplied]
    for section, f in functions.items()
  }
  accepted['train'].append('init')  # a weights file to start from
  return accepted


def _canonical(value: Any) -> str:
  return json.dumps(value, sort_keys=True)


@functools.lru_cache(maxsize=8)
def _load_space(name: str, arguments: str, settings: str) -> space.Space:
  if ':' not in name:
    if name not in zoo.spaces():
      raise errors.unknown('space', name, zoo.spaces())
    name = zoo.spaces()[name]
  loaded = space.load(name, **json.loads(arguments))
  choices = declared.found(json.loads(settings))
  if not choices:
    return loaded
  return space.Space(declared.joined(loaded.tree, choices))


@functools.lru_cache(maxsize=2)
def _load_data(arguments: str) -> data_lib.Dataset:
  return data_lib.load(**json.loads(arguments))


def _check(candidate: Candidate, dataset: data_lib.Dataset, dtype: Any) -> None:
  """Finds before training what would make every trial fail alike."""
  optim_lib.make(1, **candidate.optim)
  augment.make(
    candidate.train['augment'], crop_padding=candidate.train['crop_padding']
  )
  x = jax.ShapeDtypeStruct((1, *dataset.input_shape), dtype)
  # Without rules: AQT asks for the devices, and the driver must not.
  net = rewrite.Rewritten(candidate.net.model)
  logits = jax.eval_shape(
    lambda x: net.init_with_output(jax.random.key(0), x)[0], x
  )
  if logits.shape[-1] != dataset.classes:
    raise errors.UserError(
      f'the network gives {logits.shape[-1]} logits, but {dataset.name} has '
      f'{dataset.classes} classes; set space_args.classes'
    )
