"""Numbers that would wrap or overflow on their way to the network."""

import logging

import numpy as np
import pytest

from effnas import data, errors
from effnas.data import dataset, numbers, split

Y = np.arange(30) % 3
X = np.zeros((30, 4), np.float32)


def raw(x=X, y=Y, kind='vector', classes=3, test=None, **provenance):
  held = test and dataset.Split(*test)
  record = {'files': [], 'verified': None, **provenance}
  return dataset.Raw(dataset.Split(x, y), held, classes, kind, record)


def save(tmp_path, **arrays):
  np.savez(tmp_path / 'own.npz', **arrays)
  return str(tmp_path / 'own.npz')


@pytest.mark.parametrize(
  ('y', 'told'),
  [
    (Y + 2**32, 'int64 from 4294967296 to 4294967298'),
    (Y + (2**31 + 5), 'int64 from 2147483653'),
    (
      np.where(Y, Y, 2**32 - 1).astype(np.uint32),
      'uint32 from 1 to 429496729',
    ),
    (
      np.where(Y, Y.astype(np.uint64), np.uint64(2**64 - 1)),
      'uint64 from 1 to 1844674',
    ),
    (Y - 1, 'int64 from -1 to 1'),
    ((Y - 1).astype(np.int8), 'int8 from -1'),
    (Y.astype(np.float32), r'float32 from 0\.0 to 2\.0'),
    (Y.astype(np.complex64), 'complex64'),
    (Y.astype(str), '<U'),
    (Y.astype('datetime64[s]'), 'datetime64'),
  ],
)
def test_labels_are_checked_as_they_are_used(tmp_path, y, told):
  rule = 'must be whole numbers from 0 to 2147483647, got '
  path = save(tmp_path, x=X, y=y)
  with pytest.raises(errors.UserError, match=rf'own\.npz: y {rule}{told}'):
    data.load('arrays', path=path)
  with pytest.raises(errors.UserError, match=f"'x': labels {rule}{told}"):
    split.assemble('x', raw(y=y))


@pytest.mark.parametrize('dtype', [np.uint8, np.int16, np.uint64, np.int32])
def test_labels_of_any_width_are_kept(tmp_path, dtype):
  path = save(tmp_path, x=np.arange(30.0)[:, None], y=Y.astype(dtype))
  for made in (
    data.load('arrays', path=path),
    split.assemble('x', raw(np.arange(30.0)[:, None], Y.astype(dtype))),
  ):
    assert made.train.y.dtype == np.int32
    np.testing.assert_array_equal(made.train.y, made.train.x[:, 0] % 3)


def test_labels_that_are_objects_are_refused():
  with pytest.raises(errors.UserError, match=r'labels must be .*object'):
    split.assemble('x', raw(y=Y.astype(object)))
  with pytest.raises(errors.UserError, match='labels of 3 classes are 0 to 2'):
    split.assemble('x', raw(y=Y + 1))
  made = split.assemble('x', raw(y=Y % 2 == 1, classes=2))
  assert set(made.train.y.tolist()) == {0, 1}


@pytest.mark.parametrize(
  'token', [2**31, 2**32 + 7, 2**63 - 1, -1, np.uint64(2**64 - 1)]
)
def test_tokens_are_checked_as_they_are_used(tmp_path, token):
  x = np.full((30, 4), token)
  path = save(tmp_path, x=x, y=Y)
  with pytest.raises(errors.UserError, match=r'own\.npz: x must be whole'):
    data.load('arrays', path=path)
  with pytest.raises(errors.UserError, match="'x': x must be whole"):
    split.assemble('x', raw(x, kind='tokens'))


def test_the_largest_token_is_kept(tmp_path):
  x = np.full((30, 4), 2**31 - 1, np.uint64)
  loaded = data.load('arrays', path=save(tmp_path, x=x, y=Y))
  assert loaded.train.x.dtype == np.int32
  assert (loaded.train.x == 2**31 - 1).all()


@pytest.mark.parametrize('value', [1e300, -1e300, 3.5e38, np.nan, np.inf])
@pytest.mark.parametrize('shape', [(30, 4), (30, 2, 2, 1)])
def test_floats_are_finite_as_they_are_used(tmp_path, value, shape):
  x = np.zeros(shape)
  x[3, 1] = value
  path = save(tmp_path, x=x, y=Y)
  with pytest.raises(errors.UserError, match=r'own\.npz: x .* not finite'):
    data.load('arrays', path=path)
  kind = 'vector' if len(shape) == 2 else 'image'
  with pytest.raises(errors.UserError, match=r"'x': x .* not finite in fl"):
    split.assemble('x', raw(x, kind=kind))


