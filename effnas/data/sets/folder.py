"""A user's own images: one folder per class."""

from collections.abc import Sequence

import numpy as np

from effnas import errors
from effnas.data import dataset, depth, image, source, tree


def load(
  path: str | None,
  verify: bool,
  *,
  size: int | Sequence[int] = 32,
  channels: int = 3,
  bits: int | None = None,
) -> dataset.Raw:
  """Loads ROOT/CLASS/IMAGE, or ROOT/train/CLASS/IMAGE and ROOT/test/... .

  Args:
    path: The folder ROOT.
    verify: Not used; there is no official checksum.
    size: Height and width of the images, in pixels, or one number for both.
      An image of other proportions is cut to these around its centre.
    channels: 3 for colour, 1 for grey.
    bits: Of the values of images that have more than 8 and do not say how
      many, as 12 for 12 bits stored in 16; see `effnas.data.depth`.

  Returns:
    uint8 images (N, height, width, channels); labels number the class folders
    in the order of their names.

  Raises:
    UserError: The folder has another layout, or an image cannot be read.
  """
  del verify
  root = source.given('folder', path)
  height, width = _shape(size)
  if channels not in (1, 3):
    raise errors.UserError(f'channels must be 1 or 3, got {channels!r}')
  depth.check(bits)
  found = tree.read(root, image.SUFFIXES)

  def part(examples):
    images = np.empty((len(examples), height, width, channels), np.uint8)
    for i, example in enumerate(examples):
      images[i] = image.fit(example.path, height, width, channels, bits)
    labels = np.array([example.label for example in examples], np.int32)
    return dataset.Split(images, labels)

  return dataset.Raw(
    train=part(found.train),
    test=None if found.test is None else part(found.test),
    classes=len(found.classes),
    kind='image',
    provenance=source.record(
      [tree.fingerprint(found, root)], **found.provenance()
    ),
  )


def _shape(size: int | Sequence[int]) -> tuple[int, int]:
  pair = (size, size) if isinstance(size, int) else size
  if (
    not isinstance(pair, Sequence)
    or len(pair) != 2
    or any(not isinstance(s, int) or isinstance(s, bool) or s < 1 for s in pair)
  ):
    raise errors.UserError(
      f'size must be a number of pixels or [height, width], got {size!r}'
    )
  return pair[0], pair[1]
