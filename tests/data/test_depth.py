"""More than 8 bits, transparency and orientation, in every reader."""

import struct
import zlib

import numpy as np
import PIL.Image
import pytest

from effnas import data, errors
from effnas.data import image

RAMP = np.linspace(0, 65535, 48).round().astype(np.uint16).reshape(6, 8)


def png(path, pixels, colour, further=()):
  """Writes 16 bits a channel; Pillow writes them for grey alone."""

  def chunk(kind, content):
    total = struct.pack('>I', zlib.crc32(kind + content))
    return struct.pack('>I', len(content)) + kind + content + total

  height, width = pixels.shape[:2]
  rows = b''.join(b'\0' + row.astype('>u2').tobytes() for row in pixels)
  header = struct.pack('>IIBBBBB', width, height, 16, colour, 0, 0, 0)
  path.write_bytes(
    b'\x89PNG\r\n\x1a\n'
    + chunk(b'IHDR', header)
    + b''.join(chunk(*one) for one in further)
    + chunk(b'IDAT', zlib.compress(rows))
    + chunk(b'IEND', b'')
  )
  return path


def tiff(path, pixels, photometric=1, kind=1, order='<', bits=None):
  """Writes one uncompressed strip."""
  height, width, *channels = pixels.shape
  count = channels[0] if channels else 1
  content = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
  bits = bits or 8 * pixels.dtype.itemsize
  tags = [
    (256, width),
    (257, height),
    (258, bits),
    (259, 1),
    (262, photometric),
    (273, 400),
    (277, count),
    (278, height),
    (279, len(content)),
    (339, kind),
  ]
  head = {'<': b'II', '>': b'MM'}[order] + struct.pack(f'{order}HI', 42, 8)
  head += struct.pack(f'{order}H', len(tags))
  for tag, value in tags:
    if tag == 258 and count > 1:
      head += struct.pack(f'{order}HHII', tag, 3, count, 300)
    else:
      head += struct.pack(f'{order}HHIHH', tag, 3, 1, value, 0)
  head = (head + bytes(4)).ljust(300, b'\0')
  head += struct.pack(f'{order}{count}H', *[bits] * count)
  path.write_bytes(head.ljust(400, b'\0') + content)
  return path


def readers(path, side, bits=None):
  """What each reader makes of an image that is kept as large as it is."""
  rng = np.random.default_rng(0)
  cut = image.cut(path, side, (1.0, 1.0), 'bilinear', rng, bits)
  return [
    image.fit(path, side, side, 3, bits),
    image.centre(path, side, 1.0, 'bilinear', bits),
    *([cut] if side == 1 else []),
  ]


def grey(path, bits=None):
  return image.fit(path, 6, 8, 1, bits)[..., 0]


def test_a_grey_ramp_of_16_bits_stays_a_ramp(tmp_path):
  path = tmp_path / 'one.png'
  PIL.Image.fromarray(RAMP).save(path)
  np.testing.assert_array_equal(grey(path), np.rint(RAMP / 257))


@pytest.mark.parametrize('value', [0, 20000, 65535])
def test_every_reader_scales(tmp_path, value):
  path = tmp_path / 'one.png'
  for side in (1, 6):
    PIL.Image.fromarray(np.full((side, side), value, np.uint16)).save(path)
    for found in readers(path, side):
      assert found.shape == (side, side, 3)
      assert set(found.ravel().tolist()) == {round(value / 257)}


@pytest.mark.parametrize(
  ('colour', 'channels'), [(0, 1), (2, 3), (4, 2), (6, 4)]
)
def test_all_kinds_of_16_bit_png_are_v_over_257(tmp_path, colour, channels):
  rng = np.random.default_rng(0)
  pixels = rng.integers(0, 65536, (6, 8, channels))
  if channels in (2, 4):
    pixels[..., -1] = 65535
  path = png(tmp_path / 'one.png', pixels, colour)
  kept = pixels[..., : 1 if channels < 3 else 3]
  expected = np.broadcast_to(np.rint(kept / 257), (6, 8, 3))
  np.testing.assert_array_equal(image.fit(path, 6, 8), expected)


@pytest.mark.parametrize('order', ['<', '>'])
@pytest.mark.parametrize('photometric', [1, 2])
def test_tiff_of_16_bits(tmp_path, order, photometric):
  rng = np.random.default_rng(0)
  shape = (6, 8, 3) if photometric == 2 else (6, 8)
  pixels = rng.integers(0, 65536, shape).astype(np.uint16)
  path = tiff(tmp_path / 'one.tif', pixels, photometric, order=order)
  expected = np.rint(pixels.reshape(6, 8, -1) / 257)
  found = image.fit(path, 6, 8)
  np.testing.assert_array_equal(found, np.broadcast_to(expected, (6, 8, 3)))


def test_tiff_whose_white_is_0_is_turned_round(tmp_path):
  path = tiff(tmp_path / 'one.tif', RAMP, photometric=0)
  np.testing.assert_array_equal(grey(path), 255 - np.rint(RAMP / 257))


