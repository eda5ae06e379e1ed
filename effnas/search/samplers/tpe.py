"""TPE: where good trials are dense and the others are not."""

from collections.abc import Mapping, Sequence
import math
from typing import Any

import numpy as np

from effnas.search import problem as problem_lib
from effnas.search import trial as trial_lib
from effnas.search.proposing import features as features_lib
from effnas.search.proposing import scalarise as scalarise_lib
from effnas.search.proposing import screening

_erf = np.vectorize(math.erf, otypes=[float])


def propose(
  space: Any,
  problem: problem_lib.Problem,
  trials: Sequence[trial_lib.Trial],
  rng: np.random.Generator,
  *,
  initial: int = 10,
  good: float = 0.15,
  candidates: int = 64,
  scalarise: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
  """Draws candidates like the good trials and takes the likeliest of them.

  The densities are of whole architectures, not of one decision after another:
  a mixture with one part for each trial, wide in each decision; the i-th best
  of the good ones weighs 1 / i.

  Args:
    space: The space.
    problem: One objective.
    trials: The trials to look at.
    rng: The source of chance.
    initial: How many random trials come first.
    good: Which part of the trials is good.
    candidates: How many to draw.
    scalarise: How several objectives become one; see
      `effnas.search.proposing.scalarise`.

  Reference:
    Bergstra et al. 2011, "Algorithms for hyper-parameter optimization"; joint
    densities as in Falkner, Klein and Hutter 2018, "BOHB", arXiv:1807.01774;
    the kernel of options is that of Aitchison and Aitken 1976.
  """
  done = screening.done(trials)
  scores = scalarise_lib.scores(problem, done, scalarise, 'tpe')
  if len(done) < max(2, initial):
    return space.sample(rng)
  order = np.argsort(scores, kind='stable')
  count = math.ceil(good * len(done))
  return likeliest(
    space,
    problem,
    trials,
    rng,
    better=[done[i] for i in order[:count]],
    worse=[done[i] for i in order[count:]],
    weights=1 / np.arange(1, count + 1),
    candidates=candidates,
  )


def likeliest(
  space: Any,
  problem: problem_lib.Problem,
  trials: Sequence[trial_lib.Trial],
  rng: np.random.Generator,
  *,
  better: Sequence[trial_lib.Trial],
  worse: Sequence[trial_lib.Trial],
  weights: np.ndarray,
  candidates: int,
) -> dict[str, Any]:
  """Returns the new candidate with the largest ratio of the two densities.

  Args:
    space: The space.
    problem: Its constraints are kept.
    trials: All trials, to know what is new.
    rng: The source of chance.
    better: The good trials.
    worse: The others.
    weights: How much each of the good ones counts, shape (better,).
    candidates: How many to draw from the density of the good ones.
  """
  features = features_lib.Features(space)
  good = _Density(features, better, weights)
  poor = _Density(features, worse, np.ones(len(worse)))
  drawn = [good.draw(space, rng) for _ in range(candidates)]
  rows = features.rows(drawn)
  order = np.argsort(poor.log(rows) - good.log(rows), kind='stable')
  ordered = (drawn[i] for i in order)
  found = screening.first_new(problem, ordered, screening.tried(trials))
  return space.sample(rng) if found is None else found


class _Density:
  """A mixture: an even part, and a part around each trial.

  Around a trial an option keeps its place with the chance 1 - `width`, else it
  is drawn evenly; a place in a range has a normal distribution of the standard
  deviation `width`, cut off at the ends. What is inactive there is even.
  """

  def __init__(
    self,
    features: features_lib.Features,
    trials: Sequence[trial_lib.Trial],
    weights: np.ndarray,
  ):
    self._features = features
    self._archs = [trial.arch for trial in trials]
    self._rows = features.rows(self._archs)
    total = np.append(weights / max(weights.mean(), 1e-300), 1.0)
    self._weights = total / total.sum()  # the last one is of the even part
    # Silverman's and Scott's exponent, for the few decisions that matter.
    self._width = min(0.5, max(0.05, len(trials) ** -0.4))

  def draw(self, space: Any, rng: np.random.Generator) -> dict[str, Any]:
    """Draws an architecture."""
    part = rng.choice(len(self._weights), p=self._weights)
    near = self._archs[part] if part < len(self._archs) else {}

    def decide(key, choice):
      if key not in near:
        return choice.sample(rng)
      if choice.width > 1 or choice.single:
        even = rng.random() < self._width
        return choice.sample(rng) if even else near[key]
      centre = choice.encode(near[key])[0]
      while not 0 <= (unit := rng.normal(centre, self._width)) <= 1:
        pass
      return choice.decode(np.array([unit]))

    return space.walk(decide)

  def log(self, rows: np.ndarray) -> np.ndarray:
    """Returns the logarithm of the density over that of the even part."""
    width = self._width
    apart = self._features.apart(rows, self._rows)
    sizes = self._features.sizes[:, None, None]
    same = 1 - width + width / np.maximum(sizes, 1)
    options = np.where(apart > 0, width, same * np.maximum(sizes, 1))
    ranges = (self._features.sizes == 0) & (self._rows >= 0)
    centres = np.where(ranges, self._rows, 0.5).T
    ends = _erf(centres / width / math.sqrt(2))
    ends = ends + _erf((1 - centres) / width / math.sqrt(2))
    bell = np.exp(-0.5 * (apart / width) ** 2) * math.sqrt(2 / math.pi) / width
    kernel = np.where(sizes > 0, options, bell / ends[:, None])
    both = (rows.T[:, :, None] >= 0) & (self._rows.T[:, None] >= 0)
    logs = np.log(np.where(both, np.maximum(kernel, 1e-300), 1.0)).sum(axis=0)
    logs = np.append(logs, np.zeros((len(rows), 1)), axis=1)
    top = logs.max(axis=1, keepdims=True)
    return top[:, 0] + np.log(np.exp(logs - top) @ self._weights)
