"""The config's section "search": the keyword arguments of one class."""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any

from effnas import arguments, errors
from effnas.search import engines, problem, samplers, schedulers
from effnas.search.proposing import prefilter
from effnas.search.running import limits


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
    resources: What a worker gets, by Ray's names, e.g. {'CPU': 2, 'GPU': 0.5};
      what is not named is an equal share of the cluster. A worker with a part
      of a GPU gets as much of its memory.
    batch: How many trials a worker evaluates at once, in threads of one
      process: so several share a TPU chip, which serves one process only.
    time_limit_s: Seconds for one trial. One that takes longer has failed, at
      its next report or, with Ray, soon after even if it hangs.
    memory_limit_bytes: Resident memory of a worker; a trial in which it takes
      more has failed. Ray only.
    retries: How often a trial begins anew whose worker was lost: it crashed,
      was killed, or broke one of these limits. Inline, one that took the
      search's own process along, and had got no further than before.
    tune_searcher: A searcher of Ray Tune in the sampler's place: its name, e.g.
      'hyperopt', or {'name': ..., and its keyword arguments}.
    tune_scheduler: Likewise a scheduler of Ray Tune that stops trials. What it
      stops depends on which trials are faster; no two runs are the same.
  """

  objectives: Sequence[str]
  constraints: Mapping[str, float] = dataclasses.field(default_factory=dict)
  soft_constraints: Mapping[str, float] = dataclasses.field(
    default_factory=dict
  )
  start_with: Sequence[Any] = ()
  warm_start: str | None = None
  trials: arguments.Count = 24
  concurrency: arguments.Count = 1
  sampler: str = 'nsga2'
  sampler_args: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  prefilter: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  scheduler: str = 'none'
  scheduler_args: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  seed: arguments.Whole = 0
  engine: str = 'ray'
  asynchronous: bool = False
  max_draws: arguments.Count = 100
  resources: Mapping[str, float] = dataclasses.field(default_factory=dict)
  batch: arguments.Count = 1
  time_limit_s: arguments.Positive | None = None
  memory_limit_bytes: arguments.Positive | None = None
  retries: arguments.Whole = 1
  tune_searcher: Any = None
  tune_scheduler: Any = None

  def __post_init__(self) -> None:
    arguments.values(Settings, vars(self), 'search.')
    problem.check(self.objectives, self.constraints, self.soft_constraints)
    if self.engine not in engines.names():
      raise errors.unknown('engine', self.engine, engines.names())
    sampler = samplers.load(self.sampler, self.sampler_args)
    prefilter.load(self.prefilter, sampler)
    schedulers.load(self.scheduler, self.scheduler_args, 1)
    self._check_limits()
    self._check_tune()

  def _check_limits(self) -> None:
    for name, amount in self.resources.items():
      if amount < 0 or (amount > 1 and amount % 1):
        raise errors.UserError(
          f'search.resources.{name} must be a whole number, or a part of one; '
          f'got {amount!r}'
        )
    if self.memory_limit_bytes is not None:
      if self.engine == 'inline':
        raise errors.UserError(
          'search.memory_limit_bytes needs search.engine=ray, where trials '
          'have processes of their own'
        )
      if not limits.measurable():
        raise errors.UserError(
          'search.memory_limit_bytes needs /proc, which this system lacks'
        )

  def _check_tune(self) -> None:
    if self.tune_searcher is not None:
      named('tune_searcher', self.tune_searcher)
      if self.prefilter:
        raise errors.UserError(
          'search.prefilter picks among proposals of search.sampler; it does '
          'not go with search.tune_searcher'
        )
    if self.tune_scheduler is None:
      return
    named('tune_scheduler', self.tune_scheduler)
    for name, value in (('engine', 'ray'), ('scheduler', 'none'), ('batch', 1)):
      if getattr(self, name) != value:
        raise errors.UserError(
          f'search.tune_scheduler needs search.{name}={value}, got '
          f'{getattr(self, name)!r}'
        )


def named(setting: str, value: Any) -> tuple[str, dict[str, Any]]:
  """Returns the name and the arguments of something of Ray Tune's.

  Args:
    setting: The setting's name, for messages.
    value: A name, or a mapping with 'name' and arguments.

  Raises:
    UserError: It is neither.

  Example:
    >>> named('tune_searcher', {'name': 'hyperopt', 'gamma': 0.3})
    ('hyperopt', {'gamma': 0.3})
  """
  given = {'name': value} if isinstance(value, str) else value
  if not isinstance(given, Mapping) or not isinstance(given.get('name'), str):
    raise errors.UserError(
      f"search.{setting} must be a name, or {{'name': NAME}} with arguments "
      f'beside; got {value!r}'
    )
  args = dict(given)
  return args.pop('name'), args


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
