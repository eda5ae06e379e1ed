"""How well anything could rank: a repeated measurement, and boosted trees."""

import numpy as np
from scipy import stats
from sklearn import ensemble


def spearman(a, b) -> float:
  """Rank correlation."""
  return float(stats.spearmanr(a, b)[0])


def repeated(mean: np.ndarray, std: np.ndarray, draws: int = 100) -> float:
  """Rank correlation of a measurement with itself, repeated with its own noise.

  Args:
    mean: Measured means [n].
    std: Their standard deviations [n]; nan where none is given.
    draws: How often to repeat it.

  Returns:
    The median of Spearman's rho.
  """
  rng = np.random.default_rng(0)
  noise = np.nan_to_num(std) * rng.standard_normal((draws, len(mean)))
  return float(np.median([spearman(mean + n, mean) for n in noise]))


def trees(encoded: np.ndarray, ms: np.ndarray) -> dict[str, float]:
  """Boosted trees over the archs, trained on four fifths: five folds.

  Args:
    encoded: Archs as vectors [n, d].
    ms: Milliseconds [n].

  Returns:
    Spearman's rho and mean relative error on the networks left out.
  """
  folds = np.random.default_rng(0).permutation(len(ms)) % 5
  found = np.zeros(len(ms))
  for fold in range(5):
    out = folds == fold
    model = ensemble.HistGradientBoostingRegressor(
      max_iter=400, learning_rate=0.05, random_state=0
    )
    model.fit(encoded[~out], np.log(ms[~out]))
    found[out] = np.exp(model.predict(encoded[out]))
  return {
    'spearman': spearman(found, ms),
    'error': float(np.mean(np.abs(found / ms - 1))),
  }
