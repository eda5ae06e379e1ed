"""Properties of every augmentation, found by its file."""

import jax
import jax.numpy as jnp
import numpy as np
import PIL.Image
import PIL.ImageEnhance
import PIL.ImageOps
import pytest

from effnas import errors
from effnas.learn import augment
from effnas.learn.imaging import colour, lookup, operations, warp

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (64, 12, 12, 3)).astype(np.uint8)
FLOATS = RNG.normal(size=(64, 12, 12, 3)).astype(np.float32)
TOKENS = RNG.integers(1, 50, (64, 40)).astype(np.int32)
LABELS = np.arange(64, dtype=np.int32) % 5
MIXING = ('mixup', 'cutmix', 'smote')


def batch(name):
  takes = augment.find(name).takes
  return {'pixels': PIXELS, 'tokens': TOKENS}.get(takes, FLOATS)


@pytest.mark.parametrize('name', sorted(set(augment.names()) - {'hardest'}))
def test_contract(name):
  change = augment.make([name], classes=5)
  assert change == augment.make([name], classes=5)
  assert hash(change) == hash(augment.make([name], classes=5))
  x = jnp.asarray(batch(name))
  run = jax.jit(change)
  with jax.numpy_rank_promotion('raise'), jax.numpy_dtype_promotion('strict'):
    jax.eval_shape(change, KEY, x, LABELS)
  got, labels = run(KEY, x, LABELS)
  assert got.shape == x.shape
  assert got.dtype == x.dtype
  assert not np.array_equal(got, x)
  np.testing.assert_array_equal(got, run(KEY, x, LABELS)[0])
  assert not np.array_equal(got, run(jax.random.key(1), x, LABELS)[0])
  if name in ('mixup', 'cutmix'):
    np.testing.assert_allclose(labels.sum(1), 1, atol=1e-6)
  else:
    np.testing.assert_array_equal(labels, LABELS)
  if name not in MIXING:
    # The rows beside it do not matter.
    other = x.at[1:].set(x[1:][::-1])
    np.testing.assert_array_equal(got[0], run(KEY, other, LABELS)[0][0])


@pytest.mark.parametrize(
  'item',
  [
    {'name': 'flip', 'probability': 0},
    {'name': 'crop', 'padding': 0},
    {'name': 'translate', 'share': 0},
    {'name': 'rotate', 'degrees': 0},
    {'name': 'scale', 'low': 1, 'high': 1},
    {'name': 'shear', 'most': 0},
    {'name': 'colour', 'brightness': 0, 'contrast': 0, 'saturation': 0},
    {'name': 'erasing', 'probability': 0},
    {'name': 'cutout', 'share': 0},
    {'name': 'mixup', 'alpha': 0},
    {'name': 'cutmix', 'alpha': 0},
    {'name': 'smote', 'probability': 0},
    {'name': 'randaugment', 'layers': 0},
    {'name': 'word_dropout', 'probability': 0},
    {'name': 'span_masking', 'probability': 0},
  ],
  ids=lambda item: item['name'],
)
def test_nothing_at_magnitude_zero(item):
  x = batch(item['name'])
  got, _ = augment.make([item], classes=5)(KEY, jnp.asarray(x), LABELS)
  np.testing.assert_allclose(got, x, atol=1e-6)


def test_geometry_is_the_reference():
  image = jnp.asarray(FLOATS[0])
  for kind in warp.INTERPOLATIONS:
    turned = warp.apply(image, warp.rotation(90), interpolation=kind)
    np.testing.assert_allclose(turned, np.rot90(image), atol=1e-5)
  moved = warp.apply(image, warp.translation(2, -3), fill=7.0)
  expected = np.full(image.shape, 7.0, np.float32)
  expected[2:, :-3] = image[:-2, 3:]
  np.testing.assert_array_equal(moved, expected)
  slanted = warp.apply(image, warp.shear(0, 0.3))
  for r in range(12):
    for c in range(12):
      there = int(np.floor(c + 0.3 * (r - 5.5) + 0.5))
      inside = 0 <= there < 12
      np.testing.assert_array_equal(
        slanted[r, c], image[r, there] if inside else np.zeros(3)
      )


def pil_operation(name, amount):
  enhance = {
    'brightness': PIL.ImageEnhance.Brightness,
    'contrast': PIL.ImageEnhance.Contrast,
    'saturation': PIL.ImageEnhance.Color,
    'sharpness': PIL.ImageEnhance.Sharpness,
  }
  if name in enhance:
    return lambda im: enhance[name](im).enhance(amount)
  matrix = {
    'shear_x': (1, amount, 0, 0, 1, 0),
    'shear_y': (1, 0, 0, amount, 1, 0),
  }
  if name in matrix:
    return lambda im: im.transform(
      im.size, PIL.Image.Transform.AFFINE, matrix[name], fillcolor=(128,) * 3
    )
  return {
    'posterize': lambda im: PIL.ImageOps.posterize(im, amount),
    'solarize': lambda im: PIL.ImageOps.solarize(im, amount),
    'equalize': PIL.ImageOps.equalize,
    'invert': PIL.ImageOps.invert,
    'autocontrast': PIL.ImageOps.autocontrast,
  }[name]


