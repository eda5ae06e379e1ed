"""Variables as they lie in a file: sparse, clustered, Huffman-coded.

`pack` gives a nested dict of plain arrays that any format of tensors can
write; `unpack` gives back the same variables to the bit, and `packed_shapes`
tells before any training what will be written.

Example:
  >>> import numpy as np
  >>> from effnas.compress import storage
  >>> kernel = np.zeros((64, 64), np.float32)
  >>> kernel[:, ::8] = np.resize([-1, 0.5, 1], (64, 8))
  >>> form = storage.Form(kernel != 0, palette=3)
  >>> stored = storage.pack({'kernel': kernel}, {'kernel': form})
  >>> stored['kernel.coded'].nbytes, kernel.nbytes
  (668, 16384)
  >>> bool((storage.unpack(stored)['kernel'] == kernel).all())
  True
"""

from effnas.compress.storage.forms import Form
from effnas.compress.storage.variables import (
  nbytes,
  pack,
  packed_shapes,
  unpack,
)

__all__ = ['Form', 'nbytes', 'pack', 'packed_shapes', 'unpack']
