r"""Walks the survey's guide: from your network, target and budget to a choice.

`guide shrink` makes a network smaller while it loses at most --keep_quality
points of accuracy: narrower, another of its space, pruned, with fewer bits;
then it improves the training (augmentation, hyper-parameters, distillation) and
shrinks once more. `guide grow` makes it wider first, improves the training, and
shrinks it under the --budget, where the large one may teach it. Each step is a
search in the workdir's steps/; the same command goes on with an interrupted
walk. A row for each step is printed, then the recommendation; the workdir gets
walk.csv, front.csv, guide.png and guide.json.

The network is that of the config's space, at search.start_with[0] where the
space has several. Choices in the config, {'oneof': [...]}, are what the steps
try: compress.prune.sparsity, compress.quantize.weights, train.augment, any of
optim. Everything is chosen on the validation split; the test accuracy of the
choice is told once, at the end.

Examples:
  effnas guide shrink --config=configs/guide_shrink_digits.py \
    --workdir=runs/shrink --keep_quality=0.5
  effnas guide grow --config=configs/guide_grow_digits.py \
    --workdir=runs/grow --budget.size_bytes=40000
  effnas guide shrink --config=configs/guide_shrink_digits.py \
    --workdir=runs/fast --target=cpu --budget.latency_ms=0.1
"""

import pathlib
from typing import Any

from absl import flags

from effnas import errors, files, terminal
from effnas.cli import config as config_lib
from effnas.cli import progress, runs, show
from effnas.cli import request as request_lib

USAGE = 'guide shrink|grow --config=FILE --workdir=DIR [--flags]'
INTERRUPTED = 'the same command goes on with the walk'
_RESULT = 'guide.json'
_COUNTED = {
  'size_bytes': 'bytes of the weights file',
  'params': 'parameters',
  'macs': 'multiply-accumulates of one example',
  'peak_memory_bytes': 'bytes of activations',
}


def define(values: flags.FlagValues) -> None:
  """Defines its flags."""
  config_lib.define(values)
  flags.DEFINE_string(
    'workdir',
    None,
    'The folder to keep the walk in; one that holds it already is gone on '
    'with.',
    flag_values=values,
  )
  flags.DEFINE_float(
    'keep_quality',
    0.5,
    'Points of accuracy, of 100, that shrinking may cost.',
    flag_values=values,
  )
  for name, what in _COUNTED.items():
    flags.DEFINE_float(
      f'budget.{name}', None, f'The most it may be: {what}.', flag_values=values
    )
  flags.DEFINE_float(
    'budget.latency_ms',
    None,
    'The most milliseconds of one batch on the --target.',
    flag_values=values,
  )
  flags.DEFINE_string(
    'target',
    None,
    "The device to give latencies for, instead of the config's.",
    flag_values=values,
  )
  flags.DEFINE_list(
    'widths',
    None,
    "Widths to try, over the network's own, e.g. 0.25,0.5.",
    flag_values=values,
  )
  flags.DEFINE_list(
    'steps',
    None,
    'The steps to take; all of them by default: width, search, prune, '
    'quantize, augment, tune, distil, further of shrink; widen, augment, tune, '
    'fit, distil of grow.',
    flag_values=values,
  )
  flags.DEFINE_string(
    'trained',
    None,
    'The weights file of the network where it is trained already, e.g. of '
    '`effnas train` or `effnas zoo import`.',
    flag_values=values,
  )
  runs.define_accept(values)
  request_lib.define_format(values)


def run(request: request_lib.Request) -> None:
  """Walks, and prints the steps and the recommendation."""
  (goal,) = request.words('shrink or grow')
  config = request.config()
  workdir = request.need('workdir', 'the folder to keep the walk in')
  values = request.flags
  if values.target is not None:
    config['footprint']['targets'] = [values.target]
  from effnas import report
  from effnas.report import guide as guide_report
  from effnas.search import identity
  from effnas.search import workdir as workdir_lib
  from effnas.search.networks import network_trials
  from effnas.strategy import guide

  budget = _budget(request, config)
  plan = guide.make(
    goal,
    config,
    keep_quality=values.keep_quality,
    budget=budget,
    widths=_numbers(request, 'widths'),
    steps=values.steps,
    pretrained=_GIVEN if values.trained else None,
  )
  guide.check(plan)
  problem = network_trials.problem(guide.first(plan).config)
  told = {
    'goal': goal,
    'keep_quality': values.keep_quality,
    'budget': budget,
    'widths': _numbers(request, 'widths'),
    'steps': values.steps,
    'trained': values.trained,
  }
  made_with = dict(problem.identity)
  if values.trained:
    made_with['--trained'] = identity.of_file(
      values.trained, 'the weights file'
    )
  with workdir_lib.opened(
    workdir,
    {**config, 'guide': told},
    problem.space.describe(),
    problem.provenance,
    identity=made_with,
    accept_changes=values.accept_changes,
  ) as folder:
    if values.trained:
      _copy(values.trained, folder / _GIVEN)
  folder = pathlib.Path(workdir)  # as it was named, for the record
  found = guide.walk(
    plan,
    folder,
    on_row=lambda row: progress.tell(guide_report.line(row, plan)),
    on_step=lambda number, name: progress.tell(
      f'step {number} of {len(plan.steps)}: {name}'
    ),
    accept_changes=values.accept_changes,
  )
  guide_report.write(found, folder)
  for row in found.rows:
    if row.folder:
      report.write(folder / row.folder)
  result = guide_report.to_dict(found)
  files.write_json(folder / _RESULT, result)
  if values.format == 'json':
    show.as_json(result)
  else:
    _table(found)
  progress.tell(f'see {workdir}/guide.png, walk.csv, front.csv and steps/')


_GIVEN = 'trained.safetensors'


def _budget(
  request: request_lib.Request, config: dict[str, Any]
) -> dict[str, float]:
  """Returns the budget of the flags, by metric."""
  found = {}
  for name in _COUNTED:
    value = request.flags[f'budget.{name}'].value
    if value is not None:
      found[name] = value
  latency = request.flags['budget.latency_ms'].value
  if latency is not None:
    targets = config['footprint']['targets']
    if len(targets) != 1:
      raise errors.UserError(
        '--budget.latency_ms is on one device: name it with --target; the '
        f'config has {", ".join(targets) or "none"}'
      )
    found[f'latency_ms@{targets[0]}'] = latency
  return found


def _numbers(request: request_lib.Request, flag: str) -> list[float] | None:
  words = request.flags[flag].value
  if words is None:
    return None
  try:
    return [float(word) for word in words]
  except ValueError:
    raise errors.UserError(
      f'--{flag} takes numbers, e.g. 0.25,0.5; got {",".join(words)!r}'
    ) from None


def _copy(source: str, to: pathlib.Path) -> None:
  """Keeps the given weights in the workdir, which then stands for itself."""
  try:
    data = pathlib.Path(source).read_bytes()
  except OSError as e:
    raise errors.UserError(
      f'cannot read the weights file {source}: {e.strerror}'
    ) from None
  if not to.is_file() or to.read_bytes() != data:
    files.write(to, data)


def _table(found: Any) -> None:
  from effnas.report import guide as guide_report
  from effnas.report import labels

  names = guide_report.columns(found)
  show.table(
    ['step', 'what', *(labels.title(n) for n in names), 'kept'],
    [guide_report.cells(row, names) for row in found.rows],
  )
  notes = guide_report.notes(found)
  terminal.out('', *notes, guide_report.sentence(found))