@pytest.mark.parametrize(
  ('name', 'amount', 'off'),
  [
    ('posterize', 3, 0),
    ('solarize', 100, 0),
    ('equalize', 0, 0),
    ('invert', 0, 0),
    ('autocontrast', 0, 1),
    ('brightness', 1.5, 0),
    ('contrast', 0.5, 0),
    ('saturation', 1.75, 0),
    ('sharpness', 0.25, 0),
    ('shear_x', 0.25, 0),
    ('shear_y', -0.25, 0),
  ],
)
def test_operations_are_pillows(name, amount, off):
  # More than 255 pixels, of many, dark and few values: so that equalize and
  # autocontrast have work.
  noise = np.random.default_rng(1).integers(0, 256, (6, 40, 36, 3))
  squared = noise * noise // 255
  images = np.concatenate([noise, squared, noise // 3 + 20, noise // 99])
  images = images.astype(np.uint8)
  n = len(images)
  got = operations.apply(
    jnp.asarray(images),
    jnp.full((1, n), operations.NAMES.index(name)),
    jnp.full((1, n), amount, jnp.float32),
  )
  one = pil_operation(name, amount)
  want = [np.asarray(one(PIL.Image.fromarray(image))) for image in images]
  assert np.abs(np.asarray(got, int) - np.array(want, int)).max() <= off


def test_cutmix_weights_are_shares_of_pixels():
  x = jnp.broadcast_to(jnp.arange(64.0).reshape(-1, 1, 1, 1), (64, 9, 9, 1))
  got, weights = augment.make('cutmix', classes=64)(KEY, x, jnp.arange(64))
  for row, weight in zip(np.asarray(got), weights, strict=True):
    share = np.bincount(row.astype(int).ravel(), minlength=64) / 81
    np.testing.assert_allclose(weight, share, atol=1e-6)


def test_mixup_mixes_labels_as_inputs():
  x = jnp.eye(64)
  change = augment.make({'name': 'mixup', 'alpha': 1.0}, classes=64)
  got, weights = change(KEY, x, jnp.arange(64))
  np.testing.assert_allclose(got, weights, atol=1e-6)


def test_smote_stays_between_rows_of_a_class():
  x = jnp.asarray(LABELS[:, None] * 10 + RNG.random((64, 1)), jnp.float32)
  change = augment.make({'name': 'smote', 'probability': 1})
  got, _ = change(KEY, x, jnp.asarray(LABELS))
  np.testing.assert_array_equal(np.asarray(got)[:, 0] // 10, LABELS)


def test_tokens_are_hidden_as_often_as_said():
  x = np.ones((500, 40), np.int32)
  for name in ('word_dropout', 'span_masking'):
    change = augment.make([{'name': name, 'probability': 0.15}])
    hidden = np.asarray(change(KEY, x)) == 0
    assert abs(hidden.mean() - 0.15) < 0.01
    assert abs(hidden[:, 0].mean() - 0.15) < 5 * np.sqrt(0.15 * 0.85 / 500)


def test_words_are_hidden_whole():
  text = np.frombuffer(b'one two three four five', np.uint8).astype(np.int32)
  change = augment.make(
    {'name': 'word_dropout', 'probability': 0.5, 'boundaries': [32]}
  )
  got = change(KEY, np.tile(text, (50, 1)))
  for row in np.asarray(got):
    for word in bytes(row.astype(np.uint8)).split(b' '):
      assert word.count(0) in (0, len(word))


def test_the_hardest_view_of_each_row_is_taken():
  change = augment.make(['rotate', {'name': 'hardest', 'k': 3}])
  plain = augment.make(['rotate'])
  got, _ = change(KEY, FLOATS, LABELS, losses=lambda x, y: x.sum((1, 2, 3)))
  views = [plain(k, FLOATS) for k in jax.random.split(KEY, 3)]
  best = np.max([v.sum((1, 2, 3)) for v in views], axis=0)
  np.testing.assert_allclose(got.sum((1, 2, 3)), best, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
  ('item', 'said'),
  [
    ({'name': 'mixup', 'alpha': -1}, 'mixup.alpha is a number from 0; got -1'),
    ({'name': 'mixup', 'alhpa': 1}, "did you mean 'alpha'"),
    ({'name': 'flip', 'probability': 2}, 'from 0 to 1; got 2'),
    (
      {'name': 'randaugment', 'layers': 1.5},
      'layers must be a whole number, got 1.5',
    ),
    ({'name': 'scale', 'low': 2}, 'scale.low is at most scale.high'),
    ({'alpha': 1}, "mapping with 'name'"),
  ],
)
def test_bad_settings_are_said(item, said):
  with pytest.raises(errors.UserError, match=said):
    augment.make([item])


@pytest.mark.parametrize(
  ('name', 'x', 'said'),
  [
    ('mixup', FLOATS[:1], 'needs 2 or more; the batch size is 1'),
    ('mixup', PIXELS, 'takes floats'),
    ('randaugment', FLOATS, 'before they are prepared'),
    ('rotate', TOKENS, 'augmentation takes images'),
    ('span_masking', FLOATS, 'takes tokens'),
    ('hardest', FLOATS, 'losses of a training step'),
  ],
)
def test_unfit_batches_are_said(name, x, said):
  with pytest.raises(errors.UserError, match=said):
    jax.eval_shape(augment.make([name], classes=5), KEY, x, LABELS[: len(x)])


def test_tables_and_colours_of_one_channel():
  grey = jnp.asarray(PIXELS[0, :, :, :1])
  np.testing.assert_array_equal(colour.saturation(grey, 3.0), grey)
  np.testing.assert_array_equal(lookup.apply(grey, lookup.levels()), grey)


def test_what_mixes_is_named_and_what_was_made_is_taken():
  made = augment.make(['flip', 'mixup', 'cutmix'], classes=3)
  assert made.mixes == 'mixup'
  assert augment.make(['flip', 'crop']).mixes is None
  assert augment.make(made.changes, classes=3) == made
