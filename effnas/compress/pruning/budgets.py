"""Budgets: how the pruned weights are shared out among the kernels.

Every budget prunes the same number of weights in all, to the unit.
"""

from collections.abc import Mapping
import math

import numpy as np

from effnas import errors

BUDGETS = ('uniform', 'erk', 'global')


def check(sparsity: float) -> float:
  """Returns the sparsity, a number from 0 to less than 1.

  Raises:
    UserError: It is not.
  """
  number = isinstance(sparsity, int | float | np.number)
  if isinstance(sparsity, bool) or not number or not 0 <= sparsity < 1:
    raise errors.UserError(
      'sparsity is the share of weights that are pruned, from 0 to less than '
      f'1; got {sparsity!r}'
    )
  return float(sparsity)


def uniform(
  shapes: Mapping[str, tuple[int, ...]], sparsity: float
) -> dict[str, float]:
  """Gives each kernel the same density.

  Example:
    >>> uniform({'a': (4, 4), 'b': (8, 8)}, 0.75)
    {'a': 0.25, 'b': 0.25}
  """
  return dict.fromkeys(shapes, 1 - check(sparsity))


def erk(
  shapes: Mapping[str, tuple[int, ...]], sparsity: float
) -> dict[str, float]:
  """Gives each kernel a density by the sum of its sides over their product.

  Density = e * (I + O + H + W) / (I * O * H * W), with one e for all kernels
  such that the network has the sparsity. Where that is above 1 the kernel
  stays dense, and e is found again for the others.

  Args:
    shapes: Path -> [I, O] or [H, W, I, O].
    sparsity: Of all these kernels together.

  Returns:
    Path -> density, 0 to 1.

  Raises:
    UserError: A sparsity outside [0, 1).

  Reference:
    Mocanu et al., 2018, https://arxiv.org/abs/1707.04780 (Erdos-Renyi); Evci
    et al., 2020, https://arxiv.org/abs/1911.11134 (with the kernel's sides)

  Example:
    >>> found = erk({'dense': (10, 20), 'conv': (3, 3, 8, 16)}, 0.5)
    >>> found['dense'], round(found['conv'] * 3 * 3 * 8 * 16)
    (1.0, 476)
  """
  sizes = {path: math.prod(shape) for path, shape in shapes.items()}
  living = (1 - check(sparsity)) * sum(sizes.values())
  full: set[str] = set()
  while True:
    open_ = [path for path in shapes if path not in full]
    left = living - sum(sizes[path] for path in full)
    e = left / (sum(sum(shapes[path]) for path in open_) or 1)
    raw = {path: e * sum(shapes[path]) / sizes[path] for path in open_}
    above = {path for path, density in raw.items() if density > 1}
    if not above:
      return {path: raw.get(path, 1.0) for path in shapes}
    full |= above


def counts(
  units: Mapping[str, int], densities: Mapping[str, float]
) -> dict[str, int]:
  """Turns densities into whole numbers of pruned units, exact in all.

  Each number is within one of its share, and the largest remainders are
  rounded up. As far as that goes, no kernel loses its last unit.

  Args:
    units: Path -> units of the kernel.
    densities: Path -> share of them that lives.

  Returns:
    Path -> pruned units; their sum is the nearest number to the shares' sum.

  Example:
    >>> counts({'a': 5, 'b': 5, 'c': 5}, {'a': 0.5, 'b': 0.5, 'c': 0.8})
    {'a': 3, 'b': 2, 'c': 1}
  """
  shares = {p: (1 - densities[p]) * n for p, n in units.items()}
  # Sums of rounded numbers may lie a hair below a whole one.
  found = {p: math.floor(share + 1e-9) for p, share in shares.items()}
  left = math.floor(sum(shares.values()) + 0.5 + 1e-9) - sum(found.values())
  order = sorted(
    (p for p in units if found[p] < units[p]),
    key=lambda p: (found[p] + 1 == units[p], found[p] - shares[p]),
  )
  for path in order[:left]:
    found[path] += 1
  return found
