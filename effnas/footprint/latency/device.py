"""Targets: what a device can do at best, as its maker published it.

One JSON file per target in `devices/`; each value stands beside its source.
Rates are dense, never those for structured sparsity. A dtype without a fast
path has no rate: its work runs at the rate of the next wider one.
"""

from collections.abc import Mapping
import dataclasses
import functools
import importlib.resources
import json
from typing import Any, NamedTuple

from effnas import errors

_FORMATS = {4: 'int4', 8: 'int8'}


class Formats(NamedTuple):
  """What a product runs in on a device.

  Attributes:
    rate: Operations per second (a MAC is two).
    weights: Bits at which weights are moved.
    activations: Bits at which activations are moved.
  """

  rate: float
  weights: int
  activations: int

  def said(self, float_format: str) -> str:
    """Returns a word for it: 'int8', 'int4 x int8', or the float format."""
    widths = dict.fromkeys((self.weights, self.activations))
    words = [_FORMATS.get(width, float_format) for width in widths]
    return ' x '.join(words)


@dataclasses.dataclass(frozen=True)
class Device:
  """One device as a JAX program sees it.

  Attributes:
    name: Its name, e.g. 'tpu_v5e'.
    kind: 'tpu', 'gpu' or 'cpu'.
    stands_for: The part and the form of it that the values belong to.
    float_format: The float format it computes networks in, e.g. 'bfloat16'.
    peak: Operations per second by dtype (a MAC is two).
    memory_bytes: Bytes of its memory.
    bandwidth: Bytes per second between memory and chip.
    sources: Where each value is from, e.g. 'peak.int8': 'title, URL'.
  """

  name: str
  kind: str
  stands_for: str
  float_format: str
  peak: Mapping[str, float]
  memory_bytes: float
  bandwidth: float
  sources: Mapping[str, str]

  def formats(
    self, weights: int | None = None, activations: int | None = None
  ) -> Formats:
    """Returns what a product runs in.

    A width without a fast path earns nothing: it runs, and is moved, in the
    next wider format that has one.

    Args:
      weights: Bits of the weights, or None for the device's float format.
      activations: Bits of the activations, or None likewise. If either is
        None the product is one of floats.

    Returns:
      The formats.

    Example:
      >>> load('a100').formats(4, 8)
      Formats(rate=624000000000000.0, weights=4, activations=8)
      >>> load('tpu_v3').formats(4, 8) == load('tpu_v3').formats()
      True
    """
    widths = self._width(weights), self._width(activations)
    rate = self.peak[_FORMATS.get(max(widths), self.float_format)]
    return Formats(rate, *widths)

  def _width(self, bits: int | None) -> int:
    """The narrowest width with a fast path that holds so many bits."""
    fast = [b for b, name in _FORMATS.items() if name in self.peak]
    holds = [b for b in fast if bits is not None and bits <= b]
    return min(holds, default=self.float_bits)

  @property
  def float_bits(self) -> int:
    """Bits of its float format."""
    return 32 if self.float_format == 'float32' else 16


def names() -> list[str]:
  """Names of all targets, sorted.

  Example:
    >>> 'tpu_v5e' in names()
    True
  """
  files = importlib.resources.files('effnas.footprint.latency').joinpath(
    'devices'
  )
  return sorted(
    f.name[:-5] for f in files.iterdir() if f.name.endswith('.json')
  )


@functools.cache
def load(name: str) -> Device:
  """Loads a target by name.

  Args:
    name: One of `names()`.

  Returns:
    The device. Where several JAX devices share one chip (a TPU v2 or v3 shows
    each of its two cores), it has its share of the chip's values.

  Raises:
    UserError: No such target.
  """
  if name not in names():
    raise errors.unknown('target', name, names())
  data = read(name)
  share = data.get('devices_per_chip', {'value': 1})['value']
  cited = {f'peak.{k}': v for k, v in data['peak'].items()} | {
    k: data[k] for k in ('memory_bytes', 'bandwidth')
  }
  return Device(
    name=data['name'],
    kind=data['kind'],
    stands_for=data['stands_for'],
    float_format=data['float'],
    peak={k: v['value'] / share for k, v in data['peak'].items()},
    memory_bytes=data['memory_bytes']['value'] / share,
    bandwidth=data['bandwidth']['value'] / share,
    sources={k: v['source'] for k, v in cited.items()},
  )


def read(name: str) -> dict[str, Any]:
  """Reads a target's file as it stands, with the source of each value."""
  return json.loads(_folder().joinpath(f'{name}.json').read_text())


def _folder() -> Any:
  return importlib.resources.files('effnas.footprint.latency') / 'devices'
