"""MNIST: 60,000 + 10,000 handwritten digits of 28 x 28, from four idx files.

Reference:
  LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to
  document recognition", Proceedings of the IEEE 86 (11), 1998.
"""

import gzip
import hashlib
import pathlib
import struct
import zlib

import numpy as np

from effnas import errors
from effnas.data import dataset, source

# The authors' own page no longer serves the files; this copy by the Common
# Visual Data Foundation is what the frameworks' loaders use.
_URL = 'https://storage.googleapis.com/cvdf-datasets/mnist/'

# Checksums of the files as served, and of what they unpack to: a copy that was
# unpacked or packed anew is as good.
_SERVED = {
  'train-images-idx3-ubyte': (
    '440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609'
  ),
  'train-labels-idx1-ubyte': (
    '3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c'
  ),
  't10k-images-idx3-ubyte': (
    '8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6'
  ),
  't10k-labels-idx1-ubyte': (
    'f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6'
  ),
}
_UNPACKED = {
  'train-images-idx3-ubyte': (
    'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db'
  ),
  'train-labels-idx1-ubyte': (
    '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5'
  ),
  't10k-images-idx3-ubyte': (
    '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7'
  ),
  't10k-labels-idx1-ubyte': (
    'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2'
  ),
}
_CLASSES = 10


def load(path: str | None, verify: bool) -> dataset.Raw:
  """Loads MNIST as uint8 images (N, 28, 28, 1).

  Args:
    path: Folder of the idx files, packed (.gz) or not.
    verify: Whether a checksum that differs from the official one stops.

  Returns:
    The training and the official test part.

  Raises:
    UserError: A file is missing and cannot be downloaded, is damaged, or
      differs from the official one.
  """
  root = source.folder('mnist', path)
  files: list[dict] = []
  train = _part(root, 'train', verify, files)
  test = _part(root, 't10k', verify, files)
  return dataset.Raw(
    train=train,
    test=test,
    classes=_CLASSES,
    kind='image',
    provenance=source.record(files, url=_URL),
  )


def _part(
  root: pathlib.Path, prefix: str, verify: bool, files: list[dict]
) -> dataset.Split:
  images = _read(root, f'{prefix}-images-idx3-ubyte', verify, files)
  labels = _read(root, f'{prefix}-labels-idx1-ubyte', verify, files)
  if len(images) != len(labels):
    raise errors.UserError(
      f'{root}: {prefix} has {len(images)} images and {len(labels)} labels'
    )
  if labels.max() >= _CLASSES:
    raise errors.UserError(
      f'{root / prefix}-labels-idx1-ubyte: labels are 0 to 9, '
      f'found {labels.max()}'
    )
  return dataset.Split(images[..., None], labels.astype(np.int32))


def _read(
  root: pathlib.Path, name: str, verify: bool, files: list[dict]
) -> np.ndarray:
  path = root / name
  if not path.is_file():
    served = source.Official(f'{name}.gz', f'{_URL}{name}.gz', _SERVED[name])
    path = source.obtain(served, root / served.name, verify)
  try:
    data = path.read_bytes()
    if path.suffix == '.gz':
      data = gzip.decompress(data)
  except (OSError, EOFError, zlib.error) as error:
    raise errors.UserError(f'{path} is damaged: {error}') from error
  array = _parse(path, data)
  digest = hashlib.sha256(data).hexdigest()
  files.append(source.check(path, digest, _UNPACKED[name], verify))
  return array


def _parse(path: pathlib.Path, data: bytes) -> np.ndarray:
  """Returns the uint8 array of an idx file, 3 axes of images or 1 of labels."""
  axes = 3 if 'images' in path.name else 1
  magic = bytes((0, 0, 8, axes))
  if data[:4] != magic:
    raise errors.UserError(
      f'{path} is no idx file: it must begin with {magic.hex()}, '
      f'not {data[:4].hex() or "nothing"}'
    )
  start = 4 + 4 * axes
  if len(data) < start:
    raise errors.UserError(f'{path} is damaged: its header is cut off')
  shape = struct.unpack(f'>{axes}I', data[4:start])
  size = int(np.prod(shape, dtype=object))
  if len(data) - start != size or not size:
    raise errors.UserError(
      f'{path} is damaged: {len(data) - start} bytes follow the header '
      f'that announces {size}'
    )
  return np.frombuffer(data, np.uint8, offset=start).reshape(shape)
