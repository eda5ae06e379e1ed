"""Optuna's own samplers, the history replayed into a study."""

from collections.abc import Mapping, Sequence
from typing import Any
import warnings

import numpy as np

from effnas import errors
from effnas.search import metrics
from effnas.search import problem as problem_lib
from effnas.search import trial as trial_lib
from effnas.search.frontier import pareto
from effnas.search.proposing import screening
from effnas.space import choices, ranges

_TRIES = 20  # until one is new and within the constraints
# Those that need nothing but the trials' parameters and values; Optuna's
# genetic algorithms keep generations beside them, which a replay lacks.
_ALGORITHMS = {
  'tpe': ('TPESampler', {'multivariate': True, 'group': True}),
  'gp': ('GPSampler', {}),
}


def propose(
  space: Any,
  problem: problem_lib.Problem,
  trials: Sequence[trial_lib.Trial],
  rng: np.random.Generator,
  *,
  algorithm: str = 'tpe',
  options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
  """Asks a study of Optuna that has been told of all trials.

  Args:
    space: The space.
    problem: One objective, or several.
    trials: The trials to tell it of.
    rng: Seeds the study.
    algorithm: 'tpe', or 'gp', which needs PyTorch.
    options: Further keyword arguments of Optuna's class.

  Raises:
    UserError: Optuna, or what the algorithm needs, is not installed; or there
      is no such algorithm.

  Reference:
    Akiba et al. 2019, "Optuna: a next-generation hyperparameter optimization
    framework", arXiv:1907.10902.
  """
  if algorithm not in _ALGORITHMS:
    raise errors.unknown('algorithm of sampler optuna', algorithm, _ALGORITHMS)
  name, defaults = _ALGORITHMS[algorithm]
  try:
    import optuna
  except ImportError:
    raise errors.UserError(
      'sampler optuna needs the package optuna: pip install "effnas[optuna]", '
      'or take tpe, motpe or gp'
    ) from None
  with warnings.catch_warnings():
    # What is marked experimental was asked for here.
    warnings.simplefilter('ignore', optuna.exceptions.ExperimentalWarning)
    seed = int(rng.integers(2**31))
    arguments = {**defaults, **(options or {}), 'seed': seed}
    try:
      sampler = getattr(optuna.samplers, name)(**arguments)
    except (ImportError, TypeError, ValueError) as error:
      raise errors.UserError(f'sampler optuna, {name}: {error}') from None
    storage = optuna.storages.InMemoryStorage()
    directions = [
      'maximize' if metrics.parse(metric).maximize else 'minimize'
      for metric in problem.objectives
    ]
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
      storage=storage, sampler=sampler, directions=directions
    )
    optuna.logging.set_verbosity(level)
    study.add_trials(_told(optuna, space, problem, trial) for trial in trials)
    known = screening.tried(trials)
    points = problem.scores(screening.done(trials))
    for _ in range(_TRIES):
      asked = study.ask()
      arch = _asked(space, asked)
      if screening.first_new(problem, [arch], known) or not len(points):
        break
      # As bad as any, or it would be proposed for ever.
      up = [metrics.parse(metric).maximize for metric in problem.objectives]
      worst = pareto.minimised(points.max(axis=0), up)[0]
      study.tell(asked, worst.tolist())
    return arch


def _asked(space: Any, asked: Any) -> dict[str, Any]:
  return space.walk(lambda key, choice: _suggest(asked, key, choice))


def _told(
  optuna: Any,
  space: Any,
  problem: problem_lib.Problem,
  trial: trial_lib.Trial,
) -> Any:
  """A trial as Optuna keeps it."""
  states = {'done': 'COMPLETE', 'proposed': 'RUNNING'}
  parameters, distributions = {}, {}
  for key, value in trial.arch.items():
    choice = space.decisions[key]
    if isinstance(choice, choices.OneOf):
      # By number: Optuna holds True, 1 and 1.0 to be one option.
      parameters[key] = choice.position(value)
    else:
      parameters[key] = value
    distributions[key] = _distribution(optuna.distributions, choice)
  values = None
  if trial.status == 'done':
    values = [float(trial.value(name)) for name in problem.objectives]
  return optuna.trial.create_trial(
    state=optuna.trial.TrialState[states.get(trial.status, 'FAIL')],
    params=parameters,
    distributions=distributions,
    values=values,
  )


def _distribution(kinds: Any, choice: Any) -> Any:
  if isinstance(choice, choices.OneOf):
    return kinds.CategoricalDistribution(tuple(range(len(choice.options))))
  if isinstance(choice, ranges.IntRange):
    return kinds.IntDistribution(choice.low, choice.high, step=choice.step)
  log = isinstance(choice, ranges.LogUniform)
  return kinds.FloatDistribution(choice.low, choice.high, log=log)


def _suggest(asked: Any, key: str, choice: Any) -> Any:
  if isinstance(choice, choices.OneOf):
    count = len(choice.options)
    return choice.labels[asked.suggest_categorical(key, tuple(range(count)))]
  if isinstance(choice, ranges.IntRange):
    return asked.suggest_int(key, choice.low, choice.high, step=choice.step)
  log = isinstance(choice, ranges.LogUniform)
  return asked.suggest_float(key, choice.low, choice.high, log=log)
