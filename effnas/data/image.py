"""Images from files: read, cut and resized. The one file that imports Pillow.

All are read by the same rules: turned upright as their EXIF orientation says;
transparent pixels laid over white; of an animation the first image; more than
8 bits scaled, see `effnas.data.depth`.

Reference:
  Szegedy et al., 2015, Going Deeper with Convolutions (the random crop),
  https://arxiv.org/abs/1409.4842
"""

from collections.abc import Iterator, Sequence
import contextlib
import logging
import math
import os
import sys
from typing import Any

import numpy as np
import PIL
import PIL.Image
import PIL.ImageFile
import PIL.ImageOps

from effnas import errors
from effnas.data import depth

# What Pillow reads and what holds pictures as a rule.
SUFFIXES = (
  '.apng',
  '.avif',
  '.bmp',
  '.bw',
  '.dds',
  '.dib',
  '.gif',
  '.ico',
  '.j2c',
  '.j2k',
  '.jfif',
  '.jp2',
  '.jpc',
  '.jpe',
  '.jpeg',
  '.jpf',
  '.jpg',
  '.jpx',
  '.mpo',
  '.pbm',
  '.pcx',
  '.pfm',
  '.pgm',
  '.png',
  '.pnm',
  '.ppm',
  '.qoi',
  '.ras',
  '.rgb',
  '.rgba',
  '.sgi',
  '.tga',
  '.tif',
  '.tiff',
  '.webp',
  '.xbm',
)
RESAMPLINGS = ('bilinear', 'bicubic')
_MODES = {1: 'L', 3: 'RGB'}
# A crop's width over its height: between one and the other.
_RATIOS = (3 / 4, 4 / 3)
_TRIES = 10
# What turns an image upright, by its EXIF orientation.
_TURNS = {
  2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
  3: PIL.Image.Transpose.ROTATE_180,
  4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
  5: PIL.Image.Transpose.TRANSPOSE,
  6: PIL.Image.Transpose.ROTATE_270,
  7: PIL.Image.Transpose.TRANSVERSE,
  8: PIL.Image.Transpose.ROTATE_90,
}
_ORIENTATION = 0x0112
# What Pillow logs of a damaged file, the error says.
logging.getLogger('PIL').addHandler(logging.NullHandler())
# TIFF: bits of a sample, whether white is 0, and the kind of its numbers.
_BITS, _PHOTOMETRIC, _FORMAT = 258, 262, 339
_SIGNED = 2


def fit(
  path: str | os.PathLike,
  height: int,
  width: int,
  channels: int = 3,
  bits: int | None = None,
) -> np.ndarray:
  """Reads an image as large as asked, other proportions cut to the centre.

  Args:
    path: The file.
    height: In pixels.
    width: In pixels.
    channels: 3 for colour, 1 for grey.
    bits: Of the values of images that have more than 8 and do not say how
      many; see `effnas.data.depth`.

  Returns:
    uint8 (height, width, channels).

  Raises:
    UserError: The file is no readable image.
  """
  pixels = _read(path, channels, bits)
  if pixels.size != (width, height):
    pixels = PIL.ImageOps.fit(
      pixels, (width, height), PIL.Image.Resampling.BILINEAR
    )
  return np.asarray(pixels).reshape(height, width, channels)


def centre(
  path: str | os.PathLike,
  size: int,
  share: float,
  resampling: str,
  bits: int | None = None,
) -> np.ndarray:
  """Reads an image as it is evaluated: resized, then cut to its centre.

  Args:
    path: The file.
    size: Height and width of the result.
    share: The shorter side is resized to size / share before the cut.
    resampling: One of RESAMPLINGS.
    bits: As for `fit`.

  Returns:
    uint8 (size, size, 3).

  Raises:
    UserError: The file is no readable image.
  """
  image = _read(path, 3, bits)
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
  bits: int | None = None,
) -> np.ndarray:
  """Reads an image as it is trained on: a random part of it, or its mirror.

  Args:
    path: The file.
    size: Height and width of the result.
    scale: Smallest and largest share of the area that a part has.
    resampling: One of RESAMPLINGS.
    rng: The randomness.
    bits: As for `fit`.

  Returns:
    uint8 (size, size, 3).

  Raises:
    UserError: The file is no readable image.
  """
  image = _read(path, 3, bits)
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


def _read(
  path: str | os.PathLike, channels: int, bits: int | None
) -> PIL.Image.Image:
  try:
    with _opened(path) as image:
      return _upright(image, _opaque(_eight(image, path, bits)), channels)
  except errors.UserError:
    raise
  except PIL.UnidentifiedImageError as error:
    raise errors.UserError(
      f'{path} is no readable image: of no format that Pillow knows'
    ) from error
  except Exception as error:  # a damaged file makes Pillow raise anything
    raise errors.UserError(
      f'{path} is no readable image: {error or type(error).__name__}'
    ) from error


@contextlib.contextmanager
def _opened(path: str | os.PathLike) -> Iterator[PIL.ImageFile.ImageFile]:
  # Of a path Pillow 13 maps raw TIFF files by their turned size.
  with open(path, 'rb') as stream, PIL.Image.open(stream) as image:
    yield image


