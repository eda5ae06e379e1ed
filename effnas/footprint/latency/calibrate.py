"""Fits a device's prices to measured networks, and says how far to trust them.

The fit minimises the mean of |estimate / measurement - 1| over prices that are
not below zero, drawn towards the datasheet: a quantity that hardly varies over
the measured networks, or that none of them has, keeps its datasheet's price,
scaled as the networks as a whole are. So fifty measurements suffice, and a
model fitted on one family still ranks others.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import optimize, stats

from effnas import errors
from effnas.footprint import tables
from effnas.footprint.latency import cost_model, features
from effnas.footprint.latency import device as device_lib

LEAST = 20  # measurements
_STRENGTH = 1e-4  # of the pull towards the datasheet
_RATIO = 0.1  # how its two forms are weighed
_VARIES = 1e-3  # a standard deviation over the mean
_ROUNDS = 5
_FLOOR = 0.01  # errors below count as this one
FOLDS = 10


def fit(
  quantities: np.ndarray,
  ms: np.ndarray,
  prior: np.ndarray,
  kind: str = 'latency',
) -> np.ndarray:
  """Fits prices.

  Least absolute relative errors by reweighted non-negative least squares
  (Lawson and Hanson 1974 for the inner problem). The pull towards the prior q
  is `s^2 (p - q)^2 + (0.1 (p / q - 1))^2` for each price p, where s is the root
  mean square of what a unit adds to the relative time: its first term keeps
  shares of time near to the datasheet's, the second prices.

  Time that all networks take alike is a call's in a latency. In a throughput
  calls wait in line, and it is their inputs', which each of them brings.

  Args:
    quantities: float64 [n, len(features.NAMES)], of `features.whole`.
    ms: float64 [n], milliseconds, above zero.
    prior: float64 [len(features.NAMES)], of `features.prior`.
    kind: What was measured, 'latency' or 'throughput'.

  Returns:
    float64 [len(features.NAMES)], milliseconds a unit.
  """
  shares = quantities / ms[:, None]
  pulled = prior / np.median(shares @ prior)
  spread = quantities.std(0) > _VARIES * np.abs(quantities).mean(0)
  alike = features.RUN if kind == 'latency' else features.INPUT
  spread[alike] = quantities[:, alike].any()
  prices = pulled.copy()
  rest = 1 - shares[:, ~spread] @ pulled[~spread]
  shares, pulled = shares[:, spread], pulled[spread]
  scale = np.sqrt((shares**2).mean(0))
  with np.errstate(divide='ignore'):
    ratio = np.where(pulled > 0, _RATIO / pulled, 0)
  pull = np.sqrt((scale**2 + ratio**2) * _STRENGTH * len(ms))
  shares = shares / scale
  weight = np.ones(len(ms))
  for _ in range(1 + _ROUNDS):
    root = np.sqrt(weight)
    found, _ = optimize.nnls(
      np.vstack([shares * root[:, None], np.diag(pull / scale)]),
      np.concatenate([rest * root, pull * pulled]),
      maxiter=100 * len(pulled),
    )
    weight = _FLOOR / np.maximum(np.abs(shares @ found - rest), _FLOOR)
  prices[spread] = found / scale
  return prices


def estimate(quantities: np.ndarray, prices: np.ndarray) -> np.ndarray:
  """Milliseconds [n] of programs with quantities [n, len(features.NAMES)]."""
  return quantities @ prices


def scores(estimated: np.ndarray, ms: np.ndarray) -> cost_model.Held:
  """Compares estimates with measurements.

  Args:
    estimated: float64 [n].
    ms: float64 [n].

  Returns:
    Error and rank correlations.

  Example:
    >>> scores(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0])).spearman
    1.0
  """
  return cost_model.Held(
    error=float(np.mean(np.abs(estimated / ms - 1))),
    spearman=float(stats.spearmanr(estimated, ms)[0]),
    kendall=float(stats.kendalltau(estimated, ms)[0]),
  )


def few_shot(
  quantities: np.ndarray,
  ms: np.ndarray,
  prior: np.ndarray,
  kind: str = 'latency',
  *,
  fitted: int = 50,
  splits: int = 200,
) -> list[cost_model.Held]:
  """Fits on a few random networks and tests on all others, many times.

  Args:
    quantities: As for `fit`.
    ms: As for `fit`.
    prior: As for `fit`.
    kind: As for `fit`.
    fitted: How many networks to fit on.
    splits: How often; split i comes from seed i.

  Returns:
    The scores of each split.
  """
  found = []
  for seed in range(splits):
    order = np.random.default_rng(seed).permutation(len(ms))
    some, others = order[:fitted], order[fitted:]
    prices = fit(quantities[some], ms[some], prior, kind)
    found.append(scores(estimate(quantities[others], prices), ms[others]))
  return found


def cross_validate(
  quantities: np.ndarray,
  ms: np.ndarray,
  prior: np.ndarray,
  kind: str = 'latency',
) -> cost_model.Held:
  """Estimates each network by a model fitted without it: ten folds."""
  folds = np.random.default_rng(0).permutation(len(ms)) % FOLDS
  estimated = np.zeros(len(ms))
  for fold in range(FOLDS):
    out = folds == fold
    prices = fit(quantities[~out], ms[~out], prior, kind)
    estimated[out] = estimate(quantities[out], prices)
  return scores(estimated, ms)


def calibrate(
  name: str,
  quantities: np.ndarray,
  ms: np.ndarray,
  *,
  device: str,
  batch: int,
  measured: str,
  kind: str = 'latency',
) -> cost_model.CostModel:
  """Makes a calibrated device of measurements.

  Args:
    name: Of the new device.
    quantities: float64 [n, len(features.NAMES)] of the measured networks, each
      at the batch that it was measured at.
    ms: float64 [n], milliseconds of one batch.
    device: The target of `device.names()` whose datasheet the prices are drawn
      to, and whose formats they are in.
    batch: The batch.
    measured: What was measured, with its source, in a sentence.
    kind: As for `fit`.

  Returns:
    The model, with the ranges it was fitted in and its error on networks left
    out.

  Raises:
    UserError: Too few measurements, or ones that say nothing.
  """
  check(ms)
  target = device_lib.load(device)
  prior = features.prior(target)
  return cost_model.CostModel(
    name=name,
    device=device,
    precision=target.float_format,
    batch=batch,
    measured=measured,
    measurements=len(ms),
    range_ms=(float(ms.min()), float(ms.max())),
    held_out=cross_validate(quantities, ms, prior, kind),
    prices=fit(quantities, ms, prior, kind),
    most=quantities.max(0),
  )


def check(ms: np.ndarray) -> None:
  """Refuses measurements that no model can be fitted to.

  Args:
    ms: float64 [n], milliseconds.

  Raises:
    UserError: There are too few, one is no time, or all are the same.
  """
  if len(ms) < LEAST:
    raise errors.UserError(
      f'a calibration needs at least {LEAST} measured networks, better 50; '
      f'got {len(ms)}'
    )
  wrong = ~(np.isfinite(ms) & (ms > 0))
  if wrong.any():
    raise errors.UserError(
      f'a latency is a number above zero; measurement {wrong.argmax()} is '
      f'{ms[wrong.argmax()]}'
    )
  if np.ptp(ms) <= 1e-6 * ms.mean():
    raise errors.UserError(
      f'all {len(ms)} latencies are {ms[0]:g} ms: they say nothing of what '
      'makes a network slow'
    )


def milliseconds(
  rows: Sequence[Mapping[str, Any]],
  metric: str,
  kind: str,
  batch: int,
) -> tuple[list[int], np.ndarray]:
  """Reads a column of a table as the time of one batch.

  Args:
    rows: Of the table, by column.
    metric: The column.
    kind: 'latency' if it holds milliseconds of a batch, or 'throughput' for
      examples a second.
    batch: Examples in a batch.

  Returns:
    The indices of the rows that have a value, and their milliseconds.

  Raises:
    UserError: There is no such column, or a value is no number above zero.

  Example:
    >>> rows = [{'throughput_a': '500'}, {'throughput_a': ''}]
    >>> milliseconds(rows, 'throughput_a', 'throughput', batch=8)
    ([0], array([16.]))
  """
  columns = list(rows[0]) if rows else []
  if metric not in columns:
    raise errors.unknown('column', metric, columns)
  found = {}
  for i, row in enumerate(rows):
    text = row[metric]
    if text in (None, ''):
      continue
    try:
      value = tables.number(text)
    except ValueError:
      value = 0.0
    if value <= 0:
      raise errors.UserError(
        f'{metric} of row {i} is {text!r}: not a number above zero; leave a '
        'cell empty where nothing was measured'
      )
    found[i] = value if kind == 'latency' else 1e3 * batch / value
  return list(found), np.array(list(found.values()))


def kind_of(metric: str) -> str:
  """Tells from a column's name what it holds.

  Args:
    metric: The name.

  Returns:
    'latency' or 'throughput'.

  Raises:
    UserError: It does not tell.

  Example:
    >>> kind_of('throughput_a100.mean'), kind_of('lat_ms_v100')
    ('throughput', 'latency')
  """
  for kind, words in (
    ('throughput', ('throughput', 'per_sec', '/s', 'fps')),
    ('latency', ('lat', 'time', '_ms')),
  ):
    if any(word in metric.lower() for word in words):
      return kind
  raise errors.UserError(
    f'the name {metric!r} does not tell whether it is a latency (ms) or a '
    'throughput (examples a second); say --kind=latency or --kind=throughput'
  )
