"""Once more smaller: a better training may bear what the first one did not."""

import itertools
from typing import Any

from effnas.strategy.guide import foresee, offering

KIND = 'shrink'


def make(plan, here):
  """Tries the next smaller width, the next sparsity, the next bits, and all."""
  axis, point = plan.axis, here.point
  widths = [axis.now(point), *axis.smaller(point)[-1:]]
  sparsity = point.get('compress.prune.sparsity', 0.0)
  sparsity *= 'prune' in point.order
  sparsities = [sparsity, *_next(plan, 'prune.sparsity', sparsity, 1)]
  path = 'compress.quantize' if point.float else 'quant'
  bits = point.get(f'{path}.weights', 32)
  if point.float and 'quantize' not in point.order:
    bits = 32
  fewer = [bits, *_next(plan, 'quantize.weights', bits, -1)]
  candidates = {}
  for width, share, number in itertools.product(widths, sparsities, fewer):
    words: list[str] = []
    changes: dict[str, Any] = {}
    if width != widths[0]:
      words.append(axis.said(width))
      if axis.kind == 'remove':
        changes |= plan.settings('remove')
    if share != sparsity:
      words.append(f'{100 * share:.3g} % pruned')
      changes |= plan.settings('prune') | {'compress.prune.sparsity': share}
    if number != bits:
      words.append(f'{number} bits')
      if point.float:
        changes |= plan.settings('quantize')
      changes[f'{path}.weights'] = number
    if words:
      narrow = axis.at(point, width)
      found = narrow.replace(changes) if changes else narrow
      candidates[', '.join(words)] = found
  return offering.smaller(plan, here, candidates, 'it is the smallest offered')


def _next(plan, path, now, sign):
  """The offered value that is the next on the way to smaller networks."""
  default = foresee.SPARSITIES if path.startswith('prune') else foresee.BITS
  offered = plan.options(f'compress.{path}', default)
  beyond = [v for v in offered if sign * v > sign * now]
  return sorted(beyond, key=lambda v: sign * v)[:1]
