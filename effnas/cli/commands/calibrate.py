r"""Makes a device file: what each class of operations costs on a device.

Without --measurements it times some 50 informative networks and blocks on the
device that is present (minutes). With it, it reads a table of measured networks
(.csv, .csv.gz): a row for each network of --space, and a column with their
milliseconds or examples a second; rows without a value are left out. Fifty
measurements suffice.

--out=FILE.json serves wherever a target is named: `effnas footprint
--target=FILE.json`, or 'latency_ms@FILE.json' as an objective of a search.
--out=NAME keeps it among your own devices, used as --target=NAME.

Examples:
  effnas calibrate --out=my_laptop
  effnas calibrate --space=accel_nasbench --measurements=accel-nasbench.csv \
    --metric=throughput_a100.mean --out=my_a100.json
  effnas calibrate --space=hw_gpt --measurements=hw_gpt.csv.gz \
    --metric=lat_ms_v100 --batch=8 --out=my_v100.json --few=50
"""

from collections.abc import Mapping
import pathlib
import re
from typing import Any, NamedTuple

from absl import flags

from effnas import errors, terminal, words
from effnas.cli import out, progress, show
from effnas.cli import request as request_lib

USAGE = 'calibrate --out=FILE [--space=NAME --measurements=FILE --metric=C]'
_BATCH = {'latency': 1, 'throughput': 128}


def define(values: flags.FlagValues) -> None:
  """Defines its flags."""
  text = flags.DEFINE_string
  text('space', None, 'The space of the networks.', flag_values=values)
  text(
    'args',
    '{}',
    "The arguments of the space's function, a JSON object.",
    flag_values=values,
  )
  flags.DEFINE_list(
    'input',
    [],
    "Shape of one example, e.g. 224,224,3; by default the space's.",
    flag_values=values,
  )
  text('measurements', None, 'The table of measurements.', flag_values=values)
  text('metric', None, 'The column of the table.', flag_values=values)
  text(
    'out',
    None,
    'The device file to write, *.json, or a name to keep it under.',
    flag_values=values,
  )
  text('source', '', 'Whose measurements they are, for the file.',
       flag_values=values)  # fmt: skip
  flags.DEFINE_integer(
    'probes',
    50,
    'Without --measurements: how many networks and blocks to time.',
    lower_bound=20,
    flag_values=values,
  )
  flags.DEFINE_float(
    'seconds',
    1.0,
    'Without --measurements: about how long to time each.',
    lower_bound=0.01,
    flag_values=values,
  )
  flags.DEFINE_integer(
    'seed',
    0,
    'Without --measurements: the seed of the probes.',
    lower_bound=0,
    flag_values=values,
  )
  flags.DEFINE_enum(
    'kind',
    None,
    ['latency', 'throughput'],
    'What the column holds: milliseconds of a batch, or examples a second; by '
    'default its name tells.',
    flag_values=values,
  )
  flags.DEFINE_integer(
    'batch',
    None,
    'The batch of the measurements; by default 1 for a latency and 128 for a '
    'throughput.',
    lower_bound=1,
    flag_values=values,
  )
  text(
    'device',
    None,
    'The target whose datasheet the prices are drawn to; by default the one '
    "that the column's name tells, else cpu.",
    flag_values=values,
  )
  flags.DEFINE_integer(
    'few',
    0,
    'Also fits on so many random networks and tests on all others, --splits '
    'times.',
    lower_bound=0,
    flag_values=values,
  )
  flags.DEFINE_integer(
    'splits', 200, 'How often --few does.', lower_bound=1, flag_values=values
  )
  request_lib.define_format(values)


def run(request: request_lib.Request) -> None:
  """Gathers measurements, fits and writes the device file."""
  request.words()
  given = request.flags
  place = out.ready(_out(request))
  from effnas.footprint.latency import calibrate, features
  from effnas.footprint.latency import device as device_lib

  found = _table(request) if given.measurements else _present(request)
  model = calibrate.calibrate(
    place.stem,
    found.quantities,
    found.ms,
    device=found.device,
    batch=found.batch,
    measured='; '.join(filter(None, (found.measured, given.source))),
    kind=found.kind,
  )
  scores = [_scores(f'{calibrate.FOLDS} folds', model.held_out)]
  if given.few:
    prior = features.prior(device_lib.load(found.device))
    scores += _few(found, prior, given.few, given.splits)
  model.save(place)
  _show(given.format, model, scores, found.left_out)
  name = place if given.out.endswith('.json') else given.out
  progress.tell(f'wrote {place}; use it as --target={name}')


class _Found(NamedTuple):
  """Measurements and what belongs to them."""

  quantities: Any
  ms: Any
  device: str
  batch: int
  kind: str
  measured: str
  left_out: int


def _out(request: request_lib.Request) -> pathlib.Path:
  """Where to write: the file, or its place among the user's own devices."""
  from effnas.footprint.latency import cost_model
  from effnas.footprint.latency import device as device_lib

  name = request.need('out', 'a file or a name, e.g. my_a100.json')
  if name.endswith('.json'):
    return pathlib.Path(name)
  if not re.fullmatch(r'[A-Za-z0-9_-]+', name):
    raise errors.UserError(
      f'--out is a .json file, or a name of letters, digits, _ and -; '
      f'got {name!r}'
    )
  if name in {*cost_model.shipped(), *device_lib.names()}:
    raise errors.UserError(
      f'{name} is a target of effnas; take another name, e.g. my_{name}'
    )
  return cost_model.folder() / f'{name}.json'


