"""Learning curves: how far a training will come, from its first epochs.

A family of curves is asymptote + slope * form(epoch), where the form falls
from about 1 towards 0 and has one or two parameters. Given these, asymptote
and slope are least squares; so all forms of a grid are fitted at once.

Reference:
  Domhan, Springenberg and Hutter 2015, "Speeding up automatic hyperparameter
  optimization of deep neural networks by extrapolation of learning curves",
  IJCAI; Viering and Loog 2022, "The shape of learning curves: a review",
  arXiv:2103.10948, for what families fit.
"""

from collections.abc import Callable
import dataclasses
import itertools
import math

import numpy as np

LEAST = 3  # values to extrapolate from
_FLOOR = 0.01  # noise that is taken for granted, of the range of the values
_ROUNDS = 24  # of a finer grid around the best form
_FINE = np.linspace(-1, 1, 7)


def _power(epochs, parameters):
  return epochs ** -parameters[0]


def _exponential(epochs, parameters):
  return np.exp(-parameters[0] * (epochs - 1))


def _log_power(epochs, parameters):
  middle, steepness = parameters
  return 1 / (1 + (epochs / middle) ** steepness)


@dataclasses.dataclass(frozen=True)
class _Family:
  """Forms, and where their parameters lie: least, most, how many of a grid."""

  form: Callable[..., np.ndarray]
  ranges: tuple[tuple[float, float, int], ...]


FAMILIES = {
  'power': _Family(_power, ((0.1, 4.0, 16),)),
  'exponential': _Family(_exponential, ((0.01, 2.0, 16),)),
  'log_power': _Family(_log_power, ((0.5, 200.0, 8), (0.5, 4.0, 5))),
}


@dataclasses.dataclass(frozen=True)
class Curve:
  """A fitted curve.

  Attributes:
    family: One of `FAMILIES`.
    parameters: Of its form.
    asymptote: What it tends to.
    slope: What it is above that where the form is 1.
    error: Mean squared error, recent epochs weighing more.
  """

  family: str
  parameters: tuple[float, ...]
  asymptote: float
  slope: float
  error: float

  def at(self, epoch: float) -> float:
    """Returns its value at an epoch, from 1."""
    form = FAMILIES[self.family].form(float(epoch), self.parameters)
    return float(self.asymptote + self.slope * form)


def fit(family: str, epochs: np.ndarray, values: np.ndarray) -> Curve:
  """Returns the curve of a family that is nearest to the values.

  Args:
    family: One of `FAMILIES`.
    epochs: Shape (values,), from 1.
    values: Shape (values,), finite.

  Example:
    >>> epochs = np.arange(1, 9)
    >>> round(fit('power', epochs, 0.9 - 0.6 * epochs**-0.5).at(100), 6)
    0.84
  """
  epochs, values = np.asarray(epochs, float), np.asarray(values, float)
  parameters = _best(family, epochs, values)
  fitted = _fit(FAMILIES[family].form(epochs, parameters)[None], epochs, values)
  return Curve(
    family,
    tuple(float(p) for p in parameters),
    float(fitted.asymptote[0]),
    float(fitted.slope[0]),
    float(fitted.squares[0]) / len(values),
  )


def extrapolate(
  epochs: np.ndarray,
  values: np.ndarray,
  last: int,
  limits: tuple[float, float] = (-math.inf, math.inf),
) -> tuple[float, float]:
  """Returns what is expected at the last epoch, and the spread of that.

  All forms of all families are fitted, and weigh as likely as they make the
  values: of few values nearly alike, of many only those that fit. The spread
  has their disagreement in it, the noise of the values, and what that does to
  each fit.

  Args:
    epochs: Shape (values,), from 1.
    values: At least `LEAST` of them, finite.
    last: The epoch to tell of.
    limits: What a value cannot be below or above.

  Returns:
    Mean and standard deviation.

  Example:
    >>> epochs = np.arange(1, 21)
    >>> told, spread = extrapolate(epochs, 0.9 - 0.5 * epochs**-0.7, 100)
    >>> abs(told - 0.88) < 0.002 and spread < 0.02
    True
  """
  epochs, values = np.asarray(epochs, float), np.asarray(values, float)
  count = len(values)
  means, doubts, logs = [], [], []
  for name, family in FAMILIES.items():
    points = [*_grid(family), _best(name, epochs, values)]
    forms = np.stack([family.form(epochs, p) for p in points])
    there = np.array([family.form(float(last), p) for p in points])
    fitted = _fit(forms, epochs, values)
    floor = count * (_FLOOR * np.ptp(values)) ** 2 + 1e-18
    squares = fitted.squares + floor
    noise = squares / max(1, count - 2)
    away = (there - fitted.middle) ** 2 / fitted.width
    means.append(np.clip(fitted.asymptote + fitted.slope * there, *limits))
    doubts.append(noise * (1 + 1 / count + away))
    # One more parameter is paid for; a family weighs as much as another.
    logs.append(
      -0.5 * max(1, count - 1 - len(family.ranges)) * np.log(squares)
      - math.log(len(points))
    )
  mean, doubt, log = (np.concatenate(part) for part in (means, doubts, logs))
  weights = np.exp(log - log.max())
  weights /= weights.sum()
  expected = float(weights @ mean)
  reach = np.minimum(doubt, (limits[1] - limits[0]) ** 2)
  return expected, math.sqrt(weights @ ((mean - expected) ** 2 + reach))


@dataclasses.dataclass(frozen=True)
class _Fits:
  """Weighted least squares for each of some forms, arrays of shape (forms,)."""

  asymptote: np.ndarray
  slope: np.ndarray
  squares: np.ndarray  # of the residuals
  middle: np.ndarray  # of the form over the epochs
  width: np.ndarray  # its sum of squares around that


def _fit(forms: np.ndarray, epochs: np.ndarray, values: np.ndarray) -> _Fits:
  """Fits asymptote and slope; `forms` has shape (forms, values)."""
  weights = epochs * len(epochs) / epochs.sum()
  middle = (forms @ weights / len(epochs))[:, None]
  mean = weights @ values / len(epochs)
  apart = forms - middle
  width = np.maximum((apart**2) @ weights, 1e-12)
  slope = apart @ (weights * (values - mean)) / width
  asymptote = mean - slope * middle[:, 0]
  left = values - mean - slope[:, None] * apart
  return _Fits(asymptote, slope, left**2 @ weights, middle[:, 0], width)


def _grid(family: _Family) -> list[tuple[float, ...]]:
  sides = [np.geomspace(*side) for side in family.ranges]
  return list(itertools.product(*sides))


def _best(name: str, epochs: np.ndarray, values: np.ndarray):
  """Returns the parameters with the least error, on ever finer grids."""
  family = FAMILIES[name]
  points = _grid(family)
  low, high, counts = np.array(family.ranges).T
  reach = np.log(high / low) / (counts - 1)
  for _ in range(_ROUNDS):
    forms = np.stack([family.form(epochs, p) for p in points])
    best = points[int(_fit(forms, epochs, values).squares.argmin())]
    steps = itertools.product(*[width * _FINE for width in reach])
    points = [tuple(np.clip(best * np.exp(step), low, high)) for step in steps]
    reach = reach / 1.7
  return best
