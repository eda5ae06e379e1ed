"""How studies and metrics are called, and values written, for a reader."""

from collections.abc import Iterable, Mapping
import math
import pathlib
import re
from typing import Any

from effnas import errors
from effnas.footprint import bounds
from effnas.search import metrics

_TITLES = {
  'top5': 'top-5 accuracy',
  'f1': 'F1',
  'auc': 'AUC',
  'params': 'parameters',
  'macs': 'MACs',
  'size_bytes': 'size',
  'peak_memory_bytes': 'peak memory',
  'train_step_memory': 'memory of a training step',
  'train_step_macs': 'MACs of a training step',
  'train_macs': 'MACs of the training',
  'seconds': 'time',
}
_ON_TARGET = {
  'latency_ms': 'latency',
  'peak_memory_bytes': 'device memory',
  'train_step_ms': 'training step',
  'accelerator_hours': 'training',
}
_UNITS = {
  'size_bytes': 'B',
  'peak_memory_bytes': 'B',
  'train_step_memory': 'B',
  'latency_ms': 'ms',
  'train_step_ms': 'ms',
  'throughput': '/s',
  'accelerator_hours': 'h',
  'seconds': 's',
}
_SCALED = (
  'params',
  'macs',
  'size_bytes',
  'peak_memory_bytes',
  'throughput',
  'train_step_memory',
  'train_step_macs',
  'train_macs',
)
_PREFIXES = ((1e12, 'T'), (1e9, 'G'), (1e6, 'M'), (1e3, 'k'))


def study(config: Mapping[str, Any]) -> str:
  """Names a study by its network or space, and its data.

  Args:
    config: Of a search; a step of a guide has a space around the given one.

  Example:
    >>> study({'space': 'published', 'space_args': {'name': 'deit_tiny'},
    ...        'data': {'name': 'cifar10'}})
    'deit_tiny on cifar10'
  """
  inner = config
  while 'space' in section(inner, 'space_args'):
    inner = inner['space_args']
  name = section(inner, 'space_args').get('name', inner.get('space'))
  words = [name, section(config, 'data').get('name')]
  return ' on '.join(str(word) for word in words if word)


