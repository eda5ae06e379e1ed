"""Stop rules as data: what a training has to have reached by which epoch."""

from collections.abc import Mapping
import math
from typing import Any

from effnas.search import metrics


class Watch:
  """Watches the reports of one training.

  The bounds are JSON values, so that they travel to a worker:

      {'metric': 'accuracy', 'bounds': [[3, 0.41], [4, 0.46]], 'best': null}

  A training is stopped at an epoch if its best value so far is worse than the
  epoch's bound. 'best' is that of an earlier run which was cut off.
  """

  def __init__(self, bounds: Mapping[str, Any]):
    """Begins to watch.

    Args:
      bounds: As above.
    """
    self._metric = bounds['metric']
    self._up = metrics.parse(self._metric).maximize
    self._bounds = {int(epoch): bound for epoch, bound in bounds['bounds']}
    self._best = bounds.get('best')

  def worse(self, epoch: int, found: Mapping[str, Any]) -> str:
    """Takes a report.

    Args:
      epoch: Its epoch.
      found: Its metrics.

    Returns:
      Why the training is to be stopped, '' if it is not.

    Example:
      >>> watch = Watch({'metric': 'accuracy', 'bounds': [[2, 0.5]]})
      >>> watch.worse(1, {'accuracy': 0.1})
      ''
      >>> watch.worse(2, {'accuracy': 0.4})
      'accuracy 0.4 is worse than the bound 0.5 of epoch 2'
    """
    value = found.get(self._metric)
    better = max if self._up else min
    # nan, the value of what diverged, is no better than anything.
    seen = [
      v for v in (self._best, value) if v is not None and not math.isnan(v)
    ]
    self._best = better(seen, default=None)
    bound, best = self._bounds.get(epoch), self._best
    if bound is None or best is None or better(best, bound) == best:
      return ''
    return (
      f'{self._metric} {best:g} is worse than the bound {bound:g} of '
      f'epoch {epoch}'
    )
