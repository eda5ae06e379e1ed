"""The searchers of Ray Tune by name: `search.tune_searcher`."""

from collections.abc import Callable, Mapping, Sequence
import importlib.util
import inspect
import logging
import re
from typing import Any

import numpy as np
from ray.tune import search
from ray.tune.search import variant_generator

from effnas import errors
from effnas.search import metrics
from effnas.search import problem as problem_lib
from effnas.search import trial as trial_lib
from effnas.search.engines.ray import asking
from effnas.search.engines.ray import space as space_lib
from effnas.search.running import evaluation

# What has to be importable, and what installs it.
_PACKAGES = {
  'ax': ('ax', 'ax-platform'),
  'bayesopt': ('bayes_opt', 'bayesian-optimization'),
  'hebo': ('hebo', 'HEBO'),
  'hyperopt': ('hyperopt', 'hyperopt'),
  'nevergrad': ('nevergrad', 'nevergrad'),
  'optuna': ('optuna', 'optuna'),
  'zoopt': ('zoopt', 'zoopt'),
}
_SEEDS = ('seed', 'random_state_seed', 'random_state')
# What the search itself says.
_OURS = (
  'space',
  'dim_dict',
  'metric',
  'mode',
  'points_to_evaluate',
  'evaluated_rewards',
)
_DOTTED = re.compile(r'[A-Za-z_][\w.]*:[A-Za-z_]\w*')


def load(
  name: str,
  args: Mapping[str, Any],
  problem: problem_lib.Problem,
  *,
  trials: int,
  seed: int = 0,
  concurrency: int = 1,
  asynchronous: bool = False,
  max_draws: int = 100,
  earlier: Sequence[trial_lib.Trial] = (),
) -> asking.Searching:
  """Returns a searcher of Tune as a sampler.

  Args:
    name: Tune's own name, or 'module:Class' of a `ray.tune.search.Searcher`.
    args: Keyword arguments of its class; a text 'module:name' stands for what
      it names.
    problem: What is searched for. Only Optuna takes several objectives.
    trials: How many trials there shall be.
    seed: Given to searchers that take one.
    concurrency: How many trials run at once.
    asynchronous: Whether proposals see whatever has finished.
    max_draws: How often it may be asked for one trial.
    earlier: Trials of another search to tell it of.

  Raises:
    UserError: There is no such searcher, its package is not installed, or it
      does not take the arguments, the objectives or the space.
  """
  made = _class(name)
  several = len(problem.objectives) > 1
  if several and not made.__name__.startswith('OptunaSearch'):
    raise errors.UserError(
      f'search.tune_searcher {name} takes one objective, got '
      f'{", ".join(problem.objectives)}; name one, or take optuna, which takes '
      'several'
    )
  given = _arguments(made, name, args, trials, seed)
  up = [metrics.parse(metric).maximize for metric in problem.objectives]
  mode = ['max' if u else 'min' for u in up]
  metric = list(problem.objectives)
  logging.getLogger('optuna').setLevel(logging.WARNING)
  domains = space_lib.converted(problem.space)
  try:
    searcher = made(**given)
    if domains:
      searcher.set_search_properties(
        metric if several else metric[0], mode if several else mode[0], domains
      )
    searcher.set_max_concurrency(concurrency)
  except (AssertionError, ImportError, TypeError, ValueError) as e:
    raise errors.UserError(
      f'search.tune_searcher {name}: {evaluation.describe(e)}'
    ) from None
  return asking.Searching(
    searcher,
    name,
    problem,
    concurrency=concurrency,
    asynchronous=asynchronous,
    max_draws=max_draws,
    earlier=earlier,
  )


def takes_total(name: str, args: Mapping[str, Any]) -> bool:
  """Says whether a searcher is told how many trials there shall be.

  Args:
    name: As for `load`.
    args: As for `load`.
  """
  return 'budget' not in args and _budgeted(_class(name))


def _budgeted(made: Callable[..., Any]) -> bool:
  return 'budget' in inspect.signature(made).parameters


class _Variants(search.Searcher):
  """Tune's random variants, which are no searcher there."""

  def __init__(self, random_state: int | None = None):
    super().__init__()
    self._rng = np.random.RandomState(random_state)
    self._domains: dict[str, Any] = {}

  def set_search_properties(
    self, metric: Any, mode: Any, config: dict[str, Any], **spec: Any
  ) -> bool:
    self._domains = config
    return True

  def suggest(self, trial_id: str) -> dict[str, Any]:
    variants = variant_generator.generate_variants(
      self._domains, random_state=self._rng
    )
    return next(found for _, found in variants)

  def on_trial_complete(self, *args: Any, **kwargs: Any) -> None:
    """Chance learns nothing."""

  def add_evaluated_point(self, *args: Any, **kwargs: Any) -> None:
    """Chance learns nothing."""


def _class(name: str) -> Callable[..., Any]:
  if ':' in name:
    found = evaluation.resolve(name)
    if not (inspect.isclass(found) and issubclass(found, search.Searcher)):
      raise errors.UserError(
        f'search.tune_searcher {name} is no ray.tune.search.Searcher'
      )
    return found
  if name in ('random', 'variant_generator'):
    return _Variants
  if name == 'bohb':
    raise errors.UserError(
      'search.tune_searcher bohb learns from its own scheduler only, which '
      'pauses trials; take search.scheduler=bohb with search.sampler=tpe'
    )
  if name not in search.SEARCH_ALG_IMPORT:
    raise errors.unknown(
      'searcher of Ray Tune', name, [*search.SEARCH_ALG_IMPORT]
    )
  module, package = _PACKAGES.get(name, (name, name))
  if importlib.util.find_spec(module) is None:
    raise errors.UserError(
      f'search.tune_searcher {name} needs the package {package}: '
      f'pip install {package}'
    )
  return search.SEARCH_ALG_IMPORT[name]()


def _arguments(
  made: Callable[..., Any],
  name: str,
  args: Mapping[str, Any],
  trials: int,
  seed: int,
) -> dict[str, Any]:
  parameters = inspect.signature(made).parameters
  free = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
  for key in args:
    if key in _OURS:
      instead = {'points_to_evaluate': 'use search.start_with'}
      raise errors.UserError(
        f'search.tune_searcher {name} is given {key} by the search itself; '
        f'{instead.get(key, "leave it out")}'
      )
    if key not in parameters and not free:
      known = [one for one in parameters if one not in _OURS]
      raise errors.unknown(f'argument of tune_searcher {name}', key, known)
  given = {
    key: evaluation.resolve(value)
    if isinstance(value, str) and _DOTTED.fullmatch(value)
    else value
    for key, value in args.items()
  }
  own = 'sampler' in given  # an Optuna sampler has its seed already
  for key in _SEEDS:
    if key in parameters and not own:
      given.setdefault(key, seed)
  if made.__name__ == 'AxSearch':
    given.setdefault('random_seed', seed)
  if _budgeted(made):
    given.setdefault('budget', trials)
  return given
