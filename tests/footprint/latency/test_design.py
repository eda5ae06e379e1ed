"""The choice of networks to measure."""

import numpy as np

from effnas.footprint.latency import calibrate, design, device, features

PRIOR = features.prior(device.load('a100'))


def pool(n=300, seed=0):
  """Networks of mostly one class, as a draw gives many alike."""
  rng = np.random.default_rng(seed)
  found = np.zeros((n, len(features.NAMES)))
  for name in ('pointwise.macs', 'depthwise.writes', 'conv.macs', 'data.reads'):
    size = 0.1 / PRIOR[features.NAMES.index(name)]
    found[:, features.NAMES.index(name)] = size * rng.uniform(0.5, 1, n) ** 8
  found[: n - 10, features.NAMES.index('data.reads')] *= 1e-3  # a rare class
  return found


def test_rare_classes_are_chosen():
  chosen = design.choose(pool(), PRIOR, 8)
  assert len(set(chosen)) == 8
  assert any(i >= 290 for i in chosen)


def test_a_chosen_set_tells_more_than_a_random_one():
  x = pool()
  volume = {}
  for name, rows in {
    'chosen': design.choose(x, PRIOR, 20),
    'random': np.random.default_rng(0).permutation(300)[:20],
  }.items():
    shares = x[rows] * PRIOR
    shares = shares[:, shares.any(0)] / shares.sum(1, keepdims=True)
    volume[name] = np.linalg.slogdet(shares.T @ shares)[1]
  assert volume['chosen'] > volume['random'] + 1
  ms = calibrate.estimate(x, 2 * PRIOR)
  prices = calibrate.fit(
    x[design.choose(x, PRIOR, 20)], ms[design.choose(x, PRIOR, 20)], PRIOR
  )
  assert calibrate.scores(calibrate.estimate(x, prices), ms).error < 1e-3


def test_all_are_chosen_where_there_are_few():
  assert sorted(design.choose(pool(5), PRIOR, 9)) == [0, 1, 2, 3, 4]
