"""`effnas footprint --training`: what training a network costs."""

from collections.abc import Iterator, Mapping, Sequence
import inspect
import json
import math
from typing import Any, NamedTuple

from absl import flags

from effnas import errors
from effnas.cli import figures, progress, show
from effnas.cli import request as request_lib

# Arguments of `footprint.training` that come from elsewhere.
_SUPPLIED = ('net', 'input_shape', 'input_dtype', 'targets', 'latency')
_KINDS = {
  int: 'a whole number',
  float: 'a number',
  bool: 'true or false',
  str: 'a text',
}
_TITLES = {
  'train_step_macs_3x': 'the same by the usual rule',
  'accelerator_hours': 'accelerator-hours',
  'kg_co2e': 'CO2e',
}


class Cost(NamedTuple):
  """What training costs.

  Attributes:
    settings: Arguments of `footprint.training` by name, the defaults too, and
      'utilisation' where it was given.
    metrics: By metric.
    formulas: By metric, how its value comes about.
  """

  settings: dict[str, Any]
  metrics: dict[str, float]
  formulas: dict[str, str]


def define(values: flags.FlagValues) -> None:
  """Defines `--training`."""
  flags.DEFINE_string(
    'training',
    None,
    'Give the cost of a training too: its settings, a JSON object or a file '
    'with one. Keys: batch, examples, epochs, optimizer_slots, accelerators, '
    'float_format, rematerialise, power_watts, pue, grid, utilisation.',
    flag_values=values,
  )


def known() -> dict[str, inspect.Parameter]:
  """Returns what `--training` takes: arguments of `footprint.training`.

  'utilisation' is beside them: the share of the peak rate that a step reaches,
  instead of the roofline.
  """
  from effnas import footprint

  parameters = inspect.signature(footprint.training).parameters
  found = {n: p for n, p in parameters.items() if n not in _SUPPLIED}
  found['utilisation'] = inspect.Parameter(
    'utilisation',
    inspect.Parameter.KEYWORD_ONLY,
    default=None,
    annotation=float | None,
  )
  return found


def settings(request: request_lib.Request) -> dict[str, Any] | None:
  """Returns the settings that `--training` says, None without it.

  Args:
    request: With the flags `training` and `batch`.

  Raises:
    UserError: A key is unknown, or a value is of another kind than it takes.
  """
  if request.flags.training is None:
    return None
  keys = known()
  given = request.json('training')
  for key, value in given.items():
    if key not in keys:
      raise errors.unknown('setting of --training', key, keys)
    kind = keys[key].annotation
    if not _fits(value, kind):
      raise errors.UserError(
        f'--training: {key} is {_KINDS[_first(kind)]}; got {json.dumps(value)}'
      )
  defaults = {
    key: parameter.default
    for key, parameter in keys.items()
    if parameter.default is not inspect.Parameter.empty
  }
  found = defaults | {'batch': request.flags.batch} | given
  if found['batch'] is None:
    raise errors.UserError(
      '--training needs the batch of a step on each accelerator, e.g. '
      """--training='{"batch": 128}'"""
    )
  return found


def sections(
  subject: Any, targets: Sequence[str], chosen: Mapping[str, Any] | None
) -> Iterator[figures.Section]:
  """Gives what training costs.

  Args:
    subject: The `effnas.cli.networks.Subject`.
    targets: Names of targets, whose devices train it.
    chosen: What `settings` gave; with None there is nothing to give.

  Yields:
    'training': settings, metrics and formulas.
  """
  if chosen is not None:
    found = cost(subject, targets, chosen)
    yield figures.Section({'training': found._asdict()}, lambda: _table(found))


