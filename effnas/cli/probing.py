"""Times informative networks and blocks on the device that is present."""

import os
import pathlib
import platform
from typing import Any, NamedTuple

import numpy as np

from effnas.cli import progress

_POOL = 6  # probes drawn for each one that is timed


class Timed(NamedTuple):
  """What was timed.

  Attributes:
    quantities: float64 [n, len(features.NAMES)].
    ms: float64 [n], the median latency of a call.
    kind: The device, as JAX names it.
  """

  quantities: np.ndarray
  ms: np.ndarray
  kind: str


def run(
  number: int, seconds: float, prior: np.ndarray, float_format: str, seed: int
) -> Timed:
  """Draws probes, chooses informative ones, and times them.

  Args:
    number: How many to time.
    seconds: About how long to time each.
    prior: The datasheet's prices, of `features.prior`.
    float_format: Type of parameters and inputs.
    seed: Of the draws.

  Returns:
    What was timed; a probe that fails is told of and left out.
  """
  from effnas.footprint import measured
  from effnas.footprint.latency import design

  pool, quantities = _pool(number * _POOL, seed)
  chosen = design.choose(quantities, prior, number)
  kept, ms, kind = [], [], ''
  with progress.Progress('probe', len(chosen), before='compiling') as told:
    for done, i in enumerate(chosen, 1):
      probe = pool[i]
      try:
        found = measured.time_network(
          probe.net,
          probe.input.shape,
          probe.batch,
          input_dtype=probe.input.dtype,
          float_format=float_format,
          seconds=seconds,
        )
      except Exception as e:  # one network less, and the others still tell
        progress.tell(f'{probe.name} is left out: {str(e).splitlines()[0]}')
        continue
      kept.append(i)
      ms.append(found.median_ms)
      kind = _processor() if found.platform == 'cpu' else found.device
      told.update(done, f'{probe.name} {found.median_ms:.3g} ms')
  return Timed(quantities[kept], np.array(ms), kind)


def _processor() -> str:
  """The processor, as its maker calls it, and its cores."""
  name = platform.processor() or platform.machine()
  try:
    lines = pathlib.Path('/proc/cpuinfo').read_text(encoding='utf-8')
    models = [x for x in lines.splitlines() if x.startswith('model name')]
    name = models[0].partition(':')[2].strip()
  except (OSError, IndexError):
    pass  # not Linux: the architecture has to do
  return f'{name}, {os.cpu_count()} cores'


def _pool(size: int, seed: int) -> tuple[list[Any], np.ndarray]:
  """Probes that can be built, with what they are made of."""
  from effnas import errors
  from effnas.footprint import network
  from effnas.zoo import probes

  pool: list[Any] = []
  quantities = []
  drawn = probes.draw(np.random.default_rng(seed))
  with progress.Progress('counting', size, patience=2.0) as told:
    while len(pool) < size:
      probe = next(drawn)
      try:
        found = network.quantities(
          probe.net,
          probe.input.shape,
          batch=probe.batch,
          input_dtype=probe.input.dtype,
        )
      except (errors.UserError, TypeError, ValueError):
        continue  # a block that does not take this width or map
      pool.append(probe)
      quantities.append(found)
      told.update(len(pool))
  return pool, np.array(quantities)
