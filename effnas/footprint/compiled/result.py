"""What a compiler said of a program for a target."""

from collections.abc import Mapping
import dataclasses
from typing import Any

# What a compiler tells of a program that it compiles, and what it may tell.
_TOLD = ('argument_bytes', 'output_bytes', 'temporary_bytes', 'seconds')
_MAYBE = ('code_bytes', 'flops', 'bytes_accessed')


@dataclasses.dataclass(frozen=True)
class Compiled:
  """One program, compiled for one device.

  Bytes are those that the program takes on the device, with the padding of the
  target's layouts; None where the program did not compile or the compiler does
  not say.

  Attributes:
    target: The device, one of `effnas.footprint.compiled.names()`.
    batch: Examples at a time.
    compiler: Package and version, e.g. 'libtpu 0.0.42.1'.
    memory_bytes: Memory of the device.
    argument_bytes: Bytes of all variables and the input.
    output_bytes: Bytes of the output.
    temporary_bytes: Bytes between them. What a TPU keeps in its on-chip memory
      is not part of it. On a GPU products are cuBLAS's, where the device might
      try Triton's, which fuse and need less, and the workspace that cuDNN
      chooses on the device is not part of it.
    code_bytes: Bytes of the program itself; None on GPUs.
    flops: The compiler's count of operations, None on GPUs. It also counts
      what a compiler adds and is not twice the MACs.
    bytes_accessed: The compiler's count of bytes read and written.
    seconds: What compiling took, wherever it was done.
    refused: What the compiler said when it found the device's memory too
      small, else None.
    cached: Whether it was read from disk.
  """

  target: str
  batch: int
  compiler: str
  memory_bytes: float
  argument_bytes: int | None = None
  output_bytes: int | None = None
  temporary_bytes: int | None = None
  code_bytes: int | None = None
  flops: float | None = None
  bytes_accessed: float | None = None
  seconds: float = 0.0
  refused: str | None = None
  cached: bool = dataclasses.field(default=False, compare=False)

  @property
  def total_bytes(self) -> int | None:
    """Arguments, outputs, temporaries and code; None where it is refused."""
    if self.refused is not None:
      return None
    parts = (
      self.argument_bytes,
      self.output_bytes,
      self.temporary_bytes,
      self.code_bytes,
    )
    return sum(part or 0 for part in parts)

  @property
  def fits(self) -> bool:
    """Whether it compiles and the device's memory holds it."""
    total = self.total_bytes
    return total is not None and total <= self.memory_bytes

  def as_json(self) -> dict[str, Any]:
    """Returns plain values, `total_bytes` and `fits` among them.

    Example:
      >>> Compiled('cpu', 1, 'jaxlib', 10.0, 4, 4, 4).as_json()['fits']
      False
    """
    derived = {'total_bytes': self.total_bytes, 'fits': self.fits}
    return dataclasses.asdict(self) | derived


def from_answer(
  answer: Mapping[str, Any], about: Mapping[str, Any], *, cached: bool
) -> Compiled:
  """Returns the result for what a worker answered.

  Args:
    answer: As `effnas.footprint.compiled.worker` writes it.
    about: Target, batch, compiler and memory of the device.
    cached: Whether the answer was read from disk.

  Raises:
    ValueError: It is no such answer.

  Example:
    >>> about = {
    ...   'target': 'cpu', 'batch': 1, 'compiler': '', 'memory_bytes': 1e9
    ... }
    >>> refused = {'refused': 'too large', 'seconds': 1.0}
    >>> from_answer(refused, about, cached=False).fits
    False
  """
  refused = answer.get('refused')
  if refused is None:
    told = [answer.get(name) for name in _TOLD]
    maybe = [answer.get(name) for name in _MAYBE]
    maybe = [value for value in maybe if value is not None]
  else:
    told, maybe = [answer.get('seconds')], []
  right = isinstance(refused, str | None) and all(
    isinstance(value, int | float) for value in [*told, *maybe]
  )
  known = {*_TOLD, *_MAYBE, 'refused'}
  if not right or not known.issuperset(answer):
    raise ValueError(f'not an answer of a compiler: {dict(answer)}')
  return Compiled(**about, **answer, cached=cached)
