"""From a config and an architecture to a trained, converted network."""

from collections.abc import Callable, Mapping
import dataclasses
import pathlib
from typing import Any

from effnas import train
from effnas.recipe import artefact
from effnas.recipe import context as recipe_context
from effnas.recipe import network as network_lib
from effnas.search.networks import candidate as candidate_lib
from effnas.search.networks import compressing, pretraining, rebuilt, teaching
from effnas.search.scheduling import budget as budget_lib

Config = Mapping[str, Any]
Arch = Mapping[str, Any]

WEIGHTS = rebuilt.WEIGHTS
folder = rebuilt.folder
_OF_TRAINING = ('resolutions', 'curriculum', 'stop_after')


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
  network, context, _ = _trained(config, arch, folder, report, given, budget)
  return network, context


def _trained(
  config: Config,
  arch: Arch,
  folder: pathlib.Path,
  report: Callable[[int, Mapping[str, Any]], None],
  given: str | pathlib.Path | None,
  budget: budget_lib.Budget | None,
) -> tuple[network_lib.Network, recipe_context.Context, dict[str, Any]]:
  """Returns what `trained` does, and what the training has to tell beside."""
  dataset = candidate_lib.load_data(config)
  candidate = candidate_lib.build(config, arch)
  settings = dict(candidate.train)
  epochs, start = settings.pop('epochs'), settings.pop('init', None)
  every = settings.pop('checkpoint_every')
  distill, before = (
    settings.pop('distill', None),
    settings.pop('pretrain', None),
  )
  objective = teaching.objective(distill, settings, dataset)
  settings['objective'] = objective
  # These are plans for a whole training, which the further steps are not.
  own = {key: settings.pop(key) for key in _OF_TRAINING if key in settings}
  if 'curriculum' in own:
    own['curriculum'] = teaching.curriculum(own['curriculum'], config)
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
    network = network_lib.Network(candidate.net, artefact.read(given))
    return network, context, {}
  variables = artefact.read(start) if start else None
  network = network_lib.Network(candidate.net, variables)
  if before is not None:
    if 'parent_dir' not in further:
      network = pretraining.pretrained(before, network, context)
    if objective is None:
      dataset = pretraining.labelled(dataset)
      context = dataclasses.replace(context, dataset=dataset)
  fitted = context.fit(
    compressing.TRAINING, network, epochs=epochs, **own, **further
  )
  stopped = fitted.stopped_epoch
  told = {} if stopped is None else {'stopped_epoch': stopped}
  return network.replace(variables=fitted.variables), context, told


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
    Quality on the validation split, of the converted network; with
    'train.stop_after' also 'stopped_epoch', the training's last.
  """
  network, context, told = _trained(config, arch, folder, report, None, budget)
  network = candidate_lib.build(config, arch).recipe.apply(network, context)
  found = artefact.converted(network, *context.inputs)
  dataset = context.dataset
  quality = train.evaluate(found.net, found.variables, dataset.valid, dataset)
  artefact.write(found, folder / WEIGHTS)
  budget_lib.settle(folder, budget)
  return {**quality, **told}


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
    UserError: The file is missing, or not of this network.
  """
  dataset = candidate_lib.load_data(config)
  takes = tuple(dataset.input_shape), recipe_context.input_dtype(dataset)
  found = rebuilt.network(config, arch, folder / WEIGHTS, *takes)
  return train.evaluate(found.net, found.variables, dataset.test, dataset)
