"""An ensemble of small neural networks, to predict values of architectures."""

import itertools

import numpy as np

_RATE = 0.01
_TYPE = np.float32


class Ensemble:
  """Networks of two hidden layers, trained together on all points.

  They differ in their initial weights and in how often each sees a point.

  Reference:
    Lakshminarayanan, Pritzel and Blundell 2017, "Simple and scalable predictive
    uncertainty estimation using deep ensembles", arXiv:1612.01474; White,
    Neiswanger and Savani 2021, arXiv:1910.11858.
  """

  def __init__(
    self,
    inputs: np.ndarray,
    values: np.ndarray,
    rng: np.random.Generator,
    *,
    members: int = 5,
    width: int = 32,
    steps: int = 150,
  ):
    """Fits values.

    Args:
      inputs: Shape (points, inputs).
      values: Shape (points,).
      rng: The source of chance.
      members: How many networks.
      width: Of their hidden layers.
      steps: Of Adam, on all points at once.
    """
    self._middle, self._spread = values.mean(), max(values.std(), 1e-12)
    targets = (values - self._middle) / self._spread
    sizes = (inputs.shape[1], width, width, 1)
    self._parameters = []
    for fan_in, fan_out in itertools.pairwise(sizes):
      scale = np.sqrt(2 / max(fan_in, 1))
      weights = rng.normal(0, scale, (members, fan_in, fan_out))
      biases = np.zeros((members, 1, fan_out))
      self._parameters += [weights.astype(_TYPE), biases.astype(_TYPE)]
    seen = rng.exponential(size=(members, len(values), 1))  # Bayesian bootstrap
    self._train(
      inputs.astype(_TYPE),
      targets[:, None].astype(_TYPE),
      (seen / len(values)).astype(_TYPE),
      steps,
    )

  def predict(self, inputs: np.ndarray) -> np.ndarray:
    """Returns what each network predicts.

    Args:
      inputs: Shape (points, inputs).

    Returns:
      Shape (members, points).
    """
    found = self._layers(inputs.astype(_TYPE))[-1][..., 0].astype(float)
    return self._middle + self._spread * found

  def _layers(self, inputs: np.ndarray) -> list[np.ndarray]:
    a, b, c, d, e, f = self._parameters
    first = np.maximum(inputs @ a + b, 0)
    second = np.maximum(first @ c + d, 0)
    return [first, second, second @ e + f]

  def _train(self, inputs, targets, seen, steps):
    means = [np.zeros_like(p) for p in self._parameters]
    squares = [np.zeros_like(p) for p in self._parameters]
    for step in range(1, steps + 1):
      slopes = self._slopes(inputs, targets, seen)
      for i, slope in enumerate(slopes):
        means[i] += 0.1 * (slope - means[i])
        squares[i] += 0.01 * (slope * slope - squares[i])
        rise = means[i] / (1 - 0.9**step)
        size = np.sqrt(squares[i] / (1 - 0.99**step)) + 1e-8
        self._parameters[i] -= _RATE * rise / size

  def _slopes(self, inputs, targets, seen):
    """The gradients of the weighted squared errors, by hand."""
    first, second, found = self._layers(inputs)
    _, _, c, _, e, _ = self._parameters
    g3 = 2 * seen * (found - targets)
    g2 = (g3 @ e.swapaxes(1, 2)) * (second > 0)
    g1 = (g2 @ c.swapaxes(1, 2)) * (first > 0)
    return [
      inputs.T @ g1,
      g1.sum(axis=1, keepdims=True),
      first.swapaxes(1, 2) @ g2,
      g2.sum(axis=1, keepdims=True),
      second.swapaxes(1, 2) @ g3,
      g3.sum(axis=1, keepdims=True),
    ]
