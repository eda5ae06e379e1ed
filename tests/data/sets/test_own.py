"""arrays, folder and text: a user's own files."""

import numpy as np
import PIL.Image
import pytest

from effnas import data, errors


def save(tmp_path, **arrays):
  np.savez(tmp_path / 'own.npz', **arrays)
  return str(tmp_path / 'own.npz')


Y = np.arange(30) % 3


@pytest.mark.parametrize(
  ('x', 'kind', 'shape', 'dtype'),
  [
    (np.zeros((30, 4, 5, 3), np.uint8), 'image', (4, 5, 3), np.uint8),
    (np.zeros((30, 4, 5), np.uint8), 'image', (4, 5, 1), np.uint8),
    (np.full((30, 4, 5, 1), 255), 'image', (4, 5, 1), np.uint8),
    (np.zeros((30, 4, 5, 1)), 'image', (4, 5, 1), np.float32),
    (np.zeros((30, 7)), 'vector', (7,), np.float32),
    (np.zeros((30, 7), np.uint8), 'vector', (7,), np.float32),
    (np.zeros((30, 7), np.int64), 'tokens', (7,), np.int32),
  ],
)
def test_kind_of_arrays_follows_from_x(tmp_path, x, kind, shape, dtype):
  loaded = data.load('arrays', path=save(tmp_path, x=x, y=Y))
  assert (loaded.kind, loaded.input_shape) == (kind, shape)
  assert loaded.train.x.dtype == dtype
  assert loaded.classes == 3
  assert loaded.provenance['verified'] is None


def test_kind_of_arrays_may_be_said(tmp_path):
  path = save(tmp_path, x=np.zeros((30, 7), np.int64), y=Y)
  assert data.load('arrays', path=path, kind='vector').kind == 'vector'
  with pytest.raises(
    errors.UserError, match=r"kind must be 'image' or .*'bytes'"
  ):
    data.load('arrays', path=path, kind='bytes')
  with pytest.raises(errors.UserError, match='no set of image inputs'):
    data.load('arrays', path=path, kind='image')


def test_arrays_keep_their_test_part_and_labels_per_token(tmp_path):
  x = np.arange(120).reshape(30, 4)
  path = save(
    tmp_path, x_train=x, y_train=x + 1, x_test=x[:7], y_test=x[:7] + 2
  )
  loaded = data.load('arrays', path=path)
  np.testing.assert_array_equal(loaded.test.x, x[:7])
  np.testing.assert_array_equal(loaded.train.y, loaded.train.x + 1)
  assert loaded.classes == 121
  assert loaded.provenance['test'] == 'official'


def test_arrays_without_test_part_and_columns_of_labels(tmp_path):
  x = np.zeros((30, 4))
  path = save(tmp_path, x_train=x, y_train=Y[:, None])
  assert data.load('arrays', path=path).train.y.ndim == 1


@pytest.mark.parametrize(
  ('arrays', 'message'),
  [
    ({'x': np.zeros((30, 7))}, 'must hold x and y'),
    ({'x': np.zeros((30, 7)), 'y': Y[:-1]}, 'one label per input'),
    ({'x': np.zeros((30, 7)), 'y': Y - 1}, 'whole numbers from 0.*-1'),
    ({'x': np.zeros((30, 7)), 'y': Y.astype(float)}, 'whole numbers.*float'),
    ({'x': np.zeros((30, 7)), 'y': Y.astype(str)}, 'whole numbers'),
    ({'x': np.zeros(30), 'y': Y}, r'got shape \(30,\)'),
    ({'x': np.full((30, 7), np.nan), 'y': Y}, 'not finite'),
    ({'x': np.full((30, 2, 2, 1), 256), 'y': Y}, 'pixels'),
    ({'x': np.full((30, 7), '?'), 'y': Y}, 'no set of vector inputs'),
    ({'x': np.full((30, 7), None), 'y': Y}, 'plain arrays'),
    (
      {
        'x_train': np.zeros((30, 7)),
        'y_train': Y,
        'x_test': np.zeros((30, 6)),
        'y_test': Y,
      },
      'must agree',
    ),
  ],
)
def test_arrays_that_do_not_fit_are_said(tmp_path, arrays, message):
  with pytest.raises(errors.UserError, match=message) as caught:
    data.load('arrays', path=save(tmp_path, **arrays))
  assert 'own.npz' in str(caught.value)


def test_files_that_are_no_npz_are_said(tmp_path):
  save(tmp_path, x=np.zeros((30, 7)), y=Y)
  path = tmp_path / 'own.npz'
  path.write_bytes(path.read_bytes()[:-30])
  with pytest.raises(errors.UserError, match=r'own\.npz is no readable'):
    data.load('arrays', path=str(path))
  path.write_bytes(b'')
  with pytest.raises(errors.UserError, match=r'own\.npz is no readable'):
    data.load('arrays', path=str(path))
  np.save(tmp_path / 'own.npy', np.zeros(3))
  with pytest.raises(errors.UserError, match=r'own\.npy is no readable'):
    data.load('arrays', path=str(tmp_path / 'own.npy'))


def paint(path, pixels):
  path.parent.mkdir(parents=True, exist_ok=True)
  PIL.Image.fromarray(np.asarray(pixels, np.uint8)).save(path)