@pytest.mark.parametrize('size', [3e38, 1e38])
def test_floats_are_finite_once_they_are_standardised(tmp_path, size):
  x = np.random.default_rng(0).choice([-size, size], (30, 4))
  path = save(tmp_path, x=x, y=Y)
  with pytest.raises(errors.UserError, match='cannot be standardised in float'):
    data.load('arrays', path=path)


@pytest.mark.parametrize(('scale', 'offset'), [(1e-300, 0.0), (1.0, 1e10)])
@pytest.mark.parametrize('shape', [(30, 4), (30, 2, 2, 4)])
def test_features_that_float32_cannot_tell_apart_are_refused(
  tmp_path, scale, offset, shape
):
  x = np.random.default_rng(0).normal(size=shape)
  x[..., 1] = x[..., 1] * scale + offset
  path = save(tmp_path, x=x, y=Y)
  with pytest.raises(errors.UserError, match=r'npz: x: feature 1, from .* one'):
    data.load('arrays', path=path)
  x[..., 1] = offset  # a constant loses nothing
  loaded = data.load('arrays', path=save(tmp_path, x=x, y=Y))
  assert (loaded.train.x[..., 1] == offset).all()


def test_whole_numbers_that_float32_cannot_tell_apart_are_refused():
  x = np.arange(30)[:, None] + 2**40
  with pytest.raises(errors.UserError, match=r'feature 0, from 1099511627776 '):
    split.assemble('x', raw(x))


def test_floats_too_small_to_be_standardised_are_refused(tmp_path):
  x = np.random.default_rng(0).choice([-1e-40, 1e-40], (30, 4))
  path = save(tmp_path, x=x.astype(np.float32), y=Y)
  with pytest.raises(errors.UserError, match='scale them to a range about 1'):
    data.load('arrays', path=path)


@pytest.mark.parametrize('size', [1e30, 1e-20, 1e-30])
def test_large_and_small_floats_are_taken(tmp_path, size):
  x = np.random.default_rng(0).choice([-size, size], (30, 4))
  loaded = data.load('arrays', path=save(tmp_path, x=x, y=Y))
  found = np.asarray(loaded.prepare(loaded.train.x))
  np.testing.assert_allclose(found.std(axis=0), 1, rtol=1e-5)


def test_an_outlier_of_the_test_part_is_found_too():
  x = np.random.default_rng(0).normal(0, 1e-3, (30, 4)).astype(np.float32)
  held = x[:9].copy()
  held[0, 0] = 3e38
  with pytest.raises(errors.UserError, match=r'to 3e\+38 cannot be standard'):
    split.assemble('x', raw(x, test=(held, Y[:9])))


@pytest.mark.parametrize(
  'x',
  [
    np.zeros((30, 4), complex),
    np.full((30, 4), None),
    np.full((30, 4), 'a'),
    np.zeros((30, 4), 'datetime64[s]'),
    np.zeros((30, 4), [('a', int)]),
  ],
)
def test_inputs_that_are_no_numbers_are_refused(x):
  for kind in ('vector', 'image', 'tokens'):
    with pytest.raises(errors.UserError, match=r"'x': x must be .*numbers"):
      split.assemble('x', raw(x, kind=kind))


def test_whole_pixels_become_bytes_or_are_refused():
  x = np.arange(120).reshape(30, 2, 2, 1)
  made = split.assemble('x', raw(x, kind='image'))
  assert made.train.x.dtype == np.uint8
  with pytest.raises(errors.UserError, match='pixels of images are 0 to 255'):
    split.assemble('x', raw(x + 200, kind='image'))


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({'classes': 3.0}, r'classes must be a number from 1, got 3\.0'),
    ({'classes': 0}, 'classes must be a number from 1, got 0'),
    ({'kind': 'images'}, "unknown kind of data set 'images'"),
    ({'y': Y[:-1]}, r'labels \(29,\) do not go with inputs \(30, 4\)'),
    ({'test': (X[:9, :3], Y[:9])}, 'they must agree'),
    ({'x': X.astype(int), 'kind': 'tokens', 'test': (X, Y)}, 'whole numbers'),
  ],
)
def test_sets_that_contradict_themselves_are_said(change, message):
  with pytest.raises(errors.UserError, match=message):
    split.assemble('x', raw(**change))


def test_parts_of_other_types_are_said(tmp_path):
  x = np.zeros((30, 4, 4, 3))
  path = save(
    tmp_path, x_train=x.astype(np.uint8), y_train=Y, x_test=x, y_test=Y
  )
  with pytest.raises(errors.UserError, match=r'inputs are uint8.*must agree'):
    data.load('arrays', path=path)


def test_what_fits_is_not_copied():
  given = raw()
  assert numbers.checked('x', raw(y=Y.astype(np.int32))).train.x is X
  ready = dataset.Split(X, Y.astype(np.int32))
  assert numbers._part('x', given, ready) is ready


