"""Measures what a network costs, without training or running it.

Parameters, MACs, size of the weights file, peak activation memory, and latency
on each target with where it comes from. The network is one of the zoo, a
function of your own ('module:function', with --input) that returns a Linen
module or declares a space, or an arch of a config. --weights and --activations
say the bits it would be deployed with.

Examples:
  effnas footprint mobilenet_v2 --target=tpu_v5e,a100 --batch=8
  effnas footprint mobilenet_v2 --weights=8 --activations=8 --target=all
  effnas footprint mine:network --input=32,32,3 --layers
  effnas footprint --config=configs/digits.py --search=runs/digits --trial=7
"""

from typing import Any

from absl import flags

from effnas import errors
from effnas.cli import archs, progress, show
from effnas.cli import config as config_lib
from effnas.cli import request as request_lib

USAGE = 'footprint [NETWORK | MODULE:FUNCTION | --config=FILE] [--flags]'


def define(values: flags.FlagValues) -> None:
  """Defines its flags."""
  flags.DEFINE_list(
    'target',
    ['tpu_v5e'],
    "The devices to give a latency for, or 'all'.",
    flag_values=values,
  )
  flags.DEFINE_integer(
    'batch',
    1,
    'Examples at a time, for memory and latency.',
    flag_values=values,
  )
  flags.DEFINE_list(
    'input',
    [],
    "Shape of one example, e.g. 224,224,3; by default the paper's.",
    flag_values=values,
  )
  for name in ('weights', 'activations'):
    flags.DEFINE_integer(
      name,
      None,
      f'Bits of the {name}, 2 to 8, or 32 for float; float by default.',
      flag_values=values,
    )
  flags.DEFINE_string(
    'args',
    '{}',
    "The arguments of a space's or module:function's function, a JSON object.",
    flag_values=values,
  )
  flags.DEFINE_bool('layers', False, 'List the layers too.', flag_values=values)
  config_lib.define(values)
  archs.define(values)
  request_lib.define_format(values)


def run(request: request_lib.Request) -> None:
  """Finds the network, measures it and prints the figures."""
  given = request.flags
  from effnas.footprint import device

  targets = device.names() if given.target == ['all'] else given.target
  for target in targets:
    device.load(target)
  subject = _subject(request)
  values = _measure(subject, tuple(targets), given.batch, bool(given.input))
  from effnas import footprint

  sources = footprint.sources(values)
  layers = []
  if given.layers:
    layers = footprint.layers(
      subject.net, subject.input_shape, input_dtype=subject.input_dtype
    )
  for line in _doubts(subject):
    progress.tell(line)
  if given.format == 'json':
    show.as_json(
      {
        'network': subject.title,
        'input': list(subject.input_shape),
        'batch': given.batch,
        'metrics': values,
        'sources': sources,
      }
      | ({'layers': [row._asdict() for row in layers]} if layers else {})
    )
    return
  shape = 'x'.join(map(str, subject.input_shape))
  print(f'{subject.title}, input {shape}, batch {given.batch}\n')
  table(values, sources)
  if layers:
    print()
    show.table(
      ['layer', 'kind', 'MACs', 'parameters', 'bytes'],
      [[row.path or '(network)', *row[1:]] for row in layers],
    )


def table(values: dict[str, Any], sources: dict[str, str]) -> None:
  """Prints a footprint.

  Args:
    values: By metric.
    sources: By metric, where the value comes from.
  """
  from effnas.report import labels

  rows = []
  for name, value in values.items():
    exact = f'{value:,} {labels.unit(name)}'.rstrip()
    said = exact if isinstance(value, int) else labels.value(name, value)
    rows.append([labels.title(name), said, sources[name]])
  show.table(['metric', 'value', 'source'], rows)


def _subject(request: request_lib.Request) -> Any:
  from effnas.cli import networks

  given = request.flags
  if given.config is None:
    (name,) = request.words('a network: a name of `effnas zoo`, or --config')
    return networks.named(request, name)
  request.words()
  for flag in ('input', 'weights', 'activations'):
    if given[flag].value not in (None, []):
      raise errors.UserError(
        f'--{flag} does not go with --config, whose sections say it'
      )
  return networks.of_config(request, request.config())[0]


def _measure(
  subject: Any, targets: tuple[str, ...], batch: int, asked: bool
) -> dict[str, Any]:
  from effnas.search import candidate

  try:
    return candidate.measure(
      subject.net,
      subject.input_shape,
      targets=targets,
      batch=batch,
      input_dtype=subject.input_dtype,
    )
  except errors.UserError:
    raise
  except (TypeError, ValueError, IndexError) as e:
    if not asked:
      raise
    raise errors.UserError(
      f'{subject.title} does not take an input of {subject.input_shape}: '
      f'{str(e).splitlines()[0]}'
    ) from e


def _doubts(subject: Any) -> list[str]:
  """Says what the figures leave open, a line each."""
  from effnas import footprint

  unknown = footprint.unknown(
    subject.net, subject.input_shape, input_dtype=subject.input_dtype
  )
  return [f'not counted: {what}' for what in unknown] + subject.unreached()
