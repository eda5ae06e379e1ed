import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effnas import errors
from effnas.learn import augment

KEY = jax.random.key(0)


def images(n, dtype=np.uint8, size=6):
  """Images whose pixels all differ and are never 0, so that shifts show."""
  rng = np.random.default_rng(0)
  rows = [rng.permutation(255)[: size * size * 2] + 1 for _ in range(n)]
  return np.reshape(rows, (n, size, size, 2)).astype(dtype)


@pytest.mark.parametrize(
  ('names', 'dtype'),
  [
    ((), np.uint8),
    (['flip'], np.float32),
    (['crop'], np.uint8),
    (('flip', 'crop'), jnp.bfloat16),
  ],
)
def test_shape_type_and_key_decide(names, dtype):
  change = jax.jit(augment.make(names))
  x = images(64, dtype)
  got = change(KEY, x)
  assert got.shape == x.shape
  assert got.dtype == x.dtype
  np.testing.assert_array_equal(got, change(KEY, x))
  if names:
    assert not np.array_equal(got, change(jax.random.key(1), x))
    np.testing.assert_array_equal(got, augment.make(names)(KEY, x))
  else:
    np.testing.assert_array_equal(got, x)


def test_flip_is_the_mirror_image_or_nothing():
  x = images(2000)
  got = np.asarray(augment.make(['flip'])(KEY, x))
  same = (got == x).all(axis=(1, 2, 3))
  mirrored = (got == x[:, :, ::-1]).all(axis=(1, 2, 3))
  assert (same ^ mirrored).all()
  # Five standard deviations of a fair coin.
  assert abs(mirrored.mean() - 0.5) < 5 * 0.5 / np.sqrt(2000)


def test_crop_without_padding_is_the_identity():
  x = images(32)
  got = augment.make(['crop'], crop_padding=0)(KEY, x)
  np.testing.assert_array_equal(got, x)


def test_crop_shifts_zeros_in_and_every_shift_is_as_likely():
  n, padding = 2000, 2
  x = images(n)
  got = np.asarray(augment.make(['crop'], crop_padding=padding)(KEY, x))
  edges = ((0, 0), (padding, padding), (padding, padding), (0, 0))
  padded = np.pad(x, edges)
  counts = np.zeros((5, 5), int)
  for i in range(5):
    for j in range(5):
      shifted = padded[:, i : i + 6, j : j + 6]
      counts[i, j] = (got == shifted).all(axis=(1, 2, 3)).sum()
  assert counts.sum() == n
  # Chi-squared with 24 degrees of freedom passes 59 once in 10,000 seeds.
  assert ((counts - n / 25) ** 2 / (n / 25)).sum() < 59


def test_each_image_and_each_change_has_its_own_randomness():
  x = np.repeat(images(1), 400, axis=0)
  got = np.asarray(augment.make(['flip', 'crop'], crop_padding=1)(KEY, x))
  assert len(np.unique(got.reshape(400, -1), axis=0)) == 2 * 9


def test_one_compilation_serves_a_whole_scan():
  change = augment.make(['flip', 'crop'], crop_padding=1)
  x = jnp.asarray(images(8))

  @jax.jit
  def epoch(keys):
    return jax.lax.scan(lambda c, key: (c, change(key, x)), 0, keys)[1]

  keys = jax.random.split(KEY, 3)
  got = epoch(keys)
  for key, batch in zip(keys, got, strict=True):
    np.testing.assert_array_equal(batch, change(key, x))


def test_strict_promotion():
  with jax.numpy_rank_promotion('raise'), jax.numpy_dtype_promotion('strict'):
    augment.make(['flip', 'crop'])(KEY, jnp.asarray(images(4)))


def test_unknown_name_and_bad_padding_are_said():
  with pytest.raises(errors.UserError, match="did you mean 'flip'"):
    augment.make(['flipp'])
  for padding in (-1, 1.5, True):
    with pytest.raises(errors.UserError, match='crop_padding must be'):
      augment.make(['crop'], crop_padding=padding)


def test_other_inputs_than_images_are_said():
  with pytest.raises(errors.UserError, match=r'shape \(4, 9\)'):
    augment.make(['flip'])(KEY, jnp.zeros((4, 9)))


def test_a_single_name_may_stand_alone():
  x = images(8)
  np.testing.assert_array_equal(
    augment.make('flip')(KEY, x), augment.make(['flip'])(KEY, x)
  )
