r"""Trains one network of a config, as a search would.

The arch is given, or that of a search's trial, or a sample. Quantization-aware
training, conversion to integers, evaluation of what would be deployed on the
validation and the test split. The workdir gets config.json, metrics.json and
weights.safetensors; with train.checkpoint_every above 0 a training that was
cut off goes on.

Examples:
  effnas train --config=configs/digits.py --workdir=runs/one --seed=3
  effnas train --config=configs/digits.py --workdir=runs/long \
    --search=runs/digits --trial=7 --config.train.epochs=100
  effnas train --config=configs/digits.py --workdir=runs/mine --arch=arch.json
"""

from collections.abc import Mapping
import os
import pathlib
import time
from typing import Any

from absl import flags

from effnas import errors, terminal
from effnas.cli import progress, runs, show
from effnas.cli import request as request_lib

USAGE = 'train --config=FILE --workdir=DIR [--arch=JSON|FILE] [--flags]'
INTERRUPTED = (
  'with train.checkpoint_every above 0, the same command goes on from the '
  'last checkpoint'
)
_METRICS = 'metrics.json'


def define(values: flags.FlagValues) -> None:
  """Defines its flags."""
  runs.define(values)


def run(request: request_lib.Request) -> None:
  """Trains the network and prints its quality and its footprint."""
  request.words()
  config = request.config()
  workdir = request.need('workdir', 'the folder to keep the network in')
  from effnas.search.running import compile_cache

  os.environ.update(compile_cache.environment())
  from effnas.cli import networks
  from effnas.search.networks import network_trials, starting

  problem = network_trials.problem(config)
  subject, arch = networks.of_config(request, config)
  costs = {
    'footprint': problem.footprint(arch),
    'sources': problem.sources(arch),
  }

  def work(folder: pathlib.Path) -> dict[str, Any]:
    progress.tell(f'{subject.title}, on {config["data"]["name"]}')
    for line in [*subject.unreached(), starting.told(config, arch)]:
      if line:
        progress.tell(line)
    return _train(config, arch, folder, costs)

  found = runs.result(
    workdir,
    {**config, 'arch': dict(arch)},
    problem.space,
    _METRICS,
    work,
    provenance=problem.provenance,
    identity=problem.identity,
    accept_changes=request.flags.accept_changes,
  )
  if request.flags.format == 'json':
    show.as_json(found)
  else:
    _table(found)


def _train(
  config: dict[str, Any],
  arch: Any,
  folder: pathlib.Path,
  costs: Mapping[str, Any],
) -> dict[str, Any]:
  """Trains, converts and evaluates; returns what metrics.json holds."""
  from effnas import train
  from effnas.search import plain
  from effnas.search.networks import candidate, training

  start = time.monotonic()
  epochs = candidate.build(config, arch).epochs
  try:
    with progress.Progress('epoch', epochs, before='compiling') as told:
      valid = training.fit(
        config, arch, folder, lambda epoch, m: told.update(epoch, runs.told(m))
      )
  except train.Diverged as e:
    raise errors.UserError(
      f'the training diverged: {e}; lower optim.lr or set optim.clip'
    ) from e
  return plain.plain(
    {
      'arch': arch,
      'valid': valid,
      'test': training.test_weights(config, arch, folder),
      **costs,
      'seconds': round(time.monotonic() - start, 3),
    }
  )


def _table(found: dict[str, Any]) -> None:
  from effnas.cli import figures
  from effnas.report import labels

  show.table(
    ['quality', 'validation', 'test'],
    [
      [labels.title(n), labels.value(n, v), labels.value(n, found['test'][n])]
      for n, v in found['valid'].items()
      if n in found['test'] and labels.tells(n, [v, found['test'][n]])
    ],
  )
  terminal.out()
  figures.table(found['footprint'], found['sources'])
