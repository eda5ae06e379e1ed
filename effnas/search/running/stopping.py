"""Stop rules as data: what a training has to have reached by which epoch."""

from collections.abc import Mapping
import math
from typing import Any

import numpy as np

from effnas.search import metrics
from effnas.search.scheduling import curves


class Watch:
  """Watches the reports of one training.

  The bounds are JSON values, so that they travel to a worker:

      {'metric': 'accuracy', 'bounds': [[3, 0.41], [4, 0.46]], 'best': null}

  A training is stopped at an epoch if its best value so far is worse than the
  epoch's bound. 'best' is that of an earlier run which was cut off.

  Where there is 'curve' beside, it is also stopped if the value to be expected
  of it at the last epoch, and so many spreads better, is worse than the best
  final value of other trials:

      {'final': 0.93, 'last': 50, 'spreads': 2, 'grace': 4, 'seen': [[1, 0.2]]}

  No curve is judged before the epoch 'grace'; 'seen' is of an earlier run.
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
    self._curve = bounds.get('curve') or {}
    self._seen = {
      int(e): math.nan if v is None else v
      for e, v in self._curve.get('seen', ())
    }

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
      return self._hopeless(epoch, value)
    return (
      f'{self._metric} {best:g} is worse than the bound {bound:g} of '
      f'epoch {epoch}'
    )

  def _hopeless(self, epoch: int, value: float | None) -> str:
    """Says why the training will not win, '' if it may."""
    final, last = self._curve.get('final'), self._curve.get('last', 0)
    if value is not None:
      self._seen[epoch] = value
    if final is None or epoch >= last or epoch < self._curve['grace']:
      return ''
    name = f'{self._metric} of epoch {epoch}'
    if value is not None and not math.isfinite(value):
      return f'{name} is {value}'
    told = {e: v for e, v in self._seen.items() if math.isfinite(v)}
    if value is None or len(told) < curves.LEAST:
      return ''
    known = metrics.parse(self._metric)
    share = known.maximize and not known.footprint
    epochs = sorted(told)
    mean, spread = curves.extrapolate(
      np.array(epochs),
      np.array([told[e] for e in epochs]),
      last,
      (0.0, 1.0 if share else math.inf),
    )
    sign = 1 if self._up else -1
    if sign * (final - mean) <= self._curve['spreads'] * spread:
      return ''
    return (
      f'{self._metric} {mean:.4g} +- {spread:.2g} is to be expected at epoch '
      f'{last}, worse than {final:.4g}, told at epoch {epoch}'
    )
