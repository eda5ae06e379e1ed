"""How often augmentations draw what, by many draws, within four sigmas."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from effnas.learn import augment
from effnas.learn.augment import autoaugment, erasing
from effnas.learn.imaging import operations

KEY = jax.random.key(3)
DRAWS = 20_000


def near(count, share, draws=DRAWS):
  spread = math.sqrt(draws * share * (1 - share))
  return abs(count - draws * share) < 4 * spread + 1


def applied(monkeypatch, name, **settings):
  """The operations (layers, N) and their strengths that a policy draws."""
  seen = {}
  amounts = operations.amounts

  def noted(strength, sign, **rest):
    seen['strength'], seen['sign'] = np.asarray(strength), np.asarray(sign)
    return amounts(strength, sign, **rest)

  def apply(inputs, codes, chosen, fill):
    seen['codes'] = np.asarray(codes)
    return inputs

  monkeypatch.setattr(operations, 'amounts', noted)
  monkeypatch.setattr(operations, 'apply', apply)
  x = jnp.zeros((DRAWS, 4, 4, 3), jnp.uint8)
  augment.find(name)(**settings).change(KEY, x)
  return seen


@pytest.mark.parametrize(
  ('name', 'settings'),
  [('randaugment', {'layers': 2, 'magnitude': 5}), ('trivialaugment', {})],
)
def test_operations_are_drawn_evenly(monkeypatch, name, settings):
  seen = applied(monkeypatch, name, **settings)
  kinds = len(operations.NAMES) - 1
  for row in seen['codes']:
    counts = np.bincount(row, minlength=kinds)
    assert len(counts) == kinds
    assert all(near(count, 1 / kinds) for count in counts)
  if name == 'randaugment':
    first, second = seen['codes']
    assert near((first == second).sum(), 1 / kinds)  # one after another alone
    assert (seen['strength'] == 0.5).all()
  else:
    steps = np.round(seen['strength'] * 30).astype(int).ravel()
    assert all(near(c, 1 / 31) for c in np.bincount(steps, minlength=31))
  assert near((seen['sign'][0] > 0).sum(), 1 / 2)


def test_sub_policies_are_drawn_evenly_and_with_their_chances(monkeypatch):
  codes = applied(monkeypatch, 'autoaugment')['codes']
  none = operations.NAMES.index('identity')
  wanted = np.zeros((len(operations.NAMES), 2))
  for row in autoaugment.POLICY:
    for place, (operation, chance, _) in enumerate(row):
      code = operations.NAMES.index(operation)
      wanted[code, place] += chance / len(autoaugment.POLICY)
      wanted[none, place] += (1 - chance) / len(autoaugment.POLICY)
  for place in (0, 1):
    counts = np.bincount(codes[place], minlength=len(operations.NAMES))
    for count, share in zip(counts, wanted[:, place], strict=True):
      assert near(count, share)


def test_half_of_the_images_are_mirrored_and_twice_is_none():
  x = jnp.arange(DRAWS * 2, dtype=jnp.float32).reshape(DRAWS, 1, 2, 1)
  flip = augment.find('flip')
  once = flip(probability=0.5).change(KEY, x)
  moved = np.asarray((once != x).any((1, 2, 3)))
  assert near(moved.sum(), 1 / 2)
  always = flip(probability=1.0)
  assert np.array_equal(always.change(KEY, always.change(KEY, x)), x)


def test_crops_are_drawn_evenly():
  """A 1x1 image, padded by 1, shows itself in one of nine."""
  x = jnp.ones((DRAWS, 1, 1, 1))
  found = augment.find('crop')(padding=1).change(KEY, x)
  assert near(int(found.sum()), 1 / 9)


def test_erased_areas_and_aspects_are_in_their_ranges():
  """On images so large that rounding hardly counts."""
  change = erasing.Erasing(probability=0.7, low=0.1, high=0.3, aspect=0.5)
  keys = jax.random.split(KEY, 600)
  size = (100, 100)
  hidden = np.asarray(jax.jit(jax.vmap(lambda k: change.hidden(k, size)))(keys))
  areas = hidden.mean((1, 2))
  erased = areas > 0
  assert near(erased.sum(), 0.7, 600)
  assert (areas[erased] > 0.095).all()
  assert (areas[erased] < 0.305).all()
  rows, columns = hidden.any(2).sum(1)[erased], hidden.any(1).sum(1)[erased]
  ratio = np.log(rows / columns) / math.log(2)
  assert (abs(ratio) < 1.05).all()
  assert near((ratio > 0).sum(), 1 / 2, erased.sum())
  uniform = stats.kstest(areas[erased], stats.uniform(0.1, 0.2).cdf)
  assert uniform.pvalue > 1e-3


def test_shares_of_mixed_rows_are_beta():
  x = jnp.eye(2000)[:, None, :]
  labels = jnp.eye(2000)
  change = augment.find('mixup')(alpha=0.4)
  _, mixed = change.mix(KEY, x, labels)
  own = np.asarray(jnp.diagonal(mixed))
  assert stats.kstest(own, stats.beta(0.4, 0.4).cdf).pvalue > 1e-3
