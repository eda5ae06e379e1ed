"""A trial, and how the journal's events make one."""

from collections.abc import Mapping
import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Trial:
  """One architecture, and what became of it.

  Attributes:
    id: Its number, from 0, in the order of proposals.
    arch: The architecture: path to choice, plain JSON values.
    footprint: What it costs, by metric, known before training.
    status: 'proposed', 'done', 'failed', or 'stopped': a stop rule ended its
      training early, and no deployed network was measured.
    metrics: What training and evaluation gave, by metric.
    reason: Why it failed or was stopped, else ''.
    reports: Epoch to metrics, of trials that report while they train.
    sources: Where the estimates of the footprint come from, a text by metric.
    epochs: Where its training ends, counted from the first epoch of the first
      ancestor; None is all epochs of the config.
    parent: The trial whose training it goes on with, if there is one.
    retries: How often it began anew because its worker was lost.
  """

  id: int
  arch: Mapping[str, Any]
  footprint: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  status: str = 'proposed'
  metrics: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  reason: str = ''
  reports: Mapping[int, Mapping[str, Any]] = dataclasses.field(
    default_factory=dict
  )
  sources: Mapping[str, str] = dataclasses.field(default_factory=dict)
  epochs: int | None = None
  parent: int | None = None
  retries: int = 0

  @property
  def finished(self) -> bool:
    """Whether it is done, has failed or was stopped."""
    return self.status != 'proposed'

  @property
  def untold(self) -> 'Trial':
    """The trial as it was proposed, whatever has become of it since."""
    if self.status == 'proposed' and not self.reports:
      return self
    return dataclasses.replace(
      self, status='proposed', metrics={}, reason='', reports={}
    )

  @property
  def told(self) -> int:
    """The last epoch that it has told of; 0 before the first."""
    return max(self.reports, default=0)

  def value(self, metric: str) -> Any:
    """Returns a metric's value, as evaluated rather than as foreseen.

    Args:
      metric: Name of a metric.

    Returns:
      Its value, None where the trial has none.
    """
    return self.metrics.get(metric, self.footprint.get(metric))


def apply(trials: list[Trial], event: Mapping[str, Any]) -> Trial:
  """Returns what an event makes of a trial; changes nothing.

  Args:
    trials: The trials so far, in order of id.
    event: One event of the journal.

  Returns:
    The trial that the event is about, as it is afterwards.

  Raises:
    ValueError: The event makes no sense after these trials.
  """
  kind, number = event['event'], event['trial']
  if kind == 'proposed':
    if number != len(trials):
      raise ValueError(
        f'proposes trial {number}, but the next one is trial {len(trials)}'
      )
    sources = event.get('sources')
    if sources is None:  # of an earlier version, when there were no others
      timed = [n for n in event['footprint'] if n.startswith('latency_ms@')]
      sources = dict.fromkeys(timed, 'datasheet')
    return Trial(
      number,
      event['arch'],
      event['footprint'],
      sources=sources,
      epochs=event.get('epochs'),
      parent=_parent(trials, event.get('parent')),
    )
  if not 0 <= number < len(trials):
    raise ValueError(f'trial {number} is {kind} but was never proposed')
  trial = trials[number]
  if kind == 'tested':
    if trial.status != 'done':
      raise ValueError(f'trial {number} is tested but not done')
    metrics = {**trial.metrics, **event['metrics']}
    return dataclasses.replace(trial, metrics=metrics)
  if trial.finished:
    raise ValueError(f'trial {number} is {kind} but was {trial.status} already')
  if kind == 'retried':
    return dataclasses.replace(trial, retries=trial.retries + 1)
  if kind == 'reported':
    reports = {**trial.reports, event['epoch']: event['metrics']}
    return dataclasses.replace(trial, reports=reports)
  if kind == 'done':
    return dataclasses.replace(trial, status='done', metrics=event['metrics'])
  if kind in ('failed', 'stopped'):
    return dataclasses.replace(trial, status=kind, reason=event['reason'])
  raise ValueError(f'unknown event {kind!r}')


def _parent(trials: list[Trial], number: int | None) -> int | None:
  if number is None:
    return None
  if number not in range(len(trials)) or trials[number].status != 'done':
    raise ValueError(f'goes on with trial {number}, which is not done')
  return number
