"""From a config and an architecture to a trained, converted network."""

from collections.abc import Callable, Mapping
import pathlib
from typing import Any

from effnas import train
from effnas.recipe import artefact
from effnas.recipe import context as recipe_context
from effnas.recipe import network as network_lib
from effnas.search.networks import candidate as candidate_lib
from effnas.search.networks import compressing
from effnas.search.scheduling import budget as budget_lib

Config = Mapping[str, Any]
Arch = Mapping[str, Any]

WEIGHTS = 'weights.safetensors'


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
  dataset = candidate_lib.load_data(config)
  candidate = candidate_lib.build(config, arch)
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
  network = candidate_lib.build(config, arch).recipe.apply(network, context)
  found = artefact.converted(network, *context.inputs)
  dataset = context.dataset
  quality = train.evaluate(found.net, found.variables, dataset.valid, dataset)
  artefact.write(found, folder / WEIGHTS)
  budget_lib.settle(folder, budget)
  return quality


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
  dataset = candidate_lib.load_data(config)
  dtype = recipe_context.input_dtype(dataset)
  plan = candidate_lib.build(config, arch).plan(
    tuple(dataset.input_shape), dtype
  )
  return train.evaluate(plan.net, variables, dataset.test, dataset)


def folder(workdir: str | pathlib.Path, trial: int) -> pathlib.Path:
  """Returns where a trial's files lie in a workdir."""
  return pathlib.Path(workdir) / 'checkpoints' / str(trial)
