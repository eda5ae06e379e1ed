"""What a walk is for: its goal, its measures, its bounds."""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any

from effnas import errors
from effnas.search import metrics
from effnas.search.networks import costs
from effnas.strategy.guide import axes
from effnas.strategy.guide import point as point_lib

GOALS: Mapping[str, tuple[str, ...]] = {
  'shrink': (
    'width',
    'search',
    'prune',
    'quantize',
    'augment',
    'tune',
    'distil',
    'further',
  ),
  'grow': ('widen', 'augment', 'tune', 'fit', 'distil'),
}


@dataclasses.dataclass(frozen=True)
class Plan:
  """What a walk is for.

  Attributes:
    goal: 'shrink' or 'grow'.
    config: As it was given.
    start: The network that it starts from.
    axis: What makes the network narrower or wider.
    quality: The metric to keep or to raise, a share from 0 to 1.
    cost: The metric to lower.
    budget: Footprint metric to the most it may be.
    keep: Points of quality that may be lost, 100 being all.
    steps: Names of the steps, in order.
  """

  goal: str
  config: Mapping[str, Any]
  start: point_lib.Point
  axis: axes.Axis
  quality: str
  cost: str
  budget: Mapping[str, float]
  keep: float
  steps: tuple[str, ...]

  @property
  def metrics(self) -> tuple[str, ...]:
    """What is told: the cost, the budget, counts, latencies."""
    targets = self.config['footprint']['targets']
    named = (f'latency_ms@{target}' for target in targets)
    every = (self.cost, *self.budget, *costs.ALWAYS, *named)
    return tuple(dict.fromkeys(every))

  def search(self) -> dict[str, Any]:
    """Returns the section 'search' of a step, of the config's own."""
    section = dict(self.config['search'])
    for key in ('start_with', 'warm_start', 'soft_constraints', 'prefilter'):
      section.pop(key, None)
    return section | {
      'objectives': [self.quality, self.cost],
      'constraints': {},
    }

  def options(self, path: str, default: Sequence[Any]) -> tuple[Any, ...]:
    """Returns what the config offers for a setting; see `axes.options_of`."""
    return axes.options_of(self.config, path, default)

  def epochs(self, step: str) -> int:
    """Returns the epochs of a step of recipes: the config's, or a quarter."""
    said = self.options(f'compress.{step}.epochs', ())
    training = self.start.config['train']['epochs']
    return said[0] if said else max(1, training // 4)

  def settings(self, step: str) -> dict[str, Any]:
    """Returns the settings of a step of recipes but for what it varies."""
    section = self.config.get('compress', {}).get(step, {})
    fixed = {k: v for k, v in section.items() if not isinstance(v, Mapping)}
    return {
      f'compress.{step}.{key}': value
      for key, value in {**fixed, 'epochs': self.epochs(step)}.items()
    }


def make(
  goal: str,
  config: Mapping[str, Any],
  *,
  keep_quality: float = 0.5,
  budget: Mapping[str, float] | None = None,
  widths: Sequence[float] | None = None,
  steps: Sequence[str] | None = None,
  pretrained: str | None = None,
) -> Plan:
  """Plans a walk.

  Args:
    goal: 'shrink' (Shrink-and-Improve) or 'grow' (Grow-Improve-and-Shrink).
    config: A search's. Choices in it are what steps choose from; what it does
      not say has defaults.
    keep_quality: Points of quality that shrinking may cost, 100 being all.
    budget: Footprint metric to the most it may be; growing needs one.
    widths: Widths to try, over the network's own.
    steps: Those of the goal to take, in its order; None are all.
    pretrained: The weights file of the network, relative to the workdir.

  Raises:
    UserError: Something is out of range or does not fit.
  """
  if goal not in GOALS:
    raise errors.unknown('goal', goal, GOALS)
  if not 0 <= keep_quality <= 100:
    raise errors.UserError(
      'keep_quality is the points of accuracy that may be lost, from 0 to 100; '
      f'got {keep_quality:g}'
    )
  budget = {**config['search'].get('constraints', {}), **(budget or {})}
  for name, bound in budget.items():
    metric = metrics.parse(name)
    if not metric.footprint or metric.maximize or metric.training:
      raise errors.UserError(
        f'a budget is on what a network costs, e.g. size_bytes; got {name!r}'
      )
    if not bound > 0:
      raise errors.UserError(
        f'the budget {name} must be above 0, got {bound!r}'
      )
  if goal == 'grow' and not budget:
    raise errors.UserError(
      'growing needs a budget to shrink back to, e.g. '
      '--budget.size_bytes=100000'
    )
  if 'table' in config:
    raise errors.UserError('a guide trains networks; a table has only rows')
  for step in steps or ():
    if step not in GOALS[goal]:
      raise errors.unknown(f'step of {goal}', step, GOALS[goal])
  start = point_lib.start(config)
  if pretrained is not None:
    start = dataclasses.replace(start, trained=pretrained, pretrained=True)
    if not start.float:
      raise errors.UserError(
        'weights that are given are compressed after the training: set '
        'quant.weights=32 and leave out quant.patterns'
      )
  if start.config['train'].get('init') is not None:
    start = dataclasses.replace(start, pretrained=True)
  objectives = list(map(metrics.parse, config['search']['objectives']))
  shares = [m.name for m in objectives if not m.footprint and m.maximize]
  asked = [m.name for m in objectives if m.footprint and not m.training]
  return Plan(
    goal=goal,
    config=config,
    start=start,
    axis=axes.find(config, start, widths),
    quality=(shares or ['accuracy'])[0],
    cost=[*budget, *asked, 'size_bytes'][0],
    budget=budget,
    keep=keep_quality,
    steps=tuple(step for step in GOALS[goal] if steps is None or step in steps),
  )
