"""Other packages' searches on the same tables.

Where a search asks again for what it has asked before, it gets the answer and
its budget stays, as nothing would be trained twice; ours do not ask again. Some
go round in circles, so that asking ends after twice the budget: then the curve
goes on as it ended.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
import warnings

import numpy as np

_ASKS = 2  # for each evaluation of the budget, at most

# From the numbers of the options to the scores.
Look = Callable[[Sequence[int]], list[float]]


class _Counted:
  """The scores of what was asked for, in the order of the first asking."""

  def __init__(self, look: Look, budget: int):
    self._look, self._budget = look, budget
    self._known: dict[tuple[int, ...], list[float]] = {}
    self._asks = 0

  @property
  def going(self) -> bool:
    """Whether the budget is not used up."""
    left = len(self._known) < self._budget
    return left and self._asks < _ASKS * self._budget

  def __call__(self, options: Sequence[int]) -> list[float]:
    self._asks += 1
    key = tuple(int(i) for i in options)
    if key not in self._known:
      self._known[key] = self._look(key)
    return self._known[key]

  def scores(self) -> np.ndarray:
    """All scores within the budget, shape (evaluations, objectives)."""
    return np.array(list(self._known.values())[: self._budget])


def _optuna(counted: _Counted, sizes: Sequence[int], sampler: Any) -> None:
  import optuna

  optuna.logging.set_verbosity(optuna.logging.WARNING)
  study = optuna.create_study(
    directions=['minimize', 'minimize'], sampler=sampler
  )
  options = [list(range(size)) for size in sizes]
  while counted.going:
    trial = study.ask()
    taken = [
      trial.suggest_categorical(f'x{i}', values)
      for i, values in enumerate(options)
    ]
    study.tell(trial, counted(taken))


def optuna_nsga2(
  counted: _Counted, sizes: Sequence[int], seed: int, **args: Any
) -> None:
  """Optuna's NSGA-II."""
  import optuna

  sampler = optuna.samplers.NSGAIISampler(seed=seed, **args)
  _optuna(counted, sizes, sampler)


def optuna_tpe(
  counted: _Counted, sizes: Sequence[int], seed: int, **args: Any
) -> None:
  """Optuna's TPE, which is multi-objective where a study is."""
  import optuna

  with warnings.catch_warnings():
    warnings.simplefilter('ignore')
    sampler = optuna.samplers.TPESampler(seed=seed, **args)
    _optuna(counted, sizes, sampler)


def pymoo_nsga2(
  counted: _Counted, sizes: Sequence[int], seed: int, **args: Any
) -> None:
  """NSGA-II of pymoo, on integers."""
  from pymoo.algorithms.moo import nsga2
  from pymoo.core import problem
  from pymoo.operators.crossover import ux
  from pymoo.operators.mutation import pm
  from pymoo.operators.repair import rounding
  from pymoo.operators.sampling import rnd
  from pymoo.problems import static

  top = np.array(sizes) - 1
  posed = problem.Problem(
    n_var=len(sizes), n_obj=2, xl=np.zeros(len(sizes)), xu=top, vtype=int
  )
  algorithm = nsga2.NSGA2(
    sampling=rnd.IntegerRandomSampling(),
    crossover=ux.UniformCrossover(repair=rounding.RoundingRepair()),
    mutation=pm.PM(eta=3.0, vtype=float, repair=rounding.RoundingRepair()),
    eliminate_duplicates=True,
    **args,
  )
  algorithm.setup(posed, termination=('n_gen', 10**6), seed=seed)
  while counted.going and algorithm.has_next():
    asked = algorithm.ask()
    told = np.array([counted(one) for one in asked.get('X')])
    algorithm.evaluator.eval(static.StaticProblem(posed, F=told), asked)
    algorithm.tell(infills=asked)


def _ranks(scores: np.ndarray) -> np.ndarray:
  from syne_tune.optimizer.schedulers.multiobjective import (
    multiobjective_priority,
  )

  return multiobjective_priority.NonDominatedPriority()(scores).argsort()


def syne_tune_evolution(
  counted: _Counted, sizes: Sequence[int], seed: int, **args: Any
) -> None:
  """Multi-objective regularized evolution of Syne Tune.

  Where `ranks` is given, a member's priority is its rank. In Syne Tune 0.16.0
  it is the number of the member that has that rank.
  """
  from syne_tune import config_space
  from syne_tune.optimizer.schedulers import (
    ask_tell_scheduler,
    multiobjective,
    single_fidelity_scheduler,
  )

  space = {
    f'x{i}': config_space.choice(list(range(size)))
    for i, size in enumerate(sizes)
  }
  if args.pop('ranks', False):
    args['multiobjective_priority'] = _ranks
  searcher = multiobjective.MultiObjectiveRegularizedEvolution(
    space, random_seed=seed, **args
  )
  scheduler = ask_tell_scheduler.AskTellScheduler(
    single_fidelity_scheduler.SingleFidelityScheduler(
      space, metrics=['a', 'b'], searcher=searcher, random_seed=seed
    )
  )
  while counted.going:
    trial = scheduler.ask()
    told = counted([trial.config[f'x{i}'] for i in range(len(sizes))])
    scheduler.tell(trial, dict(zip('ab', told, strict=True)))


SEARCHES = {
  'optuna_nsga2': optuna_nsga2,
  'optuna_tpe': optuna_tpe,
  'pymoo_nsga2': pymoo_nsga2,
  'syne_tune_evolution': syne_tune_evolution,
}


def search(
  name: str,
  space: Any,
  look: Callable[[Mapping[str, Any]], list[float]],
  *,
  budget: int,
  seed: int,
  args: Mapping[str, Any],
) -> np.ndarray:
  """Runs a search.

  Args:
    name: One of `SEARCHES`.
    space: An `effnas.space.Space` of options only, all of them active.
    look: From an architecture to its scores, to be minimised.
    budget: How many different architectures are looked up.
    seed: Of the search.
    args: The search's own arguments.

  Returns:
    Scores in order of time, shape (evaluations, objectives); fewer than the
    budget where the search went round in circles.
  """
  values = {key: choice.values() for key, choice in space.decisions.items()}

  def by_number(options):
    taken = zip(values.items(), options, strict=True)
    return look({key: labels[i] for (key, labels), i in taken})

  counted = _Counted(by_number, budget)
  sizes = [len(labels) for labels in values.values()]
  SEARCHES[name](counted, sizes, seed, **args)
  return counted.scores()
