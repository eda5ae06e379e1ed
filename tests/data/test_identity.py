import os
import shutil

import numpy as np
import pytest

from effnas import data
from effnas.data import identity


def write(path, labels, compressed=False):
  rng = np.random.default_rng(0)
  x = rng.integers(0, 256, (40, 4, 4, 1)).astype(np.uint8)
  (np.savez_compressed if compressed else np.savez)(path, x=x, y=labels)
  return path


def digests(path, **options):
  return identity.digests(data.load('arrays', path=str(path), **options))


def test_labels_are_part_of_it_and_packing_is_not(tmp_path):
  labels = np.arange(40) % 4
  first = digests(write(tmp_path / 'a.npz', labels))
  assert list(first) == ['train', 'valid', 'test']
  assert len(set(first.values())) == 3
  assert digests(write(tmp_path / 'b.npz', labels, compressed=True)) == first
  # The same split, as it is drawn by class: only labels differ.
  swapped = digests(write(tmp_path / 'c.npz', (labels + 2) % 4))
  assert all(swapped[part] != first[part] for part in first)


@pytest.mark.parametrize(
  ('option', 'parts'),
  [
    ({'seed': 1}, {'train', 'valid', 'test'}),
    ({'limit': 9}, {'train'}),
    ({'labels': 9}, {'train'}),
    ({'valid': 4}, {'train', 'valid'}),
  ],
)
def test_each_part_has_its_own(tmp_path, option, parts):
  path = write(tmp_path / 'a.npz', np.arange(40) % 4)
  first, other = digests(path), digests(path, **option)
  assert {part for part in first if first[part] != other[part]} == parts


def test_shape_and_type_are_part_of_it():
  def digest(x):
    part = data.Split(x, np.zeros(len(x), np.int32))
    whole = data.load('digits')
    return identity.digests(
      type(whole)(**{**vars(whole), 'train': part, 'valid': part, 'test': part})
    )['train']

  x = np.arange(16, dtype=np.float32).reshape(4, 4)
  seen = {digest(x), digest(x.reshape(4, 2, 2)), digest(x.view(np.int32))}
  assert len(seen) == 3


@pytest.fixture
def root(tmp_path, write_images):
  return write_images(tmp_path / 'images', {'train': 10, 'val': 4})


def streamed(root):
  return identity.digests(data.load('imagenet', path=root, size=8))


def test_a_streamed_folder_is_told_by_names_sizes_and_some_content(
  root, tmp_path
):
  first = streamed(root)
  assert len(set(first.values())) == 3
  copy = tmp_path / 'copy' / 'images'
  shutil.copytree(root, copy)
  for file in copy.rglob('*.*'):
    os.utime(file, (1e9, 1e9))
  assert streamed(copy) == first
  # Two images of other classes in each other's place.
  one, other = (
    sorted(folder.iterdir())[0]
    for folder in sorted((copy / 'val').iterdir())[:2]
  )
  pictures = one.read_bytes(), other.read_bytes()
  one.write_bytes(pictures[1])
  other.write_bytes(pictures[0])
  assert streamed(copy)['test'] != first['test']
  one.write_bytes(pictures[0])
  other.write_bytes(pictures[1])
  assert streamed(copy) == first
  one.rename(one.with_stem('another'))
  assert streamed(copy)['test'] != first['test']