def test_what_is_compressed_is_read_the_same(tmp_path):
  path = tmp_path / 'one.tif'
  PIL.Image.fromarray(RAMP).save(path, compression='tiff_lzw')
  np.testing.assert_array_equal(grey(path), np.rint(RAMP / 257))


def test_pgm_says_its_white(tmp_path):
  twelve = (RAMP // 16).astype('>u2')
  path = tmp_path / 'one.pgm'
  path.write_bytes(b'P5 8 6 4095\n' + twelve.tobytes())
  expected = np.rint(twelve / 4095 * 255)
  assert abs(grey(path) - expected).max() <= 1  # Pillow rounds on the way
  path.write_bytes(b'P5 8 6 65535\n' + RAMP.astype('>u2').tobytes())
  np.testing.assert_array_equal(grey(path), np.rint(RAMP / 257))


@pytest.mark.parametrize('colour', [0, 2])
def test_12_bits_in_16_are_asked_about(tmp_path, colour):
  twelve = RAMP // 16
  pixels = np.stack([twelve] * 3, -1) if colour == 2 else twelve
  path = png(tmp_path / 'one.png', pixels, colour, [(b'tEXt', b'a\0b')])
  with pytest.raises(errors.UserError, match=r'one\.png \(mode .*only 12 of'):
    grey(path)
  expected = np.rint(twelve * (255 / 4095))
  for found in (grey(path, 12), image.fit(path, 6, 8, 3, 12)[..., 0]):
    np.testing.assert_array_equal(found, expected)
  np.testing.assert_array_equal(grey(path, 16), np.rint(twelve / 257))
  with pytest.raises(errors.UserError, match='10 bits are 0 to 1023, found 0'):
    grey(path, 10)
  black = png(tmp_path / 'black.png', np.zeros((6, 8)), 0)
  assert grey(black).max() == 0


@pytest.mark.parametrize(
  ('pixels', 'kind', 'message'),
  [
    (RAMP.astype(np.uint32), 1, r'\(mode I\).*0 to 65535.*bits'),
    (RAMP.astype(np.int32) - 9, 2, r'\(mode I\).*-9 to 65526'),
    ((RAMP // 4).astype(np.int16), 2, r'\(mode I\).*nothing says'),
    ((RAMP // 512).astype(np.int8), 2, r'\(mode L\).*nothing says'),
    (RAMP.astype(np.float32), 3, r'\(mode F\).*from 0 to 1, found 0 to 65535'),
    (np.full((6, 8), np.nan, np.float32), 3, r'\(mode F\).*found nan'),
    (RAMP / np.float32(-65535), 3, r'\(mode F\).*found -1'),
  ],
)
def test_numbers_whose_white_is_open_are_refused(
  tmp_path, pixels, kind, message
):
  path = tiff(tmp_path / 'one.tif', pixels, kind=kind)
  with pytest.raises(errors.UserError, match=r'one\.tif ' + message):
    grey(path)


def test_bits_say_what_32_bit_numbers_mean(tmp_path):
  path = tiff(tmp_path / 'one.tif', RAMP.astype(np.uint32))
  np.testing.assert_array_equal(grey(path, 16), np.rint(RAMP / 257))
  with pytest.raises(errors.UserError, match='12 bits are 0 to 4095'):
    grey(path, 12)


def test_floats_go_from_0_to_1(tmp_path):
  unit = (RAMP / 65535).astype(np.float32)
  path = tiff(tmp_path / 'one.tif', unit, kind=3)
  np.testing.assert_array_equal(grey(path), np.rint(unit * 255.0))
  assert image.fit(path, 6, 8)[-1, -1].tolist() == [255] * 3


def test_bits_are_a_setting_of_the_sets(tmp_path):
  for part in ('train', 'val'):
    for name in ('a', 'b'):
      (tmp_path / part / name).mkdir(parents=True)
      for i in range(3):
        png(tmp_path / part / name / f'{i}.png', RAMP // 16, 0)
  expected = {round(RAMP[0, 1] // 16 * 255 / 4095)}
  path = str(tmp_path)
  with pytest.raises(errors.UserError, match=r'\.png \(mode'):
    data.load('folder', path=f'{path}/train', size=[6, 8])
  loaded = data.load('folder', path=f'{path}/train', size=[6, 8], bits=12)
  assert set(loaded.train.x[:, 0, 1].ravel().tolist()) == expected
  loaded = data.load('imagenet', path=path, size=6, share=1.0, bits=12)
  assert loaded.valid.x[:].max() > 200
  for name in ('folder', 'imagenet'):
    for bits in (0, True, 8.0, 33):
      with pytest.raises(errors.UserError, match='bits must be a whole'):
        data.load(name, path=path, bits=bits)


def _over_white(colour, alpha):
  return [round((c * alpha + 255 * (255 - alpha)) / 255) for c in colour]


@pytest.mark.parametrize('alpha', [0, 51, 255])
def test_transparent_pixels_are_laid_over_white(tmp_path, alpha):
  path = tmp_path / 'one.png'
  pixels = np.full((6, 6, 4), (200, 100, 0, alpha), np.uint8)
  PIL.Image.fromarray(pixels).save(path)
  for found in readers(path, 6):
    assert found[0, 0].tolist() == _over_white((200, 100, 0), alpha)
  PIL.Image.fromarray(pixels[..., 2:]).save(path)  # grey and alpha
  for found in readers(path, 6):
    assert found[0, 0].tolist() == _over_white((0, 0, 0), alpha)
  assert image.fit(path, 6, 6, 1)[0, 0].tolist() == _over_white((0,), alpha)
  png(path, pixels.astype(int) * 257, 6)
  for found in readers(path, 6):
    assert found[0, 0].tolist() == _over_white((200, 100, 0), alpha)


def _palette():
  made = PIL.Image.new('P', (6, 6), 1)
  made.putpalette([9, 9, 9, 200, 100, 0])
  made.putpixel((0, 0), 0)
  return made


@pytest.mark.parametrize('clear', [1, b'\xff\x00'])
def test_a_palette_may_have_a_transparent_colour(tmp_path, clear):
  path = tmp_path / 'one.png'
  _palette().save(path, transparency=clear)
  for found in readers(path, 6):
    assert found[0, 0].tolist() == [9] * 3
    assert found[1, 1].tolist() == [255] * 3


def test_a_palette_with_alpha(tmp_path):
  made = PIL.Image.new('PA', (6, 6), (1, 0))
  made.putpalette([9, 9, 9, 200, 100, 0])
  made.putpixel((0, 0), (0, 255))
  made.save(tmp_path / 'one.tif')
  with PIL.Image.open(tmp_path / 'one.tif') as read:
    assert read.mode == 'PA'
  found = image.fit(tmp_path / 'one.tif', 6, 6)
  assert found[0, 0].tolist() == [9] * 3
  assert found[1, 1].tolist() == [255] * 3


@pytest.mark.parametrize('colour', [0, 2])
def test_one_colour_may_be_the_transparent_one(tmp_path, colour):
  channels = 3 if colour == 2 else 1
  pixels = np.full((6, 6, channels), 40000)
  pixels[0, 0] = 40001  # the same in 8 bits
  clear = struct.pack(f'>{channels}H', *[40000] * channels)
  path = png(tmp_path / 'one.png', pixels, colour, [(b'tRNS', clear)])
  found = image.fit(path, 6, 6)
  assert found[1, 1].tolist() == [255] * 3
  assert found[0, 0].tolist() == [round(40001 / 257)] * 3


def test_cmyk_is_what_pillow_says(tmp_path):
  made = PIL.Image.new('CMYK', (6, 6), (0, 255, 255, 0))
  made.save(tmp_path / 'one.tif')
  assert image.fit(tmp_path / 'one.tif', 6, 6)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize('ending', ['png', 'tif', 'webp'])
@pytest.mark.parametrize('turned', range(1, 9))
def test_images_are_turned_upright(tmp_path, turned, ending):
  upright = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
  inverse = {
    1: upright,
    2: upright[:, ::-1],
    3: upright[::-1, ::-1],
    4: upright[::-1],
    5: upright.T,
    6: np.rot90(upright),
    7: upright[::-1, ::-1].T,
    8: np.rot90(upright, -1),
  }[turned]
  exif = PIL.Image.Exif()
  exif[0x0112] = turned
  path = tmp_path / f'one.{ending}'
  more = {'lossless': True} if ending == 'webp' else {}
  stored = PIL.Image.fromarray(np.ascontiguousarray(inverse))
  stored.save(path, exif=exif, **more)
  np.testing.assert_array_equal(grey(path), upright)
  square = image.centre(path, 6, 1.0, 'bilinear')
  np.testing.assert_array_equal(square[..., 0], upright[:, 1:7])
  if ending == 'tif':
    wide = PIL.Image.fromarray(inverse.astype(np.uint16) * 257)
    wide.save(path, exif=exif)
    np.testing.assert_array_equal(grey(path), upright)


@pytest.mark.filterwarnings('ignore:Corrupt EXIF')
def test_an_exif_that_is_broken_turns_nothing(tmp_path):
  pixels = np.full((6, 8, 3), 77, np.uint8)
  path = tmp_path / 'one.jpg'
  PIL.Image.fromarray(pixels).save(path, exif=b'Exif\0\0II*\0\xff\xff\xff\xff')
  assert grey(path).tolist() == [[77] * 8] * 6


def test_of_an_animation_the_first_image(tmp_path):
  first, second = (PIL.Image.new('L', (8, 6), value) for value in (30, 200))
  first.save(tmp_path / 'one.gif', save_all=True, append_images=[second])
  assert grey(tmp_path / 'one.gif').tolist() == [[30] * 8] * 6


@pytest.mark.parametrize('ending', image.SUFFIXES)
def test_what_is_no_image_is_named_for_every_ending(tmp_path, ending):
  path = tmp_path / f'one{ending}'
  for content in (b'', b'no image at all', bytes(range(256))):
    path.write_bytes(content)
    with pytest.raises(errors.UserError, match=r'is no readable image: .'):
      image.fit(path, 6, 8)