def test_images_of_the_right_size_are_unchanged(tmp_path):
  rng = np.random.default_rng(0)
  pixels = rng.integers(0, 256, (2, 6, 8, 3))
  for part in ('train', 'test'):
    for i in range(4):
      paint(tmp_path / part / 'a' / f'{i}.png', pixels[0])
      paint(tmp_path / part / 'b' / f'{i}.png', pixels[1])
  loaded = data.load('folder', path=str(tmp_path), size=[6, 8])
  assert loaded.input_shape == (6, 8, 3)
  np.testing.assert_array_equal(loaded.test.y, [0] * 4 + [1] * 4)
  np.testing.assert_array_equal(loaded.test.x, pixels[loaded.test.y])
  assert loaded.provenance['labels'] == ['a', 'b']


def test_images_are_scaled_cut_and_made_grey(tmp_path):
  # 10 x 20, black at the sides: the square within (and what scaling looks at
  # beside it) is white.
  pixels = np.zeros((10, 20, 3))
  pixels[:, 3:17] = 255
  for name in ('a', 'b'):
    for i in range(3):
      paint(tmp_path / name / f'{i}.png', pixels)
  loaded = data.load('folder', path=str(tmp_path), size=5, channels=1)
  assert loaded.input_shape == (5, 5, 1)
  assert (loaded.train.x == 255).all()


def test_no_image_of_a_folder_is_lost(tmp_path):
  for name in ('a', 'b'):
    for i, ending in enumerate(('png', 'tiff', 'jfif', 'pgm', 'pnm', 'bmp')):
      paint(tmp_path / name / f'{i}.{ending}', np.full((4, 4), 9))
      paint(tmp_path / name / 'within' / f'{i}.{ending}', np.full((4, 4), 9))
    paint(tmp_path / name / 'x.png', np.full((4, 4), 9))
    (tmp_path / name / '._x.png').write_bytes(b'\0\5\x16\7')
  loaded = data.load('folder', path=str(tmp_path), size=4)
  counts = loaded.provenance['counts']
  assert sum(counts.values()) == loaded.provenance['read'] == 26
  assert loaded.provenance['passed_over'] == {'hidden': 2}
  assert (loaded.train.x == 9).all()


def test_unreadable_image_is_named(tiny, tmp_path):
  options = tiny('folder')
  (tmp_path / 'cat' / '3.png').write_bytes(b'no image')
  with pytest.raises(errors.UserError, match=r'3\.png is no readable image'):
    data.load('folder', **options)
  whole = (tmp_path / 'cat' / '4.png').read_bytes()
  (tmp_path / 'cat' / '3.png').write_bytes(whole[: len(whole) // 2])
  with pytest.raises(errors.UserError, match=r'3\.png is no readable image'):
    data.load('folder', **options)


@pytest.mark.parametrize(
  'options', [{'size': 0}, {'size': [8, 8, 8]}, {'size': 'big'}, {'size': 8.5}]
)
def test_impossible_image_sizes_are_said(tiny, options):
  with pytest.raises(errors.UserError, match='size must be'):
    data.load('folder', **tiny('folder') | options)


def test_impossible_channels_are_said(tiny):
  with pytest.raises(errors.UserError, match='channels must be 1 or 3'):
    data.load('folder', channels=4, **tiny('folder'))


def test_texts_are_cut_or_filled_up(tmp_path):
  for name, text in (('a', 'short'), ('b', 'longer than that')):
    (tmp_path / name).mkdir()
    for i in range(3):
      (tmp_path / name / f'{i}.txt').write_text(text)
  loaded = data.load('text', path=str(tmp_path), length=8, valid=2, test=2)
  assert loaded.classes == 2
  rows = dict(zip(loaded.train.y.tolist(), loaded.train.x, strict=True))
  assert bytes(rows[0].tolist()) == b'short\0\0\0'
  assert bytes(rows[1].tolist()) == b'longer t'


def test_one_text_is_continued(tmp_path):
  text = bytes(range(1, 251)) * 3
  (tmp_path / 'one.txt').write_bytes(text)
  path = str(tmp_path / 'one.txt')
  loaded = data.load('text', path=path, length=10)
  assert loaded.classes == 256
  parts = (loaded.train, loaded.valid, loaded.test)
  tokens = np.concatenate([p.x.ravel() for p in parts])
  following = np.concatenate([p.y.ravel() for p in parts])
  # In order, nothing twice: the parts are runs of the text.
  assert bytes(tokens.tolist()) == text[:740]
  assert bytes(following.tolist()) == text[1:741]
  assert [len(p) for p in parts] == [44, 15, 15]


def test_too_short_text_is_said(tmp_path):
  (tmp_path / 'one.txt').write_text('x' * 30)
  path = str(tmp_path / 'one.txt')
  with pytest.raises(errors.UserError, match=r'30 bytes.*31 or more'):
    data.load('text', path=path, length=10)
  for length in (0, True, 2.0):
    with pytest.raises(errors.UserError, match='length must be'):
      data.load('text', path=path, length=length)


def test_shakespeare(shared):
  path = str(shared / 'tinyshakespeare.txt')
  loaded = data.load('text', path=path, length=64)
  text = bytes(loaded.train.x[0].tolist())
  assert text.startswith(b'First Citizen:\nBefore we proceed')
