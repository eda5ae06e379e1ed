"""Trials of the guide's searches, for any engine; see `effnas.search.run`.

Unlike those of other searches they are not tested: the guide looks at the test
split once, when it has chosen.
"""

from collections.abc import Callable, Mapping
import copy
import os
import pathlib
from typing import Any

from effnas import train
from effnas.recipe import artefact
from effnas.search.networks import (
  candidate,
  made_with,
  network_trials,
  training,
)
from effnas.search.scheduling import budget

EVALUATE = f'{__name__}:evaluate'

tidy = network_trials.tidy


def found_from(
  workdir: pathlib.Path, config: Mapping[str, Any]
) -> Mapping[str, Any]:
  """Returns a config whose teacher is found from where this runs.

  Args:
    workdir: Of the search.
    config: Its config; see `evaluate`.
  """
  told = config.get('guide', {})
  if 'teacher' not in told:
    return config
  config = copy.deepcopy(dict(config))
  teacher = config['train']['distill']['teacher']
  # The workdir itself may not be there yet.
  teacher['workdir'] = os.path.normpath(workdir / told['teacher'])
  return config


def evaluate(
  task: Mapping[str, Any],
  arch: Mapping[str, Any],
  trial: int,
  report: Callable[[int, Mapping[str, Any]], None],
) -> dict[str, Any]:
  """Evaluates a trial on a worker; see `effnas.search.running.evaluation`.

  Args:
    task: {'config': ..., 'workdir': ...}. The config may have the section
      'guide', with paths relative to the workdir, so that it may be moved:
      'trained' is the weights file of the network, which is not trained again
      then, but for what the steps of its recipe do; 'teacher' the workdir that
      'train.distill' means.
    arch: The candidate.
    trial: Its id.
    report: Called with each epoch and its metrics.

  Returns:
    Quality on the validation split, of the converted network.
  """
  workdir = pathlib.Path(task['workdir'])
  config = found_from(workdir, task['config'])
  told = config.get('guide', {})
  if 'trained' not in told:
    task = {**task, 'config': config}
    return network_trials.evaluate(task, arch, trial, report)
  made_with.check(task)
  folder = training.folder(workdir, trial)
  network, context = training.trained(
    config, arch, folder, report, workdir / told['trained']
  )
  network = candidate.build(config, arch).recipe.apply(network, context)
  found = artefact.converted(network, *context.inputs)
  dataset = context.dataset
  quality = train.evaluate(found.net, found.variables, dataset.valid, dataset)
  artefact.write(found, folder / training.WEIGHTS)
  budget.settle(folder, None)
  return quality
