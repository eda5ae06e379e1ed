"""ImageNet, or any folder of images too many to hold: decoded while training.

Nothing is downloaded, as ImageNet is given out on request alone. Its training
and validation archives are to be unpacked to ROOT/train/CLASS/IMAGE.JPEG and
ROOT/val/CLASS/IMAGE.JPEG; 'val' is the test part here, and a validation part
is held out from 'train'. Needs the extra 'imagenet' (Grain).

Training sees a random part of each image, or its mirror, new in every epoch
(`augment` stays empty in a config); evaluation sees the centre.

Reference:
  Russakovsky et al., 2015, ImageNet Large Scale Visual Recognition Challenge,
  https://arxiv.org/abs/1409.0575
"""

from collections.abc import Sequence
import dataclasses
import os
import pathlib
from typing import Any

import numpy as np

from effnas import errors
from effnas.data import dataset, depth, image, source, stream, tree

# The means and deviations that published ImageNet networks are trained with.
_MOMENTS = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_DTYPE = np.dtype(np.uint8)


def load(
  path: str | None,
  verify: bool,
  *,
  size: int = 224,
  share: float = 0.875,
  scale: Sequence[float] = (0.08, 1.0),
  resampling: str = 'bicubic',
  moments: str = 'imagenet',
  workers: int = 0,
  bits: int | None = None,
) -> dataset.Raw:
  """Finds ROOT/train/CLASS/IMAGE and ROOT/val/... (or test), or ROOT/CLASS/...

  Args:
    path: The folder ROOT; default: the set's usual place.
    verify: Not used: 150 GB are not read for a checksum. The provenance has
      one over the names and sizes of the files.
    size: Height and width of the images as the network sees them, in pixels.
    share: Of the resized image's shorter side that evaluation sees: 0.875
      resizes it to 256 pixels for 224.
    scale: Smallest and largest share of an image's area that training sees.
    resampling: 'bicubic' or 'bilinear'.
    moments: What inputs are standardised by: 'imagenet', the mean and
      deviation of the published networks, or 'measured' over the training
      part, which is decoded once for it at every start.
    workers: Processes to decode in; 0 decodes in one thread per core, which
      suffices as long as the device waits for none (decoding and resizing run
      outside Python's lock).
    bits: Of the values of images that have more than 8 and do not say how
      many; see `effnas.data.depth`.

  Returns:
    uint8 images (N, size, size, 3) that are decoded when they are read; labels
    number the class folders in the order of their names, ImageNet's usual one.

  Raises:
    UserError: The folder has another layout, or an option is out of range. An
      image that cannot be read is an error when its turn comes.
  """
  del verify
  _check(size, share, scale, workers)
  depth.check(bits)
  for option, value, known in (
    ('resampling', resampling, image.RESAMPLINGS),
    ('moments', moments, ('imagenet', 'measured')),
  ):
    if value not in known:
      raise errors.unknown(option, value, known)
  root = source.folder('imagenet', path)
  if not root.is_dir():
    raise errors.UserError(
      f'nothing lies at {root}; ImageNet is given out on request '
      '(image-net.org): unpack it to train/CLASS and val/CLASS there, or set '
      'path (--config.data.path)'
    )
  held = 'val' if (root / 'val').is_dir() else 'test'
  found = tree.read(root, image.SUFFIXES, held)

  def part(examples: Sequence[tree.Example]) -> stream.Stream:
    names = [os.fsencode(e.path.relative_to(root)) for e in examples]
    files = _Files(
      str(root), np.array(names), size, share, tuple(scale), resampling, bits
    )
    labels = np.array([example.label for example in examples], np.int32)
    return stream.Stream.of(files, labels, workers)

  return dataset.Raw(
    train=part(found.train),
    test=None if found.test is None else part(found.test),
    classes=len(found.classes),
    kind='image',
    provenance=source.record([tree.listing(found, root)], **found.provenance()),
    moments=_MOMENTS if moments == 'imagenet' else None,
  )


@dataclasses.dataclass(frozen=True, eq=False)
class _Files:
  """Image files as a `stream.Source`; a million names in one array."""

  root: str
  names: np.ndarray
  size: int
  share: float
  scale: tuple[float, ...]
  resampling: str
  bits: int | None
  dtype: np.dtype = _DTYPE

  @property
  def shape(self) -> tuple[int, ...]:
    return self.size, self.size, 3

  def __len__(self) -> int:
    return len(self.names)

  def take(self, index: Any) -> stream.Source:
    return dataclasses.replace(self, names=self.names[index])

  def plain(self, row: int) -> np.ndarray:
    path = self._path(row)
    return image.centre(path, self.size, self.share, self.resampling, self.bits)

  def changed(self, row: int, rng: np.random.Generator) -> np.ndarray:
    path = self._path(row)
    return image.cut(
      path, self.size, self.scale, self.resampling, rng, self.bits
    )

  def listed(self) -> bytes:
    return b'\0'.join(self.names.tolist())

  def stored(self, row: int) -> bytes:
    try:
      return pathlib.Path(self._path(row)).read_bytes()
    except OSError as e:
      raise errors.UserError(
        f'cannot read {self._path(row)}: {e.strerror or e}'
      ) from None

  def _path(self, row: int) -> str:
    return os.path.join(self.root, os.fsdecode(self.names[row]))


def _check(size: Any, share: Any, scale: Any, workers: Any) -> None:
  def whole(value: Any, least: int) -> bool:
    number = isinstance(value, int) and not isinstance(value, bool)
    return number and value >= least

  def shares(values: Any) -> bool:
    return all(isinstance(s, int | float) and 0 < s <= 1 for s in values)

  pair = isinstance(scale, list | tuple) and len(scale) == 2 and shares(scale)
  for option, value, holds, rule in (
    ('size', size, whole(size, 1), 'a number of pixels'),
    ('share', share, shares([share]), 'above 0 and at most 1'),
    (
      'scale',
      scale,
      pair and scale[0] <= scale[1],
      'two rising shares above 0 and at most 1, as (0.08, 1.0)',
    ),
    ('workers', workers, whole(workers, 0), 'a number of processes from 0'),
  ):
    if not holds:
      raise errors.UserError(f'{option} must be {rule}; got {value!r}')
