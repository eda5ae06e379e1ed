"""Where a walk stands: what was tried so far, and what was kept."""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any

from effnas.strategy.guide import point as point_lib

BASELINE = 'baseline'


@dataclasses.dataclass(frozen=True)
class Tried:
  """A network that was tried.

  Attributes:
    step: Name of the step.
    trial: Its number in the step's search.
    said: What it changes, in words; '' for the baseline.
    values: What it gives and costs, by metric, of the validation split.
    point: The network, with what is done to it.
    config: Of the step's search.
    arch: The trial's.
    sources: Where estimates come from, by metric.
  """

  step: str
  trial: int
  said: str
  values: Mapping[str, float]
  point: point_lib.Point
  config: Mapping[str, Any]
  arch: Mapping[str, Any]
  sources: Mapping[str, str] = dataclasses.field(default_factory=dict)

  @property
  def name(self) -> str:
    """Names it: 'trial 2 of prune', or 'the baseline'."""
    if self.step == BASELINE:
      return 'the baseline'
    return f'trial {self.trial} of {self.step}'


@dataclasses.dataclass(frozen=True)
class Row:
  """A step of the walk, for its table.

  Attributes:
    step: Its name.
    kind: 'start', 'shrink', 'improve', 'grow' or 'fit'.
    before: Where the walk stood; None for the baseline.
    after: The network that was kept, or of those that were not the nearest to
      it; None where nothing was tried.
    kept: Whether the walk went on from `after`.
    why: Why not, in words; '' where it did.
    trials: How many networks were tried.
    folder: Of the step's search, relative to the workdir; '' without one.
  """

  step: str
  kind: str
  before: Tried | None
  after: Tried | None
  kept: bool
  why: str = ''
  trials: int = 0
  folder: str = ''


@dataclasses.dataclass(frozen=True)
class Here:
  """Where a walk stands.

  Attributes:
    at: The network that it goes on from.
    rows: The steps so far, the baseline first.
  """

  at: Tried
  rows: Sequence[Row]

  @property
  def point(self) -> point_lib.Point:
    """The network that it goes on from, with what is done to it."""
    return self.at.point
