"""A user's own text, as bytes: to classify, or to predict the next byte."""

import pathlib

import numpy as np

from effnas import errors
from effnas.data import dataset, source, tree

_BYTES = 256


def load(path: str | None, verify: bool, *, length: int = 128) -> dataset.Raw:
  """Loads ROOT/CLASS/FILE.txt to classify, or one file to continue.

  Args:
    path: A folder with one subfolder of .txt files per class (with or without
      train and test above), or one file.
    verify: Not used; there is no official checksum.
    length: Tokens of an input. To classify, a file is cut to its first
      `length` bytes or filled up with zeros; one file is cut into windows that
      do not overlap, and a rest that fills none is left out.

  Returns:
    int32 byte tokens x (N, length), with labels y (N,) of the files' classes,
    or the next bytes y (N, length) of one file, whose parts are runs of
    the text: training first, then validation, then test.

  Raises:
    UserError: The folder has another layout, or the text is too short.
  """
  del verify
  root = source.given('text', path)
  if not isinstance(length, int) or isinstance(length, bool) or length < 1:
    raise errors.UserError(f'length must be a number of bytes, got {length!r}')
  return _classify(root, length) if root.is_dir() else _predict(root, length)


def _classify(root: pathlib.Path, length: int) -> dataset.Raw:
  found = tree.read(root, ('.txt',))

  def part(examples):
    x = np.zeros((len(examples), length), np.int32)
    for row, example in zip(x, examples, strict=True):
      data = np.frombuffer(_bytes(example.path, length), np.uint8)
      row[: len(data)] = data
    labels = np.array([example.label for example in examples], np.int32)
    return dataset.Split(x, labels)

  return dataset.Raw(
    train=part(found.train),
    test=None if found.test is None else part(found.test),
    classes=len(found.classes),
    kind='tokens',
    provenance=source.record(
      [tree.fingerprint(found, root)], **found.provenance()
    ),
  )


def _bytes(path: pathlib.Path, length: int | None = None) -> bytes:
  try:
    with path.open('rb') as stream:
      return stream.read(length)
  except OSError as error:
    raise errors.UserError(
      f'{path} cannot be read: {error.strerror}'
    ) from error


def _predict(file: pathlib.Path, length: int) -> dataset.Raw:
  data = np.frombuffer(_bytes(file), np.uint8).astype(np.int32)
  windows = (len(data) - 1) // length
  if windows < 3:
    raise errors.UserError(
      f'{file} has {len(data)} bytes; three parts of windows of {length} '
      f'take {3 * length + 1} or more'
    )
  size = windows * length
  split = dataset.Split(
    data[:size].reshape(windows, length),
    data[1 : size + 1].reshape(windows, length),
  )
  return dataset.Raw(
    train=split,
    test=None,
    classes=_BYTES,
    kind='tokens',
    provenance=source.record(
      [{'file': file.name, 'sha256': source.digest_of(file)}]
    ),
    sequential=True,
  )
