"""Latency as a price for each operation class, and the files that hold prices.

A model is linear: milliseconds = sum of price x quantity over
`features.NAMES`, no price below zero. Its file says on how many networks it was
fitted, of what, how well it told the time of others, and in which ranges.
"""

from collections.abc import Mapping
import dataclasses
import functools
import importlib.resources
import json
import math
import pathlib
from typing import Annotated, Any

import numpy as np

from effnas import arguments, errors, files, folders
from effnas.footprint.latency import features

_FOLDER = 'calibrated'
_SLACK = 1.05  # how far beyond a range is still inside
_PARSED = ('range_ms', 'held_out', 'prices', 'most')  # not as they stand
_BATCHES = 4  # how many times another batch may be
_MATTERS = 0.05  # the share of an estimate that makes a quantity matter


@dataclasses.dataclass(frozen=True)
class Held:
  """How well a model told the time of networks it was not fitted on.

  Attributes:
    error: Mean of |estimate / measurement - 1|.
    spearman: Rank correlation, Spearman's rho.
    kendall: Rank correlation, Kendall's tau-b.
  """

  error: arguments.NotNegative
  spearman: Annotated[float, arguments.Range(-1, 1)]
  kendall: Annotated[float, arguments.Range(-1, 1)]


@dataclasses.dataclass(frozen=True, eq=False)
class CostModel:
  """A calibrated device.

  Attributes:
    name: Its name.
    device: The target whose datasheet stands behind it, of `device.names()`.
    precision: The number format of the measured networks, e.g. 'bfloat16'.
    batch: Their batch.
    measured: What was measured, with its source, in a sentence.
    measurements: How many networks the prices were fitted on.
    range_ms: Milliseconds of the fastest and of the slowest of them.
    held_out: How well ones fitted on a part of them told the others' times.
    prices: float64 [len(features.NAMES)], milliseconds a unit.
    most: float64 [len(features.NAMES)], the most of each quantity seen.
  """

  name: str
  device: str
  precision: str
  batch: int
  measured: str
  measurements: int
  range_ms: tuple[float, float]
  held_out: Held
  prices: np.ndarray
  most: np.ndarray

  def latency(self, quantities: np.ndarray) -> float:
    """Milliseconds of one run of a program.

    Args:
      quantities: float64 [len(features.NAMES)], of `features.whole`.

    Returns:
      Milliseconds.
    """
    return float(math.fsum(self.prices * quantities))

  def outside(self, quantities: np.ndarray, batch: int) -> list[str]:
    """Names what lies outside of what was measured.

    Args:
      quantities: float64 [len(features.NAMES)].
      batch: Of the program; its figures are compared by the example.

    Returns:
      'batch' where it is more than four times that of the measurements, or
      less than a quarter; 'latency' where the estimate is faster or slower than
      all networks that were measured; and the quantities that are a twentieth
      of it or more, and more than a twentieth above all that were.
    """
    share = self.batch / batch
    ms = self.latency(quantities)
    low, high = self.range_ms
    found = [] if 1 / _BATCHES <= share <= _BATCHES else ['batch']
    if not low / _SLACK <= ms * share <= high * _SLACK:
      found.append('latency')
    matters = self.prices * quantities >= _MATTERS * ms
    above = matters & (quantities * share > self.most * _SLACK)
    above[features.RUN] = False  # there is one, whatever the batch
    return found + [features.NAMES[i] for i in np.flatnonzero(above)]

  @property
  def source(self) -> str:
    """Says in a few words where its latencies come from."""
    return (
      f'calibrated (n={self.measurements}, error '
      f'{100 * self.held_out.error:.2g} %)'
    )

  def to_json(self) -> dict[str, Any]:
    """Returns what its file holds: prices above zero, and their ranges."""
    used = [i for i in range(len(features.NAMES)) if self.prices[i] > 0]
    return {
      'name': self.name,
      'device': self.device,
      'precision': self.precision,
      'batch': self.batch,
      'measured': self.measured,
      'measurements': self.measurements,
      'range_ms': list(self.range_ms),
      'held_out': dataclasses.asdict(self.held_out),
      'classes': {
        features.NAMES[i]: {
          'ms_per_unit': float(f'{self.prices[i]:.6g}'),
          'most': float(self.most[i]),
        }
        for i in used
      },
    }

  def save(self, path: str | pathlib.Path) -> None:
    """Writes its file.

    Args:
      path: Ends in '.json'.

    Raises:
      UserError: It cannot be written.
    """
    files.made(pathlib.Path(path).parent)
    files.write(path, _lines(self.to_json()))


