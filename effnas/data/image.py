"""Images from files: read, cut and resized. The one file that imports Pillow.

Reference:
  Szegedy et al., 2015, Going Deeper with Convolutions (the random crop),
  https://arxiv.org/abs/1409.4842
"""

from collections.abc import Sequence
import math
import os

import numpy as np
import PIL.Image
import PIL.ImageOps

from effnas import errors

SUFFIXES = ('.bmp', '.gif', '.jpeg', '.jpg', '.png', '.ppm', '.tif', '.webp')
RESAMPLINGS = ('bilinear', 'bicubic')
_MODES = {1: 'L', 3: 'RGB'}
# A crop's width over its height: between one and the other.
_RATIOS = (3 / 4, 4 / 3)
_TRIES = 10


def fit(
  path: str | os.PathLike, height: int, width: int, channels: int = 3
) -> np.ndarray:
  """Reads an image as large as asked, other proportions cut to the centre.

  Args:
    path: The file.
    height: In pixels.
    width: In pixels.
    channels: 3 for colour, 1 for grey.

  Returns:
    uint8 (height, width, channels).

  Raises:
    UserError: The file is no readable image.
  """
  pixels = _read(path, channels)
  if pixels.size != (width, height):
    pixels = PIL.ImageOps.fit(
      pixels, (width, height), PIL.Image.Resampling.BILINEAR
    )
  return np.asarray(pixels).reshape(height, width, channels)


def centre(
  path: str | os.PathLike, size: int, share: float, resampling: str
) -> np.ndarray:
  """Reads an image as it is evaluated: resized, then cut to its centre.

  Args:
    path: The file.
    size: Height and width of the result.
    share: The shorter side is resized to size / share before the cut.
    resampling: One of RESAMPLINGS.

  Returns:
    uint8 (size, size, 3).

  Raises:
    UserError: The file is no readable image.
  """
  image = _read(path, 3)
  shorter, target = min(image.size), int(size / share)
  width, height = (side * target // shorter for side in image.size)
  image = image.resize((width, height), _filter(resampling))
  left, top = round((width - size) / 2), round((height - size) / 2)
  return np.asarray(image.crop((left, top, left + size, top + size)))


def cut(
  path: str | os.PathLike,
  size: int,
  scale: Sequence[float],
  resampling: str,
  rng: np.random.Generator,
) -> np.ndarray:
  """Reads an image as it is trained on: a random part of it, or its mirror.

  Args:
    path: The file.
    size: Height and width of the result.
    scale: Smallest and largest share of the area that a part has.
    resampling: One of RESAMPLINGS.
    rng: The randomness.

  Returns:
    uint8 (size, size, 3).

  Raises:
    UserError: The file is no readable image.
  """
  image = _read(path, 3)
  part = image.crop(box(*image.size, scale, rng))
  pixels = np.asarray(part.resize((size, size), _filter(resampling)))
  return pixels[:, ::-1] if rng.random() < 0.5 else pixels


def box(
  width: int, height: int, scale: Sequence[float], rng: np.random.Generator
) -> tuple[int, int, int, int]:
  """Draws a part of an image by its area, proportions and place.

  Args:
    width: Of the image.
    height: Of the image.
    scale: Smallest and largest share of the area.
    rng: The randomness.

  Returns:
    left, top, right, bottom. Where ten draws do not fit, the largest centred
    part of the nearest permitted proportions.

  Example:
    >>> box(100, 80, (1.0, 1.0), np.random.default_rng(0))
    (0, 0, 100, 80)
  """
  low, high = _RATIOS
  least, most = scale
  for _ in range(_TRIES):
    area = width * height * rng.uniform(least, most)
    ratio = math.exp(rng.uniform(math.log(low), math.log(high)))
    w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
    if 0 < w <= width and 0 < h <= height:
      left = int(rng.integers(width - w + 1))
      top = int(rng.integers(height - h + 1))
      return left, top, left + w, top + h
  w = max(min(width, round(height * high)), 1)
  h = max(min(height, round(width / low)), 1)
  left, top = (width - w) // 2, (height - h) // 2
  return left, top, left + w, top + h


def _filter(resampling: str) -> PIL.Image.Resampling:
  return PIL.Image.Resampling[resampling.upper()]


def _read(path: str | os.PathLike, channels: int) -> PIL.Image.Image:
  try:
    with PIL.Image.open(path) as image:
      return image.convert(_MODES[channels])
  except (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    PIL.Image.DecompressionBombError,
  ) as error:
    raise errors.UserError(f'{path} is no readable image: {error}') from error