def section(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
  """Returns a section of a config, which anyone may have edited; {} if none."""
  found = config.get(key)
  return found if isinstance(found, Mapping) else {}


def title(name: str) -> str:
  """Returns a metric's name in words.

  Args:
    name: A metric's name in the journal, e.g. 'test_f1'.

  Example:
    >>> title('latency_ms@tpu_v5e'), title('test_f1'), title('size_bytes')
    ('latency on tpu_v5e', 'test F1', 'size')
    >>> title('throughput@boards/mine.json:8')
    'throughput on mine.json:8'
  """
  if name.startswith('test_'):
    return f'test {title(name.removeprefix("test_"))}'
  kind, _, target = name.partition('@')
  words = (_ON_TARGET if target else _TITLES).get(kind, kind.replace('_', ' '))
  if '.json' in target:
    target = pathlib.PurePath(target).name
  return f'{words} on {target}' if target else words


def tells(name: str, values: Iterable[Any]) -> bool:
  """Says whether values of a metric tell anything.

  Args:
    name: A metric.
    values: Of it.

  Returns:
    False for a top-5 accuracy that is 1 throughout, as it is by definition
    where there are five classes or fewer.

  Example:
    >>> tells('top5', [1.0, 1.0]), tells('top5', [0.9, 1.0])
    (False, True)
  """
  if name.removeprefix('test_') != 'top5':
    return True
  return any(value != 1 for value in values)


def unit(name: str) -> str:
  """Returns a metric's unit: 'B' (bytes), 'ms', '/s', or '' for a number."""
  return _UNITS.get(name.partition('@')[0], '')


def metric(name: str) -> metrics.Metric | None:
  """Reads a metric's name; None for one that is not effnas's own."""
  try:
    return metrics.parse(name)
  except errors.UserError:
    return None


def better(name: str) -> bool | None:
  """Whether more of a metric is better; None for what is no matter of better.

  Example:
    >>> better('test_accuracy'), better('macs'), better('seconds')
    (True, False, None)
  """
  found = metric(name)
  return found.maximize if found else None


def source(text: str) -> str:
  """Returns the word that says where a value comes from.

  Example:
    >>> source('calibrated (n=601, error 0.52 %), bfloat16')
    'calibrated'
  """
  found = re.match(r'\w+', text)
  return found[0] if found else ''


def bounded(value: str, source: str) -> str:
  """Says of a value that it is a bound, where its source says so.

  Example:
    >>> bounded('64', 'counted, a lower bound without all of while at solver')
    'at least 64'
  """
  return bounds.words(source) + value


def scaled(name: str) -> bool:
  """Whether values of this metric are written with k, M, G, T."""
  return name.partition('@')[0] in _SCALED


def axis(name: str, origin: str = '') -> str:
  """Returns the label of an axis: title, unit, and where the values come from.

  Args:
    name: A metric's name in the journal.
    origin: Said in the brackets too, e.g. 'batch 1, datasheet'.

  Example:
    >>> axis('latency_ms@tpu_v5e', 'batch 1, datasheet')
    'latency on tpu_v5e (ms, batch 1, datasheet)'
  """
  # Where there are prefixes, the unit stands at each tick with them.
  parts = ('' if scaled(name) else unit(name), origin)
  inside = ', '.join(part for part in parts if part)
  return f'{title(name)} ({inside})' if inside else title(name)


def value(name: str, number: float | None) -> str:
  """Writes a metric's value for a reader, with its unit.

  Args:
    name: The metric's name in the journal.
    number: Its value, or None where the trial has none.

  Example:
    >>> value('size_bytes', 12_345), value('macs', 1_200_000), value('f1', 0.97)
    ('12.3 kB', '1.20 M', '0.9700')
    >>> value('latency_ms@cpu', 0.012), value('loss', None)
    ('0.0120 ms', '-')
    >>> value('throughput@a100', 4310.2), value('throughput@cpu', 7.04)
    ('4.31 k/s', '7.04 /s')
  """
  if number is None:
    return '-'
  if not math.isfinite(number):
    return str(number)
  if scaled(name):
    return _scale(number, unit(name))
  if unit(name):
    return f'{_measured(number)} {unit(name)}'
  return _quality(number)


def rounded(number: float, digits: int) -> str:
  """Writes a number with so many significant digits, large ones in full.

  Example:
    >>> rounded(0.0131234, 3), rounded(12345.6, 3), rounded(2.0, 3)
    ('0.0131', '12346', '2')
  """
  if abs(number) >= 10**digits and abs(number) < 1e9:
    return f'{number:.0f}'
  return f'{number:.{digits}g}'


def _measured(number: float) -> str:
  """Three significant digits, zeros at the end included: they are figures."""
  if number == 0 or not 1e-4 <= abs(number) < 1e3:
    return rounded(number, 3)
  return f'{number:#.3g}'.rstrip('.')


def _quality(number: float) -> str:
  if float(number).is_integer() and abs(number) > 1:
    return f'{number:.0f}'
  small = number != 0 and abs(number) < 1e-3
  return f'{number:.3g}' if small else f'{number:.4f}'


def _scale(number: float, suffix: str) -> str:
  for size, prefix in _PREFIXES:
    # 999.6 k would be written '1e+03 k', so it moves to the next prefix.
    if abs(number) >= 0.9995 * size:
      scaled_number = number / size
      decimals = (
        2 if scaled_number < 9.995 else 1 if scaled_number < 99.95 else 0
      )
      return f'{scaled_number:.{decimals}f} {prefix}{suffix}'
  whole = float(number).is_integer()
  return f'{f"{number:.0f}" if whole else _measured(number)} {suffix}'.rstrip()
