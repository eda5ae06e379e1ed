"""A predictor before a sampler: of several proposals the most promising."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from effnas import arguments
from effnas.search import metrics, plain, predictors
from effnas.search import problem as problem_lib
from effnas.search import trial as trial_lib
from effnas.search.frontier import pareto
from effnas.search.proposing import screening

Propose = Callable[..., dict[str, Any]]


def load(section: Mapping[str, Any], propose: Propose) -> Propose:
  """Returns a sampler with the pre-filter that a config describes.

  Args:
    section: Keyword arguments of `filtered`; empty for none.
    propose: The sampler.

  Raises:
    UserError: There is no such argument or predictor.

  Example:
    >>> load({'predictor': 'trees', 'pol': 4}, lambda *_: {})
    Traceback (most recent call last):
    effnas.errors.UserError: unknown argument of search prefilter 'pol'; did
      you mean 'pool'?
  """
  if not section:
    return propose
  arguments.check(filtered, section, 'search', 'prefilter')
  return filtered(propose, **section)


def filtered(
  propose: Propose,
  *,
  predictor: str = 'trees',
  pool: int = 8,
  initial: int = 20,
  args: Mapping[str, Any] | None = None,
) -> Propose:
  """Returns a sampler that is asked for several and passes one of them on.

  That is the one that comes first by Pareto rank and crowding distance, among
  all done trials, with what is expected of it. Quality is predicted, footprints
  are counted.

  Args:
    propose: The sampler.
    predictor: Name of a file in `effnas/search/predictors`.
    pool: How many proposals to compare.
    initial: How many trials must be done before anything is predicted.
    args: The predictor's own keyword arguments.

  Raises:
    UserError: There is no such predictor, or it takes no such argument.

  Reference:
    Wen et al. 2020, "Neural predictor for neural architecture search",
    arXiv:1912.00848.
  """
  fit = predictors.load(predictor, args or {})

  def proposed(
    space: Any,
    problem: problem_lib.Problem,
    trials: Sequence[trial_lib.Trial],
    rng: np.random.Generator,
  ) -> dict[str, Any]:
    done = screening.done(trials)
    if len(done) < initial:
      return propose(space, problem, trials, rng)
    asked = [propose(space, problem, trials, rng) for _ in range(pool)]
    known = screening.tried(trials)
    able = []
    for arch in asked:
      if plain.key(arch) in known:
        continue
      costs = screening.footprint(problem, arch)
      if costs is not None and not problem.broken(costs):
        able.append((arch, costs))
    if not able:
      return asked[0]
    archs = [arch for arch, _ in able]
    expected: list[dict[str, float]] = [{} for _ in able]
    for name in dict.fromkeys((*problem.objectives, *problem.soft)):
      if not metrics.parse(name).footprint:
        values = np.array([trial.value(name) for trial in done], float)
        mean, _ = fit(space, [t.arch for t in done], values, rng)(archs)
        for told, value in zip(expected, mean.tolist(), strict=True):
          told[name] = value
    imagined = [
      trial_lib.Trial(len(trials) + i, arch, costs, 'done', told)
      for i, ((arch, costs), told) in enumerate(
        zip(able, expected, strict=True)
      )
    ]
    places = pareto.places(problem.scores([*done, *imagined]))
    return archs[int(places[len(done) :].argmin())]

  return proposed
