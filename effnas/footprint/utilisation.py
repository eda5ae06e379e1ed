"""Latency from a share of a device's peak rate."""

from collections.abc import Callable, Sequence

from effnas import errors
from effnas.footprint.latency import device as device_lib
from effnas.footprint.program import work as work_lib

Latency = Callable[[Sequence[work_lib.Work], device_lib.Device], float]


def at(share: float) -> Latency:
  """Returns a latency function: MACs at a share of the peak rate.

  Two operations a MAC, at the device's rate in its float format. Of
  the large language models in the paper below, GPT-3 reached 0.21 and PaLM 0.46
  (model FLOPs utilisation).

  Args:
    share: Above 0, at most 1.

  Returns:
    A function from work and device to milliseconds.

  Raises:
    UserError: The share is another number.

  Example:
    >>> half = at(0.5)
    >>> work = [work_lib.Work('head', 'dense', macs=10**12)]
    >>> half(work, device_lib.load('tpu_v5e'))  # 197 TFLOP/s
    20.3...

  Reference:
    Chowdhery et al., 2022, PaLM, https://arxiv.org/abs/2204.02311, table 3
  """
  if not 0 < share <= 1:
    raise errors.UserError(
      f'a utilisation is above 0 and at most 1; got {share}'
    )

  def latency(work, device):
    return 2e3 * sum(w.macs for w in work) / (share * device.formats().rate)

  return latency
