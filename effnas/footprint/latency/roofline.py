"""Latency from a datasheet: a roofline over the operations of a network.

The bound of Williams, Waterman and Patterson (2009), operation by operation. It
ranks targets and number formats and shows what a network is bound by. It knows
no launch overhead, no tiling and no cache, so it is a floor; measured and
calibrated latencies carry another source than 'datasheet'.
"""

from collections.abc import Callable, Iterable

from effnas.footprint.latency import device as device_lib
from effnas.footprint.program import work as work_lib

Bits = Callable[[str], tuple[int | None, int | None] | None]


def latency(
  listed: Iterable[work_lib.Work],
  device: device_lib.Device,
  bits: Bits | None = None,
) -> float:
  """Milliseconds of one run on a device, at best.

  The sum over operations of the longer of computing and moving:
  `max(2 * macs / rate, bytes / bandwidth)`. Work whose path `bits` knows runs
  at the rate of its wider operand and moves weights and activations at their
  bits, as far as the device has a fast path for them; all else is in its float
  format (bfloat16; float32 on 'cpu'). Elementwise results are written by the
  operation that they are fused into.

  Args:
    listed: What `work.work` returned (its batch is this latency's batch).
    device: The target.
    bits: Module path -> (bits of weights, bits of activations), either None
      for float, or None altogether for float.

  Returns:
    Milliseconds; the source of the number is 'datasheet'.

  Example:
    >>> from effnas.footprint.latency import device
    >>> from effnas.footprint.program import work
    >>> head = work.Work('head', 'dense', 1_000_000, weights=1_000_000,
    ...                  reads=1_000, writes=1_000)
    >>> round(latency([head], device.load('tpu_v5e')), 6)  # 2,004,000 bytes
    0.002447
  """
  seconds = 0.0
  for w in listed:
    formats = device.formats(*((bits and bits(w.path)) or (None, None)))
    moved = w.fixed + w.weights * formats.weights / 8
    moved += w.activations * formats.activations / 8
    seconds += max(2 * w.macs / formats.rate, moved / device.bandwidth)
  return 1e3 * seconds
