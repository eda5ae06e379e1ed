"""ImageNet's layout, on generated images."""

import numpy as np
import pytest

from effnas import data, errors
from effnas.train import feed

SIZE = 16


@pytest.fixture
def root(tmp_path, write_images):
  return write_images(tmp_path, {'train': 10, 'val': 4})


def load(path, **options):
  return data.load('imagenet', path=path, size=SIZE, **options)


def colours(x):
  """The brightest channel of each image, which is its class."""
  return np.asarray(x).mean(axis=(1, 2)).argmax(axis=1)


def epoch(loaded, epoch=1, batch_size=4):
  bytes_ = 3 * 2 * batch_size * SIZE * SIZE * 3  # pieces of two batches
  made = feed.Feed(loaded.train, batch_size, bytes_)
  pieces = [(np.asarray(x), np.asarray(y)) for x, y in made(0, epoch)]
  assert [len(x) for x, _ in pieces] == made.sizes
  return [np.concatenate(arrays) for arrays in zip(*pieces, strict=True)]


def test_val_is_the_test_part(root):
  loaded = load(root, valid=6)
  parts = loaded.train, loaded.valid, loaded.test
  assert [len(part) for part in parts] == [24, 6, 12]
  assert loaded.input_shape == (SIZE, SIZE, 3)
  assert loaded.provenance['test'] == 'official'
  assert loaded.mean == (0.485, 0.456, 0.406)
  for part in parts:
    np.testing.assert_array_equal(colours(part.x), part.y)


def test_an_epoch_sees_each_image_once_with_its_label(root):
  loaded = load(root, valid=6)
  x, y = epoch(loaded)
  assert x.shape == (24, SIZE, SIZE, 3)
  np.testing.assert_array_equal(colours(x), y)
  assert np.bincount(y).tolist() == np.bincount(loaded.train.y).tolist()
  assert len(np.unique(x.reshape(24, -1), axis=0)) == 24


def test_seed_and_epoch_fix_the_bits(root):
  one, again = epoch(load(root)), epoch(load(root))
  np.testing.assert_array_equal(one[0], again[0])
  np.testing.assert_array_equal(one[1], again[1])
  other, _ = epoch(load(root), 2)
  seen = {image.tobytes() for image in one[0]}
  assert not any(image.tobytes() in seen for image in other)


def test_provenance_counts_files_and_reads_none(root, tmp_path):
  (tmp_path / 'train/ant/000.JPEG').write_bytes(b'?')
  [record] = load(root).provenance['files']
  files = list(tmp_path.rglob('*.JPEG'))
  assert record['count'] == len(files) == 42
  assert record['bytes'] == sum(file.stat().st_size for file in files)
  (tmp_path / 'train/ant/000.JPEG').rename(tmp_path / 'train/ant/999.JPEG')
  [renamed] = load(root).provenance['files']
  assert renamed['sha256'] != record['sha256']


def test_a_broken_image_is_one_line(root, tmp_path):
  for file in (tmp_path / 'train/bee').iterdir():
    file.write_bytes(b'?')
  loaded = load(root)
  for read in (epoch, lambda loaded: loaded.train.x[:]):
    with pytest.raises(
      errors.UserError, match=r'^[^\n]* is no readable image:'
    ):
      read(loaded)


def test_moments_may_be_measured(root):
  loaded = load(root, moments='measured')
  x = np.asarray(loaded.train.x) / 255
  np.testing.assert_allclose(loaded.mean, x.mean(axis=(0, 1, 2)))
  np.testing.assert_allclose(loaded.std, x.std(axis=(0, 1, 2)))


def test_it_is_looked_for_at_the_usual_place(
  tmp_path, write_images, monkeypatch
):
  monkeypatch.setenv('EFFNAS_DATA', str(tmp_path))
  with pytest.raises(errors.UserError, match=r'image-net\.org.*data\.path'):
    load(None)
  write_images(tmp_path / 'imagenet', {'train': 10, 'test': 4})
  assert len(load(None).test) == 12


def test_the_flat_val_of_the_archive_is_refused(root, tmp_path):
  for file in tmp_path.glob('val/*/*'):
    file.rename(tmp_path / 'val' / f'{file.parent.name}{file.name}')
  for folder in tmp_path.glob('val/*/'):
    folder.rmdir()
  with pytest.raises(errors.UserError, match='val must hold one folder per'):
    load(root)


@pytest.mark.parametrize(
  ('option', 'value', 'message'),
  [
    ('size', 0, 'size must be a number of pixels'),
    ('share', 1.2, 'share must be above 0'),
    ('scale', (0.5, 0.1), 'scale must be two rising shares'),
    ('scale', 0.5, 'scale must be a list, got 0.5'),
    ('resampling', 'cubic', "did you mean 'bicubic'"),
    ('moments', 'mean', "unknown moments 'mean'"),
    ('workers', -1, 'workers must be a number of processes'),
  ],
)
def test_options_are_checked(root, option, value, message):
  with pytest.raises(errors.UserError, match=message):
    data.load('imagenet', path=root, **{option: value})
