"""Cuts of images: where they lie, and what an evaluation sees."""

import numpy as np
import PIL.Image
import pytest

from effnas import errors
from effnas.data import image


def save(tmp_path, pixels, mode=None):
  path = tmp_path / 'one.png'
  PIL.Image.fromarray(np.asarray(pixels, np.uint8), mode).save(path)
  return path


@pytest.mark.parametrize('sides', [(500, 375), (375, 500), (40, 40)])
def test_boxes_have_the_drawn_area_and_proportions(sides):
  rng = np.random.default_rng(0)
  boxes = np.array([image.box(*sides, (0.08, 1.0), rng) for _ in range(2000)])
  assert boxes.min() >= 0
  assert (boxes[:, 2:] <= sides).all()
  width, height = (boxes[:, 2:] - boxes[:, :2]).T
  ratio, share = width / height, width * height / np.prod(sides)
  assert ratio.min() > 0.7
  assert ratio.max() < 1.42
  assert share.min() > 0.07
  # Large ones fit less often than small ones; all else is uniform.
  assert 0.4 < share.mean() < 0.54
  centre = (boxes[:, :2] + boxes[:, 2:]).mean(axis=0) / 2
  np.testing.assert_allclose(centre, np.array(sides) / 2, rtol=0.04)


def test_a_strip_gives_its_centre():
  rng = np.random.default_rng(0)
  assert image.box(100, 10, (0.9, 1.0), rng) == (43, 0, 56, 10)
  assert image.box(10, 100, (0.9, 1.0), rng) == (0, 43, 10, 56)
  assert image.box(1, 1, (0.08, 0.08), rng) == (0, 0, 1, 1)


@pytest.mark.parametrize('shape', [(40, 60), (60, 40), (32, 32)])
def test_the_centre_is_resized_and_cut(tmp_path, shape):
  # As torchvision's Resize(32) and CenterCrop(28).
  pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3))
  path = save(tmp_path, pixels)
  found = image.centre(path, 28, 0.875, 'bilinear')
  height, width = (int(32 * side / min(shape)) for side in shape)
  resized = PIL.Image.open(path).resize(
    (width, height), PIL.Image.Resampling.BILINEAR
  )
  top, left = round((height - 28) / 2), round((width - 28) / 2)
  expected = np.asarray(resized)[top : top + 28, left : left + 28]
  np.testing.assert_array_equal(found, expected)


def test_a_cut_of_all_is_the_image_or_its_mirror(tmp_path):
  pixels = np.random.default_rng(0).integers(0, 256, (9, 9, 3)).astype(np.uint8)
  path = save(tmp_path, pixels)
  rng = np.random.default_rng(0)
  # A part of nearly the same area in other proportions would be resized.
  found = [image.cut(path, 9, (1.0, 1.0), 'bilinear', rng) for _ in range(40)]
  straight = sum(np.array_equal(f, pixels) for f in found)
  mirrored = sum(np.array_equal(f, pixels[:, ::-1]) for f in found)
  assert straight > 0
  assert mirrored > 0


def test_grey_and_transparent_images_become_colours(tmp_path):
  grey = save(tmp_path, np.full((8, 8), 7))
  assert image.centre(grey, 8, 1.0, 'bicubic').tolist() == [[[7] * 3] * 8] * 8
  clear = save(tmp_path, np.full((8, 8, 4), 9))
  assert image.centre(clear, 8, 1.0, 'bicubic').shape == (8, 8, 3)


def test_what_is_no_image_is_said(tmp_path):
  path = tmp_path / 'one.png'
  path.write_text('?')
  with pytest.raises(errors.UserError, match=r'one\.png is no readable image'):
    image.centre(path, 8, 1.0, 'bicubic')
