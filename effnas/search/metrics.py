"""Names of metrics, which way is better, and the values that they can have.

Quality metrics say how good a network is, footprint metrics what it costs
(Menghani 2021, section 1). The direction belongs to the metric.

Footprint metrics, of the network as it would be deployed:

- `params`, `macs`, `size_bytes`, `peak_memory_bytes` (bytes of activations):
  counted, the same on every target;
- `latency_ms@TARGET`: milliseconds of one batch;
- `throughput@TARGET`: examples a second, 1000 x batch / latency;
- `peak_memory_bytes@TARGET`: bytes of device memory as the target's own
  compiler lays them out.

And of its training, at the config's train.batch_size on one accelerator:

- `train_step_memory` (bytes), `train_step_macs`, `train_macs` (all steps):
  counted;
- `train_step_ms@TARGET`, and `accelerator_hours@TARGET` of all steps.

Proxies guess the quality before any training: `proxy_NAME` for each NAME in
`effnas.search.proxies`, more of it being better.

TARGET is a device's name or file. Behind it may stand ':BATCH', else the batch
is footprint.batch.
"""

from collections.abc import Iterable
import dataclasses
import functools
import math
import re
from typing import Any

from effnas import errors
from effnas.search import proxies

# Whether more is better.
_QUALITY = {
  'accuracy': True,
  'top5': True,
  'precision': True,
  'recall': True,
  'f1': True,
  'auc': True,
  'loss': False,
}
_UNBOUNDED = ('loss',)  # the others of quality are shares
_COUNTED = {
  'params': False,
  'macs': False,
  'size_bytes': False,
  'peak_memory_bytes': False,
  'train_step_memory': False,
  'train_step_macs': False,
  'train_macs': False,
}
_PER_TARGET = {  # written NAME@TARGET
  'latency_ms': False,
  'throughput': True,
  'peak_memory_bytes': False,
  'train_step_ms': False,
  'accelerator_hours': False,
}
_TRAINING = (
  'train_step_memory',
  'train_step_macs',
  'train_macs',
  'train_step_ms',
  'accelerator_hours',
)
_PROXY = 'proxy_'
# Before a target: why a network does not compile for it. A text, no metric.
UNCOMPILED = 'failed_to_compile@'
_BATCH = re.compile(r':(\d+)$')
_ROUNDING = 1e-6  # of a share that is computed


@dataclasses.dataclass(frozen=True)
class Metric:
  """What a metric's name says.

  Attributes:
    name: The name in full, e.g. 'latency_ms@tpu_v3:128'.
    kind: The name without target and 'test_', e.g. 'latency_ms'.
    target: The target after '@', e.g. 'tpu_v3:128', or None.
    maximize: Whether more is better.
    footprint: Whether it is a cost, known before any training.
    test: Whether it was taken on the test set.
    least: The least value that it can have.
    most: The largest one; infinite where it has no bound.
  """

  name: str
  kind: str
  target: str | None
  maximize: bool
  footprint: bool
  test: bool = False
  least: float = -math.inf
  most: float = math.inf

  @property
  def range(self) -> str:
    """The values that it can have, in words."""
    if math.isfinite(self.most):
      return f'from {self.least:g} to {self.most:g}'
    least = f' of at least {self.least:g}' if math.isfinite(self.least) else ''
    return f'a finite number{least}'

  @property
  def batch(self) -> int | None:
    """The batch that its target names, None where it names none."""
    found = _BATCH.search(self.target or '')
    return int(found[1]) if found else None

  @property
  def proxy(self) -> str | None:
    """The proxy that it is the score of, None where it is none."""
    found = self.kind.removeprefix(_PROXY)
    return None if found == self.kind else found

  @property
  def training(self) -> bool:
    """Whether it is a cost of training, not of inference."""
    return self.kind in _TRAINING


