"""Tiny files for the sets that need some, and the way to the real ones."""

import gzip
import pathlib
import struct

import numpy as np
import PIL.Image
import pytest


def write_idx(path, array):
  header = bytes((0, 0, 8, array.ndim))
  header += struct.pack(f'>{array.ndim}I', *array.shape)
  data = header + array.astype(np.uint8).tobytes()
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_bytes(gzip.compress(data) if path.suffix == '.gz' else data)


def write_mnist(root, train=40, test=20):
  rng = np.random.default_rng(0)
  for prefix, n in (('train', train), ('t10k', test)):
    images = rng.integers(0, 256, (n, 28, 28))
    write_idx(root / f'{prefix}-images-idx3-ubyte.gz', images)
    write_idx(root / f'{prefix}-labels-idx1-ubyte.gz', np.arange(n) % 10)
  return {'path': str(root), 'verify': False}


def write_cifar10(root, records=10):
  rng = np.random.default_rng(0)
  folder = root / 'cifar-10-batches-bin'
  folder.mkdir(parents=True)
  names = [f'data_batch_{i}.bin' for i in range(1, 6)] + ['test_batch.bin']
  for name in names:
    data = rng.integers(0, 256, (records, 3073)).astype(np.uint8)
    data[:, 0] = np.arange(records) % 10
    (folder / name).write_bytes(data.tobytes())
  return {'path': str(root), 'verify': False}


def write_arrays(root):
  rng = np.random.default_rng(0)
  x = rng.normal(3.0, 2.0, (50, 6))
  np.savez(root / 'own.npz', x=x, y=np.arange(50) % 5)
  return {'path': str(root / 'own.npz')}


def write_folder(root):
  rng = np.random.default_rng(0)
  for name in ('cat', 'dog'):
    (root / name).mkdir(parents=True)
    for i in range(10):
      pixels = rng.integers(0, 256, (8, 8, 3)).astype(np.uint8)
      PIL.Image.fromarray(pixels).save(root / name / f'{i}.png')
  return {'path': str(root), 'size': 8}


def write_text(root):
  rng = np.random.default_rng(0)
  for name in ('ham', 'spam'):
    (root / name).mkdir(parents=True)
    for i in range(10):
      text = rng.integers(97, 123, 20 + i).astype(np.uint8).tobytes()
      (root / name / f'{i}.txt').write_bytes(text)
  return {'path': str(root), 'length': 16}


def write_shakespeare(root):
  """A text of a few hundred characters."""
  (root / 'input.txt').write_bytes(b'All:\nSpeak, speak.\n\n' * 20)
  return {'path': str(root), 'verify': False, 'length': 8}


_WRITERS = {
  'arrays': write_arrays,
  'cifar10': write_cifar10,
  'folder': write_folder,
  'mnist': write_mnist,
  'text': write_text,
  'tiny_shakespeare': write_shakespeare,
}


@pytest.fixture
def tiny(tmp_path, write_images):
  """Returns the options that load a set from files of a few kilobytes.

  A set without a row here is taken to need none, as digits.
  """

  def write_imagenet(root):
    path = write_images(root, {'train': 10, 'val': 4})
    return {'path': path, 'size': 8, 'moments': 'measured'}

  writers = {**_WRITERS, 'imagenet': write_imagenet}

  def options(name):
    writer = writers.get(name)
    return {} if writer is None else writer(tmp_path)

  return options


@pytest.fixture
def shared():
  """The folder of real data beside the repository, where there is one."""
  root = pathlib.Path(__file__).parents[2].parent / 'shared' / 'data'
  if not root.is_dir():
    pytest.skip(f'no real data at {root}')
  return root
