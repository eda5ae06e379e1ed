"""Operation classes: the quantities that a cost model gives a price to.

Classes, not fields of an architecture: a network of any family, or a user's
own function, falls into the same ones, so that a model fitted on one family
says something about another.
"""

from collections.abc import Iterable

import numpy as np

from effnas.footprint.latency import device as device_lib
from effnas.footprint.latency import roofline
from effnas.footprint.program import work as work_lib

Quantities = np.ndarray  # float64 [len(NAMES)]
_QUANTITIES = {
  **dict.fromkeys(
    work_lib.PRODUCTS, ('macs', 'reads', 'writes', 'weights', 'launches')
  ),
  'elementwise': ('operations', 'reads', 'writes', 'launches'),
  'reduce': ('operations', 'reads', 'writes', 'launches'),
  'data': ('reads', 'writes', 'launches'),
  'unknown': ('reads', 'writes', 'launches'),
}
# 'fixed' are bytes, all others elements or numbers. Of a program as a whole:
# 'input' is what it is given, which may have to be brought to the device, and
# 'run' is 1: what a call costs, whatever it does.
NAMES = (
  *(f'{kind}.{what}' for kind, own in _QUANTITIES.items() for what in own),
  'fixed',
  'input',
  'run',
)
_PLACE = {name: i for i, name in enumerate(NAMES)}
INPUT, RUN = _PLACE['input'], _PLACE['run']
_PLACES = {
  kind: [(what, _PLACE[f'{kind}.{what}']) for what in own]
  for kind, own in _QUANTITIES.items()
}


def of(
  listed: Iterable[work_lib.Work],
  device: device_lib.Device | None = None,
  bits: roofline.Bits | None = None,
) -> np.ndarray:
  """Adds up work by operation class.

  Args:
    listed: What `work.work` returned, of a program or of a part of one.
    device: Where `bits` are to count: the target.
    bits: Module path -> (bits of weights, bits of activations), as for
      `roofline.latency`. Products in a format that the device has a fast path
      for count as so much less of its float products, by the ratio of its peak
      rates, and what is moved by the ratio of the widths.

  Returns:
    float64 [len(NAMES)]: whole numbers without `bits`, so that sums do not
    depend on their order. 'input' and 'run' are 0: they belong to a program,
    not to its parts.

  Example:
    >>> head = work_lib.Work('head', 'dense', 1000, weights=1000, launches=1)
    >>> found = of([head, head])
    >>> found[NAMES.index('dense.macs')], found[NAMES.index('dense.launches')]
    (np.float64(2000.0), np.float64(2.0))
  """
  found = np.zeros(len(NAMES))
  for w in listed:
    macs, weights, activations = 1.0, 1.0, 1.0
    if device is not None and bits is not None:
      plain, used = device.formats(), device.formats(*(bits(w.path) or ()))
      macs = plain.rate / used.rate
      weights = used.weights / plain.weights
      activations = used.activations / plain.activations
    share = {
      'macs': macs,
      'weights': weights,
      'reads': activations,
      'writes': activations,
    }
    for what, place in _PLACES[w.kind]:
      found[place] += getattr(w, what) * share.get(what, 1.0)
    found[_PLACE['fixed']] += w.fixed
  return found


def whole(parts: Quantities, inputs: int) -> Quantities:
  """Returns the quantities of a program.

  Args:
    parts: float64 [len(NAMES)], the sum over its parts.
    inputs: Elements of what it is given.

  Returns:
    float64 [len(NAMES)].
  """
  found = parts.copy()
  found[INPUT], found[RUN] = inputs, 1
  return found


def prior(device: device_lib.Device) -> np.ndarray:
  """Returns what each quantity costs by a device's datasheet.

  Args:
    device: The device.

  Returns:
    float64 [len(NAMES)]: milliseconds for each unit. Products take 2 / rate,
    depthwise ones twice that (they fill half of a matrix unit at best, and
    mostly wait for memory), moved elements their bytes / bandwidth; launches
    and calls nothing, as no datasheet tells.
  """
  formats = device.formats()
  moved = formats.activations / 8 / device.bandwidth
  costs = {
    'macs': 2 / formats.rate,
    'operations': 0.0,
    'weights': moved,
    'reads': moved,
    'writes': moved,
    'launches': 0.0,
    'fixed': 1 / device.bandwidth,
    'input': 0.0,
    'run': 0.0,
  }
  found = np.array([costs[name.rpartition('.')[2]] for name in NAMES])
  found[_PLACE['depthwise.macs']] *= 2
  return 1e3 * found