def cost(
  subject: Any, targets: Sequence[str], chosen: Mapping[str, Any]
) -> Cost:
  """Returns what training the float network costs.

  Args:
    subject: The `effnas.cli.networks.Subject`.
    targets: Names of targets, whose devices train it.
    chosen: What `settings` gave.
  """
  from effnas import footprint
  from effnas.footprint import bounds, inputs, step, utilisation
  from effnas.footprint.latency import target as target_lib
  from effnas.nn import rewrite

  if subject.net.rules:
    progress.tell('training: of the float network, not quantization-aware')
  net = rewrite.Rewritten(subject.net.model)
  arguments = dict(chosen)
  share = arguments.pop('utilisation')
  if share is not None:
    arguments['latency'] = utilisation.at(share)
  devices = [target_lib.load(name).device for name in targets]
  metrics = footprint.training(
    net,
    subject.input_shape,
    input_dtype=subject.input_dtype,
    targets=dict.fromkeys(device.name for device in devices),
    **arguments,
  )
  traced = step.step(
    net,
    inputs.shape(subject.input_shape, chosen['batch']),
    subject.input_dtype,
    chosen['float_format'],
    chosen['rematerialise'],
  )
  for what in traced.unknown:
    progress.tell(
      f'MACs and time of a step are lower bounds: {what} is not counted in full'
    )
  formats = {device.name: device.float_format for device in devices}
  formulas = {
    name: bounds.told(
      _formula(name, chosen, formats),
      () if name == 'train_step_memory' else traced.unknown,
    )
    for name in metrics
  }
  return Cost(dict(chosen), metrics, formulas)


def _table(found: Cost) -> None:
  """Prints what training costs, each with its formula.

  Args:
    found: What `cost` gave.
  """
  from effnas.report import labels

  def title(name):
    kind, _, device = name.partition('@')
    words = _TITLES.get(kind)
    if words is None:
      return labels.title(name)
    return f'{words} on {device}' if device else words

  def value(name, number):
    if name.startswith('kg_co2e@'):
      return f'{labels.rounded(number, 3)} kg'
    return labels.value(name.removesuffix('_3x'), number)

  show.table(
    ['training', 'value', 'formula'],
    [
      [title(name), labels.bounded(value(name, number), how), how]
      for (name, number), how in zip(
        found.metrics.items(), found.formulas.values(), strict=True
      )
    ],
  )


def _formula(
  name: str, chosen: Mapping[str, Any], formats: Mapping[str, str]
) -> str:
  """How a metric comes about, in short; `footprint.training` tells more."""
  kind, _, device = name.partition('@')
  batch, accelerators = chosen['batch'], chosen['accelerators']
  share = chosen['utilisation']
  epochs, examples = chosen['epochs'], chosen['examples']
  steps = f'{epochs} x ceil({examples} / ({batch} x {accelerators})) steps'
  totals = f'{steps} x {accelerators}'
  watts = chosen['power_watts']
  power = 'greatest published power' if watts is None else f'{watts} W'
  how = 'datasheet' if share is None else f'{share:.0%} of the peak rate'
  remat = ', rematerialised' if chosen['rematerialise'] else ''
  return {
    'train_step_memory': (
      f'variables + {chosen["optimizer_slots"]} x parameters + most alive at '
      f'once in {chosen["float_format"]}{remat}'
    ),
    'train_step_macs': f'counted in the gradient, batch {batch}{remat}',
    'train_step_macs_3x': f'3 x MACs x batch {batch}',
    'train_macs': f'MACs of a step x {totals}',
    'train_step_ms': f'{how}, {formats.get(device)}, batch {batch}',
    'accelerator_hours': f'time of a step x {totals}',
    'kg_co2e': (
      f'hours x {power} x PUE {chosen["pue"]} x {chosen["grid"]} g / kWh'
    ),
  }[kind]


def _first(annotation: Any) -> type:
  """The type in an annotation that may be None as well."""
  return getattr(annotation, '__args__', (annotation,))[0]


def _fits(value: Any, annotation: Any) -> bool:
  kind = _first(annotation)
  if value is None:
    return annotation != kind
  if isinstance(value, bool) or kind is bool:
    return isinstance(value, bool) and kind is bool
  if kind is float:
    return isinstance(value, int | float) and math.isfinite(value)
  return isinstance(value, kind)
