"""CIFAR-10: 50,000 + 10,000 colour images of 32 x 32, the binary version.

Read from the official archive, of which nothing is unpacked to the disk, or
from a folder in its layout.

Reference:
  Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

import hashlib
import pathlib
import tarfile
import zlib

import numpy as np

from effnas import errors
from effnas.data import dataset, source

_FOLDER = 'cifar-10-batches-bin'
_ARCHIVE = source.Official(
  'cifar-10-binary.tar.gz',
  'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
  'c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd',
)
_SHA256 = {
  'data_batch_1.bin': (
    'cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5'
  ),
  'data_batch_2.bin': (
    'a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed'
  ),
  'data_batch_3.bin': (
    'bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67'
  ),
  'data_batch_4.bin': (
    '014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48'
  ),
  'data_batch_5.bin': (
    '755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add'
  ),
  'test_batch.bin': (
    '8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b'
  ),
}
_LABELS = (
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
)
_RECORD = 1 + 3 * 32 * 32


def load(path: str | None, verify: bool) -> dataset.Raw:
  """Loads CIFAR-10 as uint8 images (N, 32, 32, 3).

  Args:
    path: The archive, the folder cifar-10-batches-bin, or a folder that holds
      one of them.
    verify: Whether a checksum that differs from the official one stops.

  Returns:
    The training and the official test part.

  Raises:
    UserError: Files are missing and cannot be downloaded, are damaged, or
      differ from the official ones.
  """
  root = source.folder('cifar10', path)
  batches = next(
    (p for p in (root, root / _FOLDER) if (p / 'test_batch.bin').is_file()),
    None,
  )
  if batches is not None:
    parts, files = _from_folder(batches, verify)
  else:
    archive = root if root.is_file() else root / _ARCHIVE.name
    parts, files = _from_archive(archive, verify)
  return dataset.Raw(
    train=dataset.Split(
      np.concatenate([part.x for part in parts[:-1]]),
      np.concatenate([part.y for part in parts[:-1]]),
    ),
    test=parts[-1],
    classes=len(_LABELS),
    kind='image',
    provenance=source.record(files, url=_ARCHIVE.url, labels=list(_LABELS)),
  )


def _from_folder(folder: pathlib.Path, verify: bool):
  parts, files = [], []
  for name, official in _SHA256.items():
    path = folder / name
    if not path.is_file():
      raise errors.UserError(f'{path} is missing; unpack {_ARCHIVE.url} there')
    data = path.read_bytes()
    parts.append(_parse(path, data))
    digest = hashlib.sha256(data).hexdigest()
    files.append(source.check(path, digest, official, verify))
  return parts, files


def _from_archive(archive: pathlib.Path, verify: bool):
  source.obtain(_ARCHIVE, archive, verify)
  digest = source.digest_of(archive)
  files = [source.check(archive, digest, _ARCHIVE.sha256, verify)]
  parts = []
  try:
    with tarfile.open(archive, 'r:gz') as packed:
      for member in (f'{_FOLDER}/{name}' for name in _SHA256):
        stream = packed.extractfile(member)
        if stream is None:
          raise KeyError(f'{member} is no file')
        parts.append(_parse(archive / member, stream.read()))
  except (OSError, EOFError, KeyError, tarfile.TarError, zlib.error) as error:
    raise errors.UserError(
      f'{archive} is damaged: {error.args[0] if error.args else error}'
    ) from error
  return parts, files


def _parse(path: pathlib.Path, data: bytes) -> dataset.Split:
  """Returns records of a label and three colour planes as NHWC images."""
  if not data or len(data) % _RECORD:
    raise errors.UserError(
      f'{path} is damaged: {len(data)} bytes are no whole number of records '
      f'of {_RECORD}'
    )
  records = np.frombuffer(data, np.uint8).reshape(-1, _RECORD)
  labels = records[:, 0].astype(np.int32)
  if labels.max() >= len(_LABELS):
    raise errors.UserError(
      f'{path} is damaged: labels are 0 to 9, found {labels.max()}'
    )
  planes = records[:, 1:].reshape(-1, 3, 32, 32)
  images = np.ascontiguousarray(planes.transpose(0, 2, 3, 1))
  return dataset.Split(images, labels)
