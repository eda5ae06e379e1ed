"""Names of metrics, and which way is better.

Quality metrics say how good a network is, footprint metrics what it costs
(Menghani 2021, section 1). The direction belongs to the metric.
"""

import dataclasses

from effnas import errors

_QUALITY = {
  'accuracy': True,
  'top5': True,
  'precision': True,
  'recall': True,
  'f1': True,
  'auc': True,
  'loss': False,
}
_FOOTPRINT = ('params', 'macs', 'size_bytes', 'peak_memory_bytes')
_PER_TARGET = ('latency_ms',)  # written NAME@TARGET


@dataclasses.dataclass(frozen=True)
class Metric:
  """What a metric's name says.

  Attributes:
    name: The name in full, e.g. 'latency_ms@tpu_v5e'.
    kind: The name without target and 'test_', e.g. 'latency_ms'.
    target: The target after '@', or None.
    maximize: Whether more is better.
    footprint: Whether it is a cost, known before any training.
    test: Whether it was taken on the test set.
  """

  name: str
  kind: str
  target: str | None
  maximize: bool
  footprint: bool
  test: bool = False


def parse(name: str) -> Metric:
  """Reads the name of a metric.

  Args:
    name: E.g. 'accuracy', 'test_accuracy', 'size_bytes', 'latency_ms@tpu_v5e'.

  Returns:
    What it says.

  Raises:
    UserError: There is no such metric.

  Example:
    >>> parse('latency_ms@tpu_v5e').target, parse('accuracy').maximize
    ('tpu_v5e', True)
    >>> parse('sise_bytes')
    Traceback (most recent call last):
    effnas.errors.UserError: unknown metric 'sise_bytes'; did you mean
      'size_bytes'?
  """
  whole = str(name)
  kind, at, target = whole.partition('@')
  if kind in _PER_TARGET:
    if not target:
      raise errors.UserError(
        f'{kind} needs the target it is counted on: {kind}@TARGET, '
        f'e.g. {kind}@tpu_v5e; got {whole!r}'
      )
    return Metric(whole, kind, target, maximize=False, footprint=True)
  if at and (kind in _QUALITY or kind in _FOOTPRINT):
    raise errors.UserError(
      f'{kind} is the same on every target; write {kind!r}, not {whole!r}'
    )
  if kind in _FOOTPRINT:
    return Metric(whole, kind, None, maximize=False, footprint=True)
  bare = kind.removeprefix('test_')
  if bare not in _QUALITY:
    known = [*_QUALITY, *_FOOTPRINT, *(f'{k}@TARGET' for k in _PER_TARGET)]
    raise errors.unknown('metric', whole, known)
  return Metric(
    whole, bare, None, _QUALITY[bare], footprint=False, test=bare != kind
  )
