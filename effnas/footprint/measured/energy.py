"""Energy of a section of a program, where a device counts it.

Two counters are read, both of the energy itself and not of power: NVML's of an
NVIDIA GPU (Volta and later; package `nvidia-ml-py`), and RAPL's of a CPU under
Linux. They count all that the device does meanwhile, other programs and idling
included. Where neither can be read there is no figure: none is estimated.
"""

from collections.abc import Callable, Iterator, Sequence
import contextlib
import dataclasses
import os
import pathlib
import time
from typing import Any

_POWERCAP = '/sys/class/powercap'
# RAPL counts about each millisecond and NVML each tenth of a second, so that
# the energy of a shorter section would be noise.
SHORTEST_SECONDS = 0.5


@dataclasses.dataclass(frozen=True)
class Counter:
  """What counts energy.

  Attributes:
    name: Of what is counted, e.g. 'RAPL: package-0, dram'.
    read: Returns the joules of each part so far.
    ranges: Joules at which the count of each part begins again at 0; None
      where it does not.
  """

  name: str
  read: Callable[[], Sequence[float]]
  ranges: tuple[float | None, ...]

  def used(self, before: Sequence[float], after: Sequence[float]) -> float:
    """Joules between two readings, over at most one wrap of each part.

    A part that has wrapped and says no range would count as negative; a CPU's
    range is some hours at idle and a quarter of an hour at several hundred W.

    Example:
      >>> Counter('', lambda: (), (10.0,)).used([9.0], [2.0])
      3.0
    """
    total = 0.0
    for a, b, size in zip(before, after, self.ranges, strict=True):
      total += b - a + (size if b < a and size else 0.0)
    return total


@dataclasses.dataclass
class Section:
  """Energy of a section; known when it has ended.

  Attributes:
    joules: Of the whole section, or None where it cannot be known.
    counter: The counter's name, or None.
  """

  joules: float | None = None
  counter: str | None = None


@contextlib.contextmanager
def section(counter: Counter | None) -> Iterator[Section]:
  """Counts the energy of what runs inside.

  Args:
    counter: What `counter` returned.

  Yields:
    The section; its `joules` stay None without a counter, after a failed
    reading, or if it took less than `SHORTEST_SECONDS`.

  Example:
    >>> with section(None) as used:
    ...   pass
    >>> used.joules is None
    True
  """
  used = Section()
  before = _try(counter)
  start = time.perf_counter()
  yield used
  seconds = time.perf_counter() - start
  after = _try(counter)
  if counter is None or before is None or after is None:
    return
  joules = counter.used(before, after)
  if seconds >= SHORTEST_SECONDS and joules > 0:
    used.joules, used.counter = joules, counter.name


def counter(platform: str, index: int = 0) -> Counter | None:
  """Returns what counts the energy of a JAX device, or None.

  Args:
    platform: 'cpu', 'gpu' or 'cuda'; others have no counter.
    index: The device's number among those that this process sees.
  """
  if platform == 'cpu':
    return rapl()
  if platform in ('gpu', 'cuda'):
    return nvml(index)
  return None


def rapl(root: str | pathlib.Path = _POWERCAP) -> Counter | None:
  """Returns the counter of this machine's CPUs, with memory where it counts.

  Newer kernels let only root read it.

  Args:
    root: Where the kernel shows its power zones.

  Returns:
    The counter of all packages, or None where there is none to be read.

  Reference:
    https://docs.kernel.org/power/powercap/powercap.html
  """
  zones = []
  for zone in sorted(pathlib.Path(root).glob('intel-rapl:*')):
    try:
      name = (zone / 'name').read_text().strip()
      if name.startswith('package') or name == 'dram':
        size = int((zone / 'max_energy_range_uj').read_text()) / 1e6
        zones.append((zone / 'energy_uj', name, size))
    except (OSError, ValueError):
      return None
  files, names, sizes = zip(*zones, strict=True) if zones else ((), (), ())
  found = Counter(
    f'RAPL: {", ".join(names)}',
    lambda: [int(f.read_text()) / 1e6 for f in files],
    sizes,
  )
  return found if files and _try(found) else None


def nvml(index: int = 0, library: Any = None) -> Counter | None:
  """Returns the counter of one NVIDIA GPU.

  Args:
    index: Of the GPU among those that this process sees.
    library: The module `pynvml`, or another with its functions.

  Returns:
    The counter, or None without the package, the driver, such a counter, or
    certainty which GPU it is.

  Reference:
    https://docs.nvidia.com/deploy/nvml-api: the total energy consumption, in mJ
    since the driver was loaded
  """
  if library is None:
    try:
      import pynvml
    except ImportError:
      return None
    library = pynvml
  try:
    library.nvmlInit()
    handle = _handle(library, index)
  except Exception:  # NVML has an error class for each of its codes
    return None
  if handle is None:
    return None
  found = Counter(
    'NVML: total energy consumption',
    lambda: [library.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3],
    (None,),
  )
  return found if _try(found) else None


def _handle(library: Any, index: int) -> Any:
  """The GPU that CUDA gives a number, or None where that is not certain."""
  visible = os.environ.get('CUDA_VISIBLE_DEVICES')
  if visible is not None:
    name = visible.split(',')[index].strip()
    if name.startswith('GPU-'):
      return library.nvmlDeviceGetHandleByUUID(name)
    if not name.isdigit():  # part of a GPU (MIG), whose energy is not told
      return None
    index = int(name)
  handles = [
    library.nvmlDeviceGetHandleByIndex(i)
    for i in range(library.nvmlDeviceGetCount())
  ]
  # CUDA puts the fastest first unless told otherwise, NVML goes by the bus.
  by_bus = os.environ.get('CUDA_DEVICE_ORDER') == 'PCI_BUS_ID'
  if not by_bus and len({library.nvmlDeviceGetName(h) for h in handles}) > 1:
    return None
  return handles[index]


def _try(counter: Counter | None) -> Sequence[float] | None:
  try:
    return None if counter is None else counter.read()
  except Exception:  # not to be read: no figure
    return None