def parse(name: str) -> Metric:
  """Reads the name of a metric.

  Args:
    name: E.g. 'accuracy', 'test_accuracy', 'size_bytes',
      'throughput@tpu_v3:128'.

  Returns:
    What it says.

  Raises:
    UserError: There is no such metric.

  Example:
    >>> parse('latency_ms@tpu_v5e').target, parse('accuracy').maximize
    ('tpu_v5e', True)
    >>> parse('throughput@tpu_v3:128').batch
    128
    >>> parse('sise_bytes')
    Traceback (most recent call last):
    effnas.errors.UserError: unknown metric 'sise_bytes'; did you mean
      'size_bytes'?
  """
  whole = str(name)
  kind, at, target = whole.partition('@')
  if kind in _PER_TARGET and (at or kind not in _COUNTED):
    return _per_target(whole, kind, target)
  if at and (kind in _QUALITY or kind in _COUNTED):
    raise errors.UserError(
      f'{kind} is the same on every target; write {kind!r}, not {whole!r}'
    )
  if kind in _COUNTED:
    return Metric(whole, kind, None, _COUNTED[kind], footprint=True, least=0)
  scores = [_PROXY + proxy for proxy in proxies.names()]
  if whole in scores:
    return Metric(whole, kind, None, True, footprint=False)
  bare = kind.removeprefix('test_')
  if bare not in _QUALITY:
    on = target or 'TARGET'
    known = [*_QUALITY, *_COUNTED, *(f'{k}@{on}' for k in _PER_TARGET)]
    known += scores
    raise errors.unknown('metric', whole, known)
  share = {} if bare in _UNBOUNDED else {'least': 0.0, 'most': 1.0}
  return Metric(
    whole, bare, None, _QUALITY[bare], False, test=bare != kind, **share
  )


def flaw(name: str, value: Any, *, finite: bool = True) -> str:
  """Says why a value cannot be that of a metric, '' if it can.

  Args:
    name: Any name: what is none of a metric may have any value.
    value: The value.
    finite: Whether it must be finite, as an objective must be; if not, None
      (there is no value) will do as well.

  Example:
    >>> flaw('accuracy', 3.5)
    'accuracy is 3.5, it must be from 0 to 1'
    >>> flaw('params', -1)
    'params is -1, it must be a finite number of at least 0'
    >>> flaw('accuracy', float('nan'))
    'accuracy is not finite: nan'
    >>> flaw('seconds', 'a few')
    ''
  """
  known = _known(name)
  if known is None or (value is None and not finite):
    return ''
  if isinstance(value, bool) or not isinstance(value, int | float):
    return f'{name} is no number: {value!r:.80}'
  try:
    number = float(value)
  except OverflowError:
    number = math.inf
  if not math.isfinite(number):
    return f'{name} is not finite: {number}' if finite else ''
  slack = _ROUNDING if math.isfinite(known.most) else 0.0
  if known.least - slack <= number <= known.most + slack:
    return ''
  return f'{name} is {value!r:.80}, it must be {known.range}'


@functools.lru_cache(maxsize=1024)
def _known(name: str) -> Metric | None:
  try:
    return parse(name)
  except errors.UserError:
    return None


def untrained(names: Iterable[str]) -> bool:
  """Says whether metrics are found by proxies, without any training.

  Args:
    names: Names of metrics.

  Returns:
    Whether there is a proxy among them.

  Raises:
    UserError: There are both proxies and what needs training.

  Example:
    >>> untrained(['proxy_naswot', 'params']), untrained(['accuracy', 'params'])
    (True, False)
  """
  found = [parse(name) for name in names]
  scored = [metric.name for metric in found if metric.proxy]
  left = [m.name for m in found if not (m.proxy or m.footprint)]
  if scored and left:
    raise errors.UserError(
      f'{scored[0]} is scored without training, and {left[0]} needs it; ask '
      'for one of them, beside any footprint metrics'
    )
  return bool(scored)


def _per_target(whole: str, kind: str, target: str) -> Metric:
  if not target:
    raise errors.UserError(
      f'{kind} needs the target it is counted on: {kind}@TARGET, '
      f'e.g. {kind}@tpu_v5e; got {whole!r}'
    )
  up = _PER_TARGET[kind]
  found = Metric(whole, kind, target, up, footprint=True, least=0)
  if found.training and found.batch is not None:
    raise errors.UserError(
      f'{kind} is at the batch of the training, train.batch_size; write '
      f'{_BATCH.sub("", whole)!r}, not {whole!r}'
    )
  return found
