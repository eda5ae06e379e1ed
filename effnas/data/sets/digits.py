"""Handwritten digits: 1,797 images of 8 x 8, bundled with scikit-learn.

The embedded default: it needs no file and no network. There is no official
split, so the test part is cut off by the seed.

Reference:
  Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998.
"""

import hashlib

import numpy as np
import sklearn
import sklearn.datasets

from effnas.data import dataset, source

# Over the pixels (0..16) and the labels, as uint8.
_SHA256 = '87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826'


def load(path: str | None, verify: bool) -> dataset.Raw:
  """Loads the digits as uint8 images (N, 8, 8, 1).

  Args:
    path: Not used; the data come with scikit-learn.
    verify: Whether other numbers than the known ones stop.

  Returns:
    All examples, without a test part.
  """
  del path
  bunch = sklearn.datasets.load_digits()
  pixels = bunch.images.astype(np.uint8)
  labels = bunch.target.astype(np.uint8)
  digest = hashlib.sha256(pixels.tobytes() + labels.tobytes()).hexdigest()
  name = f'digits of scikit-learn {sklearn.__version__}'
  files = [source.check(name, digest, _SHA256, verify)]
  # 0..16 to 0..255, to the nearest.
  images = np.rint(pixels * (255 / 16)).astype(np.uint8)[..., None]
  return dataset.Raw(
    train=dataset.Split(images, labels.astype(np.int32)),
    test=None,
    classes=10,
    kind='image',
    provenance=source.record(files),
  )