def _table(request: request_lib.Request) -> _Found:
  """Measurements of a table."""
  from effnas.cli import listed, rows
  from effnas.footprint.latency import calibrate
  from effnas.footprint.latency import device as device_lib

  given = request.flags
  metric = request.need('metric', 'the column of the table')
  table = rows.read(given.measurements)
  kind = given.kind or calibrate.kind_of(metric)
  batch = given.batch or _BATCH[kind]
  kept, ms = calibrate.milliseconds(table, metric, kind, batch)
  calibrate.check(ms)
  device = given.device or _device(metric, device_lib.names())
  device_lib.load(device)
  left_out = len(table) - len(kept)
  of = listed.space(request)
  measured = (
    f'{metric} of {pathlib.Path(given.measurements).name}, '
    f'{words.number(len(ms), "network")} of {of.name}'
  )
  if left_out:
    measured += f' ({words.number(left_out, "row")} without a value left out)'
  quantities = _count(of, [table[i] for i in kept], batch)
  return _Found(quantities, ms, device, batch, kind, measured, left_out)


def _present(request: request_lib.Request) -> _Found:
  """Measurements on the device that is present."""
  given = request.flags
  for flag in ('space', 'metric', 'kind', 'batch'):
    if given[flag].value is not None:
      raise errors.UserError(f'--{flag} goes with --measurements=TABLE')
  progress.tell('starting the device, and counting networks to choose from ...')
  import jax

  from effnas.cli import probing
  from effnas.footprint.latency import device as device_lib
  from effnas.footprint.latency import features

  kind = jax.devices()[0].device_kind
  device = given.device or _device(kind, device_lib.names())
  target = device_lib.load(device)
  timed = probing.run(
    given.probes,
    given.seconds,
    features.prior(target),
    target.float_format,
    given.seed,
  )
  measured = (
    f'{len(timed.ms)} networks and blocks of `effnas calibrate` '
    f'(seed {given.seed}) on {timed.kind}, jax {jax.__version__}'
  )
  left_out = given.probes - len(timed.ms)
  return _Found(
    timed.quantities, timed.ms, device, 1, 'latency', measured, left_out
  )


def _count(of: Any, rows_of: list[Mapping[str, str]], batch: int) -> Any:
  """Counts the networks of some rows."""
  from effnas import footprint
  from effnas.cli import rows

  as_arch = rows.as_archs(of.name)
  archs = progress.track(
    (as_arch(row) for row in rows_of), 'network', len(rows_of)
  )
  return footprint.quantities(
    of.space,
    archs,
    of.input_shape,
    batch=batch,
    input_dtype=of.input_dtype,
  )


def _device(text: str, known: list[str]) -> str:
  """The target that the name of a column or of a device tells of."""

  def bare(words: str) -> str:
    return re.sub(r'[^a-z0-9]', '', words.lower()).replace('lite', 'e')

  for name in sorted(known, key=len, reverse=True):
    digits = re.sub(r'\D', '', name)
    if bare(name) in bare(text) or (len(digits) > 3 and digits in text):
      return name
  progress.tell(
    f'{text!r} names no target of effnas: prices are drawn to the datasheet '
    'of cpu; --device names another'
  )
  return 'cpu'


def _few(
  found: _Found, prior: Any, fitted: int, splits: int
) -> list[dict[str, Any]]:
  """Scores of models of a few networks: the median, and the bad end."""
  import numpy as np

  from effnas.footprint.latency import calibrate

  most = len(found.ms) - calibrate.LEAST
  if fitted > most:
    raise errors.UserError(
      f'--few leaves at least {calibrate.LEAST} networks to test on: it is at '
      f'most {most}; got {fitted}'
    )
  held = calibrate.few_shot(
    found.quantities,
    found.ms,
    prior,
    found.kind,
    fitted=fitted,
    splits=splits,
  )
  values = np.array([[h.error, h.spearman, h.kendall] for h in held])
  bad = np.percentile(values, [95, 5, 5], axis=0).diagonal()
  said = f'{fitted} networks, {words.number(splits, "split")}'
  from effnas.footprint.latency import cost_model

  return [
    _scores(f'{said}: median', cost_model.Held(*np.median(values, axis=0))),
    _scores(f'{said}: 5th percentile', cost_model.Held(*bad)),
  ]


def _scores(said: str, held: Any) -> dict[str, Any]:
  return {
    'fitted on': said,
    'spearman': float(held.spearman),
    'kendall': float(held.kendall),
    'error': float(held.error),
  }


def _show(
  form: str, model: Any, scores: list[dict[str, Any]], left_out: int
) -> None:
  if form == 'json':
    show.as_json(model.to_json() | {'left_out': left_out, 'scores': scores})
    return
  terminal.out(f'{model.name}: {model.measured}, batch {model.batch}', '')
  show.table(
    ['held-out networks of', 'Spearman', 'Kendall', 'mean relative error'],
    [
      [
        row['fitted on'],
        f'{row["spearman"]:.4f}',
        f'{row["kendall"]:.4f}',
        f'{100 * row["error"]:.2f} %',
      ]
      for row in scores
    ],
  )