def test_missing_classes_are_said(tmp_path, caplog):
  path = save(tmp_path, x=X, y=Y + 1)
  loaded = data.load('arrays', path=path)
  assert loaded.classes == 4
  (record,) = caplog.records
  assert record.levelno == logging.WARNING
  assert record.getMessage() == (
    "data set 'arrays': 1 of 4 classes have no example to train on: 0; "
    'data.remap=True numbers those that have one'
  )
  caplog.clear()
  data.load('arrays', path=save(tmp_path, x=X, y=Y * 3 + 3))
  assert '7 of 10 classes' in caplog.text
  assert 'train on: 0, 1, 2, 4, 5 and 2 more' in caplog.text
  caplog.clear()
  data.load('arrays', path=save(tmp_path, x=X, y=Y))
  assert not caplog.records


def test_classes_of_the_test_part_alone_are_said(caplog):
  split.assemble('x', raw(classes=4, test=(X[:9], Y[:9] + 1)))
  assert '1 of 4 classes have no example to train on: 3;' in caplog.text


def test_labels_that_number_something_else_are_refused(tmp_path):
  path = save(tmp_path, x=X, y=Y * 10**9)
  with pytest.raises(errors.UserError, match=r'of 2000000001 cl.*remap=True'):
    data.load('arrays', path=path)
  assert data.load('arrays', path=path, remap=True).classes == 3


def test_remapped_classes_are_recorded(tmp_path, caplog):
  x = np.arange(30.0)[:, None]
  labels = np.array([9, 3, 5])
  path = save(
    tmp_path,
    **{'x_train': x, 'y_train': labels[Y]},
    **{'x_test': x[:4], 'y_test': np.array([7, 3, 9, 5])},
  )
  loaded = data.load('arrays', path=path, remap=True)
  assert loaded.classes == 4
  assert loaded.provenance['remapped'] == [3, 5, 7, 9]
  told = np.array(loaded.provenance['remapped'])
  rows = loaded.train.x[:, 0].astype(int)
  np.testing.assert_array_equal(told[loaded.train.y], labels[Y][rows])
  assert loaded.test.y.tolist() == [2, 0, 3, 1]
  assert '1 of 4 classes have no example to train on: 2;' in caplog.text
  plain = data.load('arrays', path=path)
  assert 'remapped' not in plain.provenance
  # The split is the same one.
  np.testing.assert_array_equal(plain.train.x, loaded.train.x)


def test_names_of_classes_follow(tmp_path):
  made = split.assemble(
    'x', raw(y=Y * 2, classes=6, labels=list('abcdef')), remap=True
  )
  assert made.provenance['labels'] == ['a', 'c', 'e']
  assert set(made.train.y.tolist()) == {0, 1, 2}


def test_labels_of_tokens_are_not_remapped(caplog):
  x = np.arange(120).reshape(30, 4)
  given = raw(x, x + 1, 'tokens', 1000)
  assert split.assemble('x', given).classes == 1000
  assert not caplog.records
  with pytest.raises(errors.UserError, match='labels of tokens'):
    split.assemble('x', given, remap=True)
  with pytest.raises(errors.UserError, match='remap must be True or False'):
    data.load('digits', remap='yes')


@pytest.mark.parametrize('channels', [1, 3])
def test_images_with_channels_first_are_asked_about(tmp_path, channels):
  x = np.random.default_rng(0).integers(0, 256, (30, channels, 8, 7))
  path = save(tmp_path, x_train=x, y_train=Y, x_test=x[:9], y_test=Y[:9])
  with pytest.raises(errors.UserError, match=r'like \(N, channels, .*nchw'):
    data.load('arrays', path=path)
  loaded = data.load('arrays', path=path, layout='nchw')
  assert loaded.input_shape == (8, 7, channels)
  np.testing.assert_array_equal(loaded.test.x, np.moveaxis(x[:9], 1, -1))
  plain = data.load('arrays', path=path, layout='nhwc')
  assert plain.input_shape == (channels, 8, 7)


@pytest.mark.parametrize('shape', [(8, 8, 3), (3, 3, 3), (4, 8, 8), (1, 8, 2)])
def test_other_images_are_taken_as_they_come(tmp_path, shape):
  path = save(tmp_path, x=np.zeros((30, *shape)), y=Y)
  assert data.load('arrays', path=path).input_shape == shape


def test_layouts_are_checked(tmp_path):
  path = save(tmp_path, x=X, y=Y)
  with pytest.raises(errors.UserError, match="unknown layout of arrays 'hwc'"):
    data.load('arrays', path=path, layout='hwc')
  with pytest.raises(errors.UserError, match='layout nchw is for images'):
    data.load('arrays', path=path, layout='nchw')
