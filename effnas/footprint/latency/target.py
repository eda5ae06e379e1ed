"""What a latency is asked for: a device by name or file, and a batch."""

from collections.abc import Iterable
import dataclasses
import functools

from effnas import errors
from effnas.footprint import profile
from effnas.footprint.latency import cost_model, features, roofline
from effnas.footprint.latency import device as device_lib

_DATASHEET = 'datasheet/'


@dataclasses.dataclass(frozen=True)
class Target:
  """A device that latencies are given for.

  Attributes:
    name: As it was asked for, e.g. 'tpu_v3:128'.
    batch: Examples at a time, or None where the name says none.
    device: Its datasheet: formats, peak rates, memory.
    model: Its cost model, or None where there is only the datasheet.
  """

  name: str
  batch: int | None
  device: device_lib.Device
  model: cost_model.CostModel | None

  def at(self, batch: int | None) -> int:
    """Returns the batch that its latency is given for.

    Args:
      batch: The caller's, or None.

    Returns:
      Its own, else the caller's, else that of the measurements behind a cost
      model, else 1.
    """
    return self.batch or batch or (self.model.batch if self.model else 1)

  def latency(
    self, found: profile.Profile, bits: roofline.Bits | None = None
  ) -> float:
    """Milliseconds of one run of a network.

    Args:
      found: Its profile, at this latency's batch.
      bits: Module path -> (bits of weights, bits of activations), either None
        for float, or None altogether for float.

    Returns:
      Milliseconds: of the cost model, else of the roofline.
    """
    if self.model is not None:
      return self.model.latency(self._quantities(found, bits))
    if bits is None:
      name = f'roofline@{self.device.name}'
      return found.total(name, lambda w: roofline.latency(w, self.device))
    return found.total_by_path(
      lambda work, path: roofline.latency(work, self.device, below(bits, path))
    )

  def said(
    self,
    found: profile.Profile,
    bits: roofline.Bits | None = None,
    batch: int | None = None,
  ) -> str:
    """Says where the latency of a network comes from, in which formats.

    Args:
      found: As for `latency`.
      bits: As for `latency`.
      batch: As for `at`.

    Returns:
      E.g. 'datasheet, int8, batch 1' or 'calibrated (n=601, error 0.52 %),
      bfloat16, batch 128'. It says so where prices were scaled to another
      format by the datasheet, and where nothing like it was measured.
    """
    source = self.model.source if self.model else 'datasheet'
    words = [source, self._formats(found, bits), f'batch {self.at(batch)}']
    if self.model and self.model.outside(
      self._quantities(found, bits), self.at(batch)
    ):
      words.append('outside of the measured range')
    return ', '.join(words)

  def _quantities(
    self, found: profile.Profile, bits: roofline.Bits | None
  ) -> features.Quantities:
    if bits is None:
      return quantities(found)
    parts = found.total_by_path(
      lambda work, path: features.of(work, self.device, below(bits, path))
    )
    return features.whole(parts, found.own.inputs)

  def _formats(self, found: profile.Profile, bits: roofline.Bits | None) -> str:
    """The formats that products run in, widest first."""
    used = {self.device.formats()} if bits is None else set()
    if bits is not None:
      for path, _, _ in found.products:
        used.add(self.device.formats(*(bits(path) or ())))
    ordered = sorted(used, key=lambda f: (-f.weights, -f.activations))
    plain = self.device.float_format
    *others, last = [f.said(plain) for f in ordered]
    said = f'{", ".join(others)} and {last}' if others else last
    if self.model is not None and used != {self.device.formats()}:
      said += f' (scaled from {self.model.precision})'
    return said


def quantities(found: profile.Profile) -> features.Quantities:
  """Adds up the work of a profiled network by operation class.

  Args:
    found: Its profile.

  Returns:
    float64 [len(features.NAMES)].
  """
  return features.whole(
    found.total('quantities', features.of), found.own.inputs
  )


def below(bits: roofline.Bits, path: str) -> roofline.Bits:
  """Returns the bits of what lies below a path."""
  return lambda at: bits(profile.join(path, at))


def names() -> list[str]:
  """Names of the targets that effnas knows: datasheets and cost models.

  Example:
    >>> {'tpu_v5e', 'a100_gpt'} <= set(names())
    True
  """
  return sorted({*device_lib.names(), *cost_model.names()})


@functools.cache
def load(name: str) -> Target:
  """Finds a target.

  Args:
    name: One of `names()`, or a file that `effnas calibrate` wrote; behind it
      ':BATCH' where its latency is that of another batch than the caller's.
      Where there is a cost model of that name it is taken, else the datasheet;
      'datasheet/NAME' asks for the latter.

  Returns:
    The target.

  Raises:
    UserError: There is none, or the batch is no number above zero.

  Example:
    >>> load('tpu_v3:128').batch, load('tpu_v5e').model is None
    (128, True)
  """
  known, colon, number = name.rpartition(':')
  if not colon:
    known, number = name, ''
  batch = None
  if colon:
    if not number.isdecimal() or int(number) < 1:
      raise errors.UserError(
        f'a target is NAME or NAME:BATCH, e.g. tpu_v3:128; got {name!r}'
      )
    batch = int(number)
  plain = known.removeprefix(_DATASHEET)
  if plain != known:
    return Target(name, batch, device_lib.load(plain), None)
  if known in cost_model.names() or known.endswith('.json'):
    model = cost_model.load(known)
    return Target(name, batch, device_lib.load(model.device), model)
  if known not in device_lib.names():
    raise errors.unknown('target', known, names())
  return Target(name, batch, device_lib.load(known), None)


def choose(wanted: Iterable[str]) -> list[Target]:
  """Finds targets by name, each once; 'all' stands for all that are known."""
  found = [n for w in wanted for n in (names() if w == 'all' else [w])]
  return [load(name) for name in dict.fromkeys(found)]