def names() -> list[str]:
  """Names of the calibrated devices, effnas's and the user's own, sorted.

  Example:
    >>> 'a100' in names()
    True
  """
  own = folder().glob('*.json') if folder().is_dir() else ()
  return sorted({*shipped(), *(f.stem for f in own)})


def shipped() -> list[str]:
  """Names of the calibrated devices that effnas comes with, sorted."""
  return sorted(
    f.name[:-5] for f in _shipped().iterdir() if f.name.endswith('.json')
  )


def folder() -> pathlib.Path:
  """Where the user's own devices lie that are used by name."""
  return folders.data('devices')


def load(name: str) -> CostModel:
  """Loads a calibrated device.

  Args:
    name: One of `names()`, or the path of a file that `CostModel.save` wrote.

  Returns:
    The model.

  Raises:
    UserError: There is none, or the file is no such file.
  """
  if name in shipped():
    return _shipped_model(name)
  path = name
  if not name.endswith('.json'):
    if name not in names():
      raise errors.unknown('calibrated device', name, names())
    path = str(folder() / f'{name}.json')
  return _parse(files.read_json(path, 'device file'), path)


def _shipped() -> Any:
  return importlib.resources.files('effnas.footprint.latency').joinpath(_FOLDER)


@functools.cache
def _shipped_model(name: str) -> CostModel:
  return _parse(
    files.parse(_shipped().joinpath(f'{name}.json').read_text()), name
  )


def _parse(found: Any, path: str) -> CostModel:
  """Reads the JSON of a file, which anyone may have edited."""
  fields = [f.name for f in dataclasses.fields(CostModel)]
  plain = [f for f in fields if f not in _PARSED]
  try:
    classes = found['classes']
    model = CostModel(
      **{name: found[name] for name in plain},
      range_ms=(float(found['range_ms'][0]), float(found['range_ms'][1])),
      held_out=Held(**found['held_out']),
      prices=_vector({n: c['ms_per_unit'] for n, c in classes.items()}),
      most=_vector({n: c['most'] for n, c in classes.items()}),
    )
  except (LookupError, TypeError, ValueError, AttributeError) as e:
    raise errors.UserError(
      f'{path} is no device file of `effnas calibrate`: {e!r}'
    ) from None
  _check(model, found, path)
  return model


def _check(model: CostModel, found: Any, path: str) -> None:
  """Raises a UserError where a file's numbers cannot be."""
  if not np.isfinite(model.prices).all() or (model.prices < 0).any():
    raise errors.UserError(f'{path}: prices are finite and not below zero')
  if not model.prices.any():
    raise errors.UserError(
      f'{path}: classes has no price above zero, by which everything would '
      'take no time; calibrate the device again'
    )
  arguments.values(_told, found, f'{path}: ')
  arguments.values(Held, found['held_out'], f'{path}: held_out.')
  low, high = model.range_ms
  if not low <= high:
    raise errors.UserError(
      f'{path}: range_ms is from the fastest to the slowest; got {low:g} and '
      f'{high:g}'
    )


_Time = arguments.Positive


def _told(
  name: str,
  device: str,
  precision: str,
  batch: arguments.Count,
  measured: str,
  measurements: arguments.Count,
  range_ms: tuple[_Time, _Time],
  classes: Mapping[str, Mapping[str, arguments.NotNegative]],
) -> None:
  """What a device file says, for `arguments.values`; see `CostModel`."""
  del name, device, precision, batch, measured, measurements, range_ms, classes


def _lines(value: dict[str, Any]) -> str:
  """Writes JSON with a line for each operation class."""
  *head, (last, classes) = value.items()
  lines = [f'  {json.dumps(k)}: {json.dumps(v)}' for k, v in head]
  inner = [f'    {json.dumps(k)}: {json.dumps(v)}' for k, v in classes.items()]
  lines.append(f'  {json.dumps(last)}: {{\n' + ',\n'.join(inner) + '\n  }')
  return '{\n' + ',\n'.join(lines) + '\n}\n'


def _vector(values: Mapping[str, float]) -> np.ndarray:
  found = np.zeros(len(features.NAMES))
  for name, value in values.items():
    if name not in features.NAMES:
      raise errors.unknown('operation class', name, features.NAMES)
    found[features.NAMES.index(name)] = value
  return found
