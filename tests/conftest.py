"""What tests of several rooms need."""

import numpy as np
import PIL.Image
import pytest


@pytest.fixture
def write_images():
  """Writes ROOT/PART/CLASS/I.JPEG, of ImageNet's layout and many sizes.

  Colours tell the classes apart, under noise that tells the images apart.
  """

  def write(root, counts, sides=(20, 60), classes=('ant', 'bee', 'cow')):
    rng = np.random.default_rng(0)
    for part, count in counts.items():
      for label, name in enumerate(classes):
        folder = root / part / name
        folder.mkdir(parents=True)
        for i in range(count):
          height, width = rng.integers(*sides, 2)
          pixels = rng.integers(0, 100, (height, width, 3))
          pixels[..., label % 3] += 150
          image = PIL.Image.fromarray(pixels.astype(np.uint8))
          image.save(folder / f'{i:03}.JPEG', quality=95)
    return str(root)

  return write
