"""Trials that train a network each, for any engine; see `driver.run`."""

from collections.abc import Callable, Mapping
import dataclasses
import logging
from typing import Any

import jax
import numpy as np

from effnas import data as data_lib
from effnas import errors
from effnas.footprint import untraceable
from effnas.nn import rewrite
from effnas.search import metrics as metrics_lib
from effnas.search import problem as problem_lib
from effnas.search import sections
from effnas.search import settings as settings_lib
from effnas.search.networks import candidate as candidate_lib
from effnas.search.networks import (
  checking,
  made_with,
  patterns,
  probing,
  starting,
  training,
)
from effnas.search.networks import costs as costs_lib
from effnas.search.proposing import starts
from effnas.search.scheduling import budget as budget_lib
from effnas.train import optim as optim_lib

_log = logging.getLogger(__name__)

Config = Mapping[str, Any]
Arch = Mapping[str, Any]


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
  found = candidate_lib.load_space(config)
  dataset = candidate_lib.load_data(config)
  settings = settings_lib.make(sections.value(config, 'search'))
  asked, after = (
    costs_lib.asked(config, dataset),
    costs_lib.compiled(config, dataset),
  )
  asked.check()
  after.check()
  budget_lib.check(config, settings, found.decisions)

  def check(arch: Arch) -> None:
    with untraceable.named(arch):
      sample = candidate_lib.build(config, arch)
      _check(sample, dataset, asked.input_dtype)
      asked.counted(sample)  # finds a bad batch before anything starts

  def footprint(arch: Arch) -> dict[str, Any]:
    with untraceable.named(arch):
      return asked.measure(candidate_lib.build(config, arch))

  probing.probe(found, check)
  told = dataclasses.replace(asked, metrics=(*asked.metrics, *after.metrics))
  return problem_lib.Problem(
    space=found,
    objectives=tuple(settings.objectives),
    footprint=footprint,
    constraints=settings.constraints,
    soft=settings.soft_constraints,
    starts=starts.resolve(
      settings.start_with, found, settings.seed, config['space_args']
    ),
    provenance=dataset.provenance,
    identity=made_with.of(config),
    sources=lambda arch: told.sources(candidate_lib.build(config, arch)),
    remarks=lambda: _remarks(config, found),
  )


def _remarks(config: Config, space: Any) -> list[str]:
  """Says what a config asks for in vain, and what 'train.init' gives."""
  taken = starting.told(config, space.sample(np.random.default_rng(0)))
  more = [f'{taken} (of one sample of the space)'] if taken else []
  return [*patterns.told(config), *more]


def evaluate(
  task: Mapping[str, Any],
  arch: Arch,
  trial: int,
  report: Callable[[int, Mapping[str, Any]], None],
) -> dict[str, Any]:
  """Evaluates a trial on a worker; see `effnas.search.running.evaluation`."""
  made_with.check(task)
  own = training.folder(task['workdir'], trial)
  return training.fit(task['config'], arch, own, report, budget_lib.read(task))


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
  quality = training.test_weights(
    config, arch, training.folder(task['workdir'], trial)
  )
  found: dict[str, Any] = {f'test_{n}': value for n, value in quality.items()}
  costs = costs_lib.compiled(config, candidate_lib.load_data(config))
  for metric in costs.metrics:
    try:
      memory = costs.memory(
        candidate_lib.build(config, arch), str(metric.target)
      )
    except errors.UserError as e:
      _log.warning('trial %d, %s: %s', trial, metric.target, e)
      found[metrics_lib.UNCOMPILED + str(metric.target)] = str(e)
    else:
      found[metric.name] = memory
  return found


def _check(
  candidate: candidate_lib.Candidate, dataset: data_lib.Dataset, dtype: Any
) -> None:
  """Finds before training what would make every trial fail alike."""
  optim_lib.make(1, **candidate.optim)
  checking.techniques(candidate.train, dataset)
  x = jax.ShapeDtypeStruct((1, *dataset.input_shape), dtype)
  # Without rules: AQT asks for the devices, and the driver must not.
  net = rewrite.Rewritten(candidate.net.model)
  checking.resolutions(candidate.train, net, x)
  logits = jax.eval_shape(
    lambda x: net.init_with_output(jax.random.key(0), x)[0], x
  )
  if logits.shape[-1] != dataset.classes:
    raise errors.UserError(
      f'the network gives {logits.shape[-1]} logits, but {dataset.name} has '
      f'{dataset.classes} classes; set space_args.classes'
    )
