r"""Measures what a network costs, without training or running it.

Parameters, MACs, size of the weights file, peak activation memory, and latency
on each target with where it comes from. The network is one of the zoo, a
function of your own ('module:function', with --input) that returns a Linen
module or declares a space, or an arch of a config. --weights and --activations
say the bits it would be deployed with. --init takes its weights from a file:
one that `effnas zoo import` wrote, or a trial's weights.safetensors, which must
fit the network; the size is then that of its arrays.

More on request:

  --layers    each layer; the work by operation class, with its operations a
              byte; the bytes of the weights by their bit width
  --compile   device memory, from the target's own compiler and without the
              device (pip install effnas[tpu] or effnas[cuda])
  --measure   latency, device memory and energy on the device that is here, of
              the converted network where there are bits; '-' is what the
              device does not tell
  --training  memory, MACs and time of a training step, and with examples and
              epochs accelerator-hours, and with a grid's intensity (g CO2e /
              kWh) and a PUE kg CO2e, each with its formula
  --lookup    the milliseconds in a public table of a space's archs

With --space and --archs, a public table of the space's archs or a file with an
arch a line (`effnas space NAME sample`), it prints a row for each of them,
thousands a second.

Examples:
  effnas footprint mobilenet_v2 --target=tpu_v5e,a100 --batch=8
  effnas footprint mobilenet_v2 --weights=8 --activations=8 --target=all
  effnas footprint mine:network --input=32,32,3 --layers
  effnas footprint mobilenet_v2 --target=tpu_v5e --compile
  effnas footprint mobilenet_v2 --measure --batches=1,8
  effnas footprint mobilenet_v2 --target=a100 --training='{"batch": 256,
    "examples": 1281167, "epochs": 90, "accelerators": 8, "pue": 1.1,
    "grid": 429}'
  effnas footprint nasbench201 --arch=nasbench201.csv.gz --row=7 \
    --lookup=nasbench201.csv.gz --lookup_value=lat_ms_pixel2
  effnas footprint --config=configs/digits.py --search=runs/digits --trial=7
  effnas footprint --config=configs/digits.py --search=runs/digits --trial=7 \
    --init=runs/digits/checkpoints/7/weights.safetensors
  effnas footprint --space=accel_nasbench --archs=accel-nasbench.csv \
    --target=tpu_v3 --format=csv
"""

from collections.abc import Iterator
import contextlib
import re
from typing import Any

from absl import flags

from effnas import errors, terminal
from effnas.cli import (
  archs,
  figures,
  lookup,
  parts,
  progress,
  show,
  timing,
  training,
)
from effnas.cli import config as config_lib
from effnas.cli import request as request_lib

USAGE = 'footprint [NETWORK | MODULE:FUNCTION | --config=FILE] [--flags]'


def define(values: flags.FlagValues) -> None:
  """Defines its flags."""
  flags.DEFINE_list(
    'target',
    ['tpu_v5e'],
    'The devices to give a latency for: names, NAME:BATCH, files of `effnas '
    "calibrate`, or 'all'.",
    flag_values=values,
  )
  flags.DEFINE_integer(
    'batch',
    None,
    'Examples at a time, for memory and latency; by default 1, and for the '
    'latency of a calibrated target that of its measurements.',
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
    "Arguments of the network's, space's or module:function's function, a JSON "
    'object.',
    flag_values=values,
  )
  flags.DEFINE_string(
    'init',
    None,
    'A weights file (safetensors) to take the weights from; a converted one '
    'needs the bits it was converted with.',
    flag_values=values,
  )
  flags.DEFINE_bool(
    'compile',
    False,
    'Give the device memory that the compiler of each target finds, too.',
    flag_values=values,
  )
  flags.DEFINE_string(
    'space', None, 'With --archs: the space.', flag_values=values
  )
  flags.DEFINE_string(
    'archs',
    None,
    'A table (.csv, .csv.gz, .json) or a file with an arch a line (.jsonl); a '
    'row is printed for each.',
    flag_values=values,
  )
  flags.DEFINE_bool(
    'layers',
    False,
    'List the layers, the work by operation class and the bits of the weights, '
    'too.',
    flag_values=values,
  )
  timing.define(values)
  training.define(values)
  lookup.define(values)
  config_lib.define(values)
  archs.define(values)
  request_lib.define_format(values, 'csv')


