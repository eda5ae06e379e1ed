r"""Searches a space: trains candidates, keeps the Pareto front.

Draws architectures from the config's space, drops those that break a
constraint before any training, trains the others quantization-aware, evaluates
what would be deployed, and writes everything to the workdir: trials.jsonl (the
journal), checkpoints/, pareto.csv, pareto.png and report.html. The front is
printed. The same command again goes on with an interrupted search, and with a
larger search.trials with a finished one. Where no trial is done the exit code
is 1, and the commonest reason is told.

Examples:
  effnas search --config=configs/digits.py --workdir=runs/digits
  effnas search --config=configs/digits.py:smoke --workdir=runs/smoke
  effnas search --config=configs/digits.py --workdir=runs/small \
    --config.search.trials=40 --config.search.constraints.size_bytes=50000
  effnas search --config=configs/digits.py --workdir=runs/more \
    --config.search.trials=40 --config.search.seed=1 --warm_start=runs/digits
  effnas search --config=configs/digits.py --workdir=/shared/digits \
    --ray_address=192.0.2.1:6379 --config.search.concurrency=16 \
    --config.search.resources="{'CPU': 4}" --config.search.time_limit_s=600
  effnas search --config=configs/digits.py --workdir=runs/size \
    --config.search.objectives="('accuracy', 'size_bytes')"
"""

import collections
from collections.abc import Mapping, Sequence
import time
from typing import Any

from absl import flags

from effnas import errors, words
from effnas.cli import config as config_lib
from effnas.cli import progress, runs
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
  flags.DEFINE_string(
    'ray_address',
    None,
    'HOST:PORT of a Ray cluster to run the trials on, whose machines all see '
    'the workdir; without it they run on this machine (or where RAY_ADDRESS '
    'says).',
    flag_values=values,
  )
  runs.define_accept(values)
  request_lib.define_format(values)


def run(request: request_lib.Request) -> int:
  """Runs the search, writes its report and prints the front.

  Args:
    request: What was asked for.

  Returns:
    The exit code: 1 where no trial is done.
  """
  request.words()
  config = request.config()
  if request.flags.warm_start is not None:
    config['search']['warm_start'] = request.flags.warm_start
  workdir = request.need('workdir', 'the folder to keep the search in')
  address = request.flags.ray_address
  if address is not None and config['search'].get('engine', 'ray') != 'ray':
    raise errors.UserError(
      '--ray_address needs --config.search.engine=ray, got '
      f'{config["search"]["engine"]}'
    )
  # Only now: bad flags are told without waiting for these.
  from effnas import report, search
  from effnas.cli.commands import report as report_command
  from effnas.search.running import scratch

  start = time.monotonic()
  with scratch.environment({'RAY_ADDRESS': address} if address else {}):
    trials = search.run(
      config, workdir, accept_changes=request.flags.accept_changes
    )
  summary = report.write(workdir)
  report_command.show(summary, request.flags.format)
  seconds = [
    trial.metrics['seconds'] for trial in trials if 'seconds' in trial.metrics
  ]
  mean = f', {sum(seconds) / len(seconds):.1f} s a trial' if seconds else ''
  progress.tell(
    f'{_searched(config)}: {words.number(len(trials), "trial")}{mean}; this '
    f'run took {progress.clock(time.monotonic() - start)}; see '
    f'{workdir}/report.html'
  )
  if any(trial.status == 'done' for trial in trials):
    return 0
  progress.tell(_undone(trials))
  return 1


def _undone(trials: Sequence[Any]) -> str:
  """Says why no trial is done."""
  reasons = collections.Counter(
    ' '.join(str(trial.reason).split()) for trial in trials if trial.reason
  )
  if not reasons:
    return f'no trial of {len(trials)} is done'
  reason, times = reasons.most_common(1)[0]
  shown = reason if len(reason) <= 200 else f'{reason[:197]}...'
  return f'no trial is done: {times} of {len(trials)} failed by {shown}'


def _searched(config: Mapping[str, Any]) -> str:
  if 'table' in config:
    return f'the table {config["table"]["name"]}'
  return f'{config["space"]} on {config["data"]["name"]}'
