"""Gaussian-process regression over architectures of mixed types."""

import numpy as np

_NOISE = 0.05  # variance, where the data's is 1; only where to start from
_PRIOR = 1.0  # standard deviation of the logarithms
_STEPS = 30
_MOST = 100  # points for the hyper-parameters; the prediction takes them all


class GaussianProcess:
  """A posterior over the values of architectures.

  The kernel is exp(-sum over decisions of weight * distance): for options the
  distance is whether they differ, for ranges the square of how far. Weights
  and noise are those of the largest marginal likelihood, with a prior on them.

  Reference:
    Rasmussen and Williams 2006, "Gaussian processes for machine learning",
    sections 2.2 and 5.4.1; the kernel of options is that of Hutter 2009,
    "Automated configuration of algorithms for solving hard computational
    problems", section 11.2.
  """

  def __init__(self, apart: np.ndarray, values: np.ndarray):
    """Fits values.

    Args:
      apart: How far the points are from each other in each decision, of
        `Features.apart`, shape (decisions, points, points).
      values: Shape (points,).
    """
    self._mean, self._spread = values.mean(), max(values.std(), 1e-12)
    targets = (values - self._mean) / self._spread
    count = len(values)
    some = np.linspace(0, count - 1, min(count, _MOST)).astype(int)
    self._weights, noise = _fit(apart[:, some][:, :, some] ** 2, targets[some])
    gram = self._kernel(apart) + noise * np.eye(count)
    self._half = np.linalg.inv(np.linalg.cholesky(gram))
    self._alpha = self._half.T @ (self._half @ targets)
    self._scale = max(targets @ self._alpha / count, 1e-12)

  def predict(self, apart: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns mean and standard deviation, without the noise.

    Args:
      apart: How far other points are from the fitted ones, shape (decisions,
        others, points).

    Returns:
      Two arrays of shape (others,), in the unit of the values.
    """
    cross = self._kernel(apart)
    mean = cross @ self._alpha
    explained = ((self._half @ cross.T) ** 2).sum(axis=0)
    deviation = np.sqrt(self._scale * np.maximum(1 - explained, 1e-9))
    return self._mean + self._spread * mean, self._spread * deviation

  def _kernel(self, apart: np.ndarray) -> np.ndarray:
    return np.exp(-np.tensordot(self._weights, apart**2, axes=1))


def _fit(apart: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, float]:
  """Returns weights and noise, after some steps of Adam on their logarithms.

  Args:
    apart: Squared distances, shape (decisions, points, points).
    targets: Shape (points,), of mean 0 and variance 1.
  """
  count = len(targets)
  flat = apart.reshape(len(apart), -1)
  prior = np.log(np.append(np.full(len(apart), 2 / max(len(apart), 1)), _NOISE))
  logs, first, second = prior.copy(), np.zeros_like(prior), np.zeros_like(prior)
  for step in range(1, _STEPS + 1):
    weights, noise = np.exp(logs[:-1]), np.exp(logs[-1])
    kernel = np.exp(-weights @ flat).reshape(count, count)
    inverse = np.linalg.inv(kernel + noise * np.eye(count))
    alpha = inverse @ targets
    scale = max(targets @ alpha / count, 1e-12)  # its best value, in place
    slope = inverse - np.outer(alpha, alpha) / scale
    gradient = np.append(
      -weights * (flat @ (slope * kernel).ravel()),
      noise * np.trace(slope),
    )
    gradient = gradient / 2 + (logs - prior) / _PRIOR**2
    first += 0.1 * (gradient - first)
    second += 0.01 * (gradient**2 - second)
    rise = first / (1 - 0.9**step)
    logs = logs - 0.2 * rise / (np.sqrt(second / (1 - 0.99**step)) + 1e-12)
    logs[-1] = np.clip(logs[-1], np.log(1e-4), np.log(10))
  return np.exp(logs[:-1]), float(np.exp(logs[-1]))