def run(request: request_lib.Request) -> None:
  """Finds the network, measures it and prints the figures."""
  given = request.flags
  from effnas.footprint.latency import target as target_lib

  targets = [target.name for target in target_lib.choose(given.target)]
  if given.archs is not None:
    from effnas.cli import many

    for flag in ('measure', 'batches', 'training', 'lookup'):
      if given[flag].value not in (None, False, []):
        raise errors.UserError(f'--{flag} does not go with --archs')
    many.run(request, targets)
    return
  if given.space is not None or given.format == 'csv':
    raise errors.UserError(
      '--space and --format=csv go with --archs=FILE; one network is named by '
      'itself'
    )
  batches = timing.batches(given)
  settings = training.settings(request)
  subject = _subject(request)
  looked_up = lookup.latency(request)
  from effnas.cli import networks
  from effnas.footprint import untraceable
  from effnas.recipe import deployed

  with untraceable.named(subject.title), _taking(subject, given.input):
    if given.init is not None:
      subject = networks.with_weights(subject, given.init)
    values = deployed.measure(
      subject.net,
      subject.input_shape,
      targets=tuple(targets),
      batch=given.batch,
      input_dtype=subject.input_dtype,
      variables=subject.variables,
    )
  sources = deployed.sources(
    subject.net,
    subject.input_shape,
    targets=tuple(targets),
    batch=given.batch,
    input_dtype=subject.input_dtype,
  )
  measured = timing.measure(subject, batches, given.seconds)
  sections = [
    *timing.sections(measured),
    *(_compiled(subject, targets, given.batch) if given.compile else []),
    *training.sections(subject, targets, settings),
    *(parts.sections(subject, given.batch or 1) if given.layers else []),
  ]
  for line in _doubts(subject):
    progress.tell(line)
  if given.format == 'json':
    found: dict[str, Any] = {
      'network': subject.title,
      'input': list(subject.input_shape),
      'batch': given.batch or 1,
      'metrics': values,
      'sources': sources,
    }
    if looked_up:
      found['lookup'] = looked_up
    for section in sections:
      found |= section.values
    show.as_json(found)
    return
  shape = 'x'.join(map(str, subject.input_shape))
  at = f'batch {given.batch or 1}'
  others = set(re.findall(r'batch \d+', ' '.join(sources.values()))) - {at}
  said = f'{at} where a row says no other' if others else at
  terminal.out(f'{subject.title}, input {shape}, {said}', '')
  more = [lookup.row(looked_up)] if looked_up else []
  figures.table(values, sources, [*timing.rows(measured), *more])
  for section in sections:
    terminal.out()
    section.show()


def _compiled(
  subject: Any, targets: list[str], batch: int | None
) -> Iterator[figures.Section]:
  """Asks the compilers of some targets for the device memory."""
  from effnas.recipe import deployed

  found = []
  for name in targets:
    progress.tell(f'compiling for {name} ...')
    found.append(
      deployed.compiled(
        subject.net,
        subject.input_shape,
        name,
        batch=batch,
        input_dtype=subject.input_dtype,
      )
    )
  yield figures.Section(
    {'compiled': [one.as_json() for one in found]},
    lambda: figures.compiled(found),
  )


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


@contextlib.contextmanager
def _taking(subject: Any, asked: list[str]) -> Iterator[None]:
  """Says it in a line where a network does not take the --input asked for."""
  try:
    yield
  except errors.UserError:
    raise
  except Exception as e:  # of a network of any space: it may be any
    if not asked or errors.of_the_machine(e):
      raise
    raise errors.UserError(
      f'{subject.title} does not take an input of {subject.input_shape}: '
      f'{next(iter(str(e).splitlines()), type(e).__name__)}'
    ) from e


def _doubts(subject: Any) -> list[str]:
  """Says what the figures leave open, a line each."""
  from effnas import footprint

  unknown = footprint.unknown(
    subject.net, subject.input_shape, input_dtype=subject.input_dtype
  )
  lines = [
    f'MACs and latency are lower bounds: {what} is not counted in full'
    for what in unknown
  ]
  return lines + subject.unreached()
