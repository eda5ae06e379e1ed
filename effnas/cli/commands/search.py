r"""Searches a space: trains candidates, keeps the Pareto front.

Draws architectures from the config's space, drops those that break a
constraint before any training, trains the others quantization-aware, evaluates
what would be deployed, and writes everything to the workdir: trials.jsonl (the
journal), checkpoints/, pareto.csv, pareto.png and report.html. The front is
printed. The same command again goes on with an interrupted search.

Examples:
  effnas search --config=configs/digits.py --workdir=runs/digits
  effnas search --config=configs/digits.py:smoke --workdir=runs/smoke
  effnas search --config=configs/digits.py --workdir=runs/small \
    --config.search.trials=40 --config.search.constraints.size_bytes=50000
  effnas search --config=configs/digits.py --workdir=runs/more \
    --config.search.trials=40 --config.search.seed=1 --warm_start=runs/digits
  effnas search --config=configs/digits.py --workdir=runs/size \
    --config.search.objectives="('accuracy', 'size_bytes')"
"""

from collections.abc import Mapping
import time
from typing import Any

from absl import flags

from effnas.cli import config as config_lib
from effnas.cli import progress
from effnas.cli import request as request_lib

USAGE = 'search --config=FILE --workdir=DIR [--config.KEY=VALUE ...]'
INTERRUPTED = 'the same command goes on with the search'


def define(values: flags.FlagValues) -> None:
  """Defines its flags."""
  config_lib.define(values)
  flags.DEFINE_string(
    'workdir',
    None,
    'The folder to keep the search in; one that holds it already is gone on '
    'with.',
    flag_values=values,
  )
  flags.DEFINE_string(
    'warm_start',
    None,
    'The workdir of an earlier search of this space, or of a smaller one: what '
    'was on its front is tried first, and the sampler sees all of its trials.',
    flag_values=values,
  )
  request_lib.define_format(values)


def run(request: request_lib.Request) -> None:
  """Runs the search, writes its report and prints the front."""
  request.words()
  config = request.config()
  if request.flags.warm_start is not None:
    config['search']['warm_start'] = request.flags.warm_start
  workdir = request.need('workdir', 'the folder to keep the search in')
  # Only now: bad flags are told without waiting for these.
  from effnas import report, search
  from effnas.cli.commands import report as report_command

  start = time.monotonic()
  trials = search.run(config, workdir)
  summary = report.write(workdir)
  report_command.show(summary, request.flags.format)
  seconds = [
    trial.metrics['seconds'] for trial in trials if 'seconds' in trial.metrics
  ]
  mean = f', {sum(seconds) / len(seconds):.1f} s a trial' if seconds else ''
  progress.tell(
    f'{_searched(config)}: {len(trials)} trials{mean}; this run took '
    f'{progress.clock(time.monotonic() - start)}; see {workdir}/report.html'
  )


def _searched(config: Mapping[str, Any]) -> str:
  if 'table' in config:
    return f'the table {config["table"]["name"]}'
  return f'{config["space"]} on {config["data"]["name"]}'
