"""The config's section "search": the keyword arguments of one class."""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any

from effnas import errors
from effnas.search import engines, problem, samplers, schedulers
from effnas.search.proposing import prefilter


@dataclasses.dataclass(frozen=True)
class Settings:
  """How a search is run.

  Attributes:
    objectives: Names of the metrics to search for.
    constraints: Footprint metric to its bound, upper or, where more is better,
      lower; checked before training.
    soft_constraints: Any metric to its bound; a trial that breaks one is run,
      and is worse than all that keep to them.
    start_with: What to try first: architectures, of which decisions may be
      left out (they are drawn), or names of the zoo's networks.
    warm_start: The workdir of an earlier search: its front is tried again
      before anything new, and samplers see all of its trials.
    trials: How many trials to run; one that goes on with another one counts.
    concurrency: How many trials may run at once. The proposal of trial i sees
      the trials before i - concurrency + 1, so that the search is the same
      however long each of them takes.
    sampler: Name of a file in `effnas/search/samplers`.
    sampler_args: The sampler's own keyword arguments.
    prefilter: A predictor that picks among several of the sampler's proposals:
      the keyword arguments of `effnas.search.proposing.prefilter.filtered`,
      e.g. {'predictor': 'trees', 'pool': 8}; empty for none.
    scheduler: Name of a file in `effnas/search/schedulers`: how long a trial
      trains, and whether it goes on with another one.
    scheduler_args: The scheduler's own keyword arguments.
    seed: Of all that is random in the proposals.
    engine: 'ray' runs trials in parallel, 'inline' one by one in this process.
    asynchronous: Let a proposal see whatever has finished. Faster where trials
      differ in length, and then no two runs are the same.
    max_draws: How many architectures to draw for one trial until one is new and
      meets the constraints.
  """

  objectives: Sequence[str]
  constraints: Mapping[str, float] = dataclasses.field(default_factory=dict)
  soft_constraints: Mapping[str, float] = dataclasses.field(
    default_factory=dict
  )
  start_with: Sequence[Any] = ()
  warm_start: str | None = None
  trials: int = 24
  concurrency: int = 1
  sampler: str = 'nsga2'
  sampler_args: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  prefilter: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  scheduler: str = 'none'
  scheduler_args: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  seed: int = 0
  engine: str = 'ray'
  asynchronous: bool = False
  max_draws: int = 100

  def __post_init__(self) -> None:
    problem.check(self.objectives, self.constraints, self.soft_constraints)
    if isinstance(self.start_with, str | Mapping):
      raise errors.UserError(
        'search.start_with must be a list of architectures or of names of '
        f'networks, got {self.start_with!r}'
      )
    if not isinstance(self.warm_start, str | None):
      raise errors.UserError(
        f'search.warm_start must be a workdir, got {self.warm_start!r}'
      )
    for name in ('trials', 'concurrency', 'max_draws'):
      _whole(name, getattr(self, name), least=1)
    _whole('seed', self.seed, least=0)
    if not isinstance(self.asynchronous, bool):
      raise errors.UserError(
        f'search.asynchronous must be true or false, got {self.asynchronous!r}'
      )
    if self.engine not in engines.names():
      raise errors.unknown('engine', self.engine, engines.names())
    sampler = samplers.load(self.sampler, self.sampler_args)
    prefilter.load(self.prefilter, sampler)
    schedulers.load(self.scheduler, self.scheduler_args, 1)


def make(section: Mapping[str, Any]) -> Settings:
  """Makes settings of a config's section.

  Args:
    section: Keyword arguments of `Settings`.

  Raises:
    UserError: A key is unknown or missing, or a value is out of its range.
  """
  known = [field.name for field in dataclasses.fields(Settings)]
  for key in section:
    if key not in known:
      raise errors.unknown('setting search', key, known)
  if 'objectives' not in section:
    raise errors.UserError(
      "search.objectives is missing, e.g. ['accuracy', 'size_bytes']"
    )
  return Settings(**section)


def _whole(name: str, value: Any, least: int) -> None:
  whole = isinstance(value, int) and not isinstance(value, bool)
  if not whole or value < least:
    raise errors.UserError(
      f'search.{name} must be a whole number of at least {least}, got {value!r}'
    )