def _upright(
  image: PIL.Image.Image, pixels: PIL.Image.Image, channels: int
) -> PIL.Image.Image:
  """Returns the pixels of a file in the colours asked for, turned upright."""
  pixels = pixels.convert(_MODES[channels])
  if image.format == 'TIFF':
    return pixels  # Pillow has turned it
  try:
    turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
  except Exception:  # as above, and an image without EXIF is upright
    turn = None
  return pixels if turn is None else pixels.transpose(turn)


def _opaque(image: PIL.Image.Image) -> PIL.Image.Image:
  """Lays what is transparent over white."""
  palette = image.palette if image.mode == 'P' else None
  if (
    image.mode not in ('LA', 'La', 'PA', 'RGBA', 'RGBa')
    and 'transparency' not in image.info
    and not (palette and palette.mode.endswith('A'))
  ):
    return image
  image = image.convert('RGBA')
  ground = PIL.Image.new('RGB', image.size, 'white')
  ground.paste(image.convert('RGB'), mask=image.getchannel('A'))
  return ground


def _eight(
  image: PIL.ImageFile.ImageFile, path: str | os.PathLike, bits: int | None
) -> PIL.Image.Image:
  """Loads an image and returns it with 8 bits a channel."""
  raw, mode = _rawmode(image), image.mode
  (held, firm), dark = _held(image), _tag(image, _PHOTOMETRIC) == 0
  signed = _tag(image, _FORMAT) == _SIGNED
  image.load()  # which forgets most of these
  if mode.startswith(('I', 'F')) or signed:
    what = f'{path} (mode {mode})'
    values = np.atleast_3d(np.asarray(image))
    values = values.view(np.int8) if values.dtype == np.uint8 else values
    mode = 'L'
  elif ';16' in raw:
    what = f'{path} (mode {raw})'
    mode, values = _colours(path, raw, what)
  else:
    return image
  colours, alpha = np.split(values, [len(mode.removesuffix('A'))], axis=-1)
  found = depth.eight(colours, what, bits=bits, held=held, firm=firm)
  if dark and mode == 'L':
    found = 255 - found
  clear = image.info.get('transparency')
  if mode.endswith('A'):
    if bits is None or alpha.max() >= 2**bits:
      bits = 16
    alpha = depth.eight(alpha, what, bits=bits)
  elif clear is not None and mode in ('L', 'RGB'):
    shown = (colours != np.array(clear)).any(axis=-1, keepdims=True)
    alpha, mode = np.where(shown, np.uint8(255), np.uint8(0)), f'{mode}A'
  found = np.concatenate([found, alpha.astype(np.uint8)], axis=-1)
  height, width = found.shape[:2]
  return PIL.Image.frombytes(mode, (width, height), found.tobytes())


def _colours(
  path: str | os.PathLike, raw: str, what: str
) -> tuple[str, np.ndarray]:
  """Returns mode and values, (H, W, C), of colours of 16 bits.

  Pillow keeps the upper byte of each; asked for the other order of bytes it
  gives the lower one.
  """
  layout, _, order = raw.partition(';16')
  if layout == 'LA':  # four bytes a pixel, which RGBA takes as they are
    found = _decoded(path, 'RGBA')
    pair = found[..., ::2].astype(np.int32) * 256 + found[..., 1::2]
    return 'LA', pair
  native = 'L' if sys.byteorder == 'little' else 'B'
  order = native if order == 'N' else order
  if layout not in ('RGB', 'RGBA', 'RGBX', 'CMYK') or order not in ('L', 'B'):
    raise errors.UserError(f'{what} cannot be read; save it with 8 bits')
  upper, lower = (
    _decoded(path, f'{layout};16{way}').astype(np.int32)
    for way in (order, 'B' if order == 'L' else 'L')
  )
  return layout.replace('X', ''), upper * 256 + lower


def _decoded(path: str | os.PathLike, raw: str) -> np.ndarray:
  """Returns the pixels of a file that is taken to lie in another raw mode."""
  with _opened(path) as image:
    tiles: Any = [
      (codec, box, offset, (raw, *args[1:]) if type(args) is tuple else raw)
      for codec, box, offset, args in image.tile
    ]
    image.tile = tiles
    return np.asarray(image)


def _rawmode(image: PIL.ImageFile.ImageFile) -> str:
  """Returns how Pillow names the order of bits in the file; '' without."""
  args = image.tile[0][3] if image.tile else ''
  first = args[0] if isinstance(args, tuple) and args else args
  return first if isinstance(first, str) else ''


def _held(image: PIL.ImageFile.ImageFile) -> tuple[int | None, bool]:
  """Returns how many bits a file says, and whether its white is meant."""
  if image.format == 'TIFF':
    bits, signed = _tag(image, _BITS) or 1, _tag(image, _FORMAT) == _SIGNED
    return (None, False) if signed or bits > 16 else (bits, bits < 16)
  if image.format == 'PPM':  # has its white, and Pillow scales to 16 bits
    args = image.tile[0][3] if image.tile else None
    return 16, isinstance(args, tuple) and args[-1] != 65535
  if image.format == 'JPEG2000':  # likewise
    return 16, True
  # By its standard a PNG is scaled to all bits, whatever its sBIT says.
  return (16, False) if image.format == 'PNG' else (None, False)


def _tag(image: PIL.ImageFile.ImageFile, number: int) -> int | None:
  """Returns a tag of a TIFF file, the first where it has one a channel."""
  found: Any = getattr(image, 'tag_v2', {}).get(number)
  return found[0] if isinstance(found, tuple) and found else found
