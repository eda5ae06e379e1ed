"""What a data set is: three parts, and how its inputs are prepared."""

from collections.abc import Mapping
import dataclasses
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

Kind = Literal['image', 'vector', 'tokens']


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
  """Examples of one part of a data set.

  Attributes:
    x: Inputs, (N, ...): uint8 images NHWC, float32 vectors or int32 tokens; or
      what reads as such an array (`stream.Rows`).
    y: Labels, int32: (N,), or (N, T) where every token has one.
  """

  x: Any
  y: np.ndarray

  def __len__(self) -> int:
    return len(self.x)

  def take(self, index: np.ndarray | slice) -> 'Split':
    """Returns the examples at `index`, in its order."""
    return Split(self.x[index], self.y[index])


@dataclasses.dataclass(frozen=True, eq=False)
class Raw:
  """What the file of one set returns, before the split.

  Attributes:
    train: The source's training examples, or all of them.
    test: The source's own test part, or None where it has none.
    classes: Number of classes.
    kind: 'image', 'vector' or 'tokens'.
    provenance: JSON values; 'files' and 'verified' at least.
    sequential: Whether neighbours belong together (windows of one text), so
      that parts are cut as runs and not drawn at random.
    moments: Mean and deviation to standardise inputs by, as in `Dataset`; None
      measures them over the training part.
  """

  train: Split
  test: Split | None
  classes: int
  kind: Kind
  provenance: Mapping[str, Any]
  sequential: bool = False
  moments: tuple[tuple[float, ...], tuple[float, ...]] | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
  """A data set in three parts: train on one, search on the next, test once.

  Data sets compare and hash by identity.

  Attributes:
    name: Name of the set.
    train: The examples to train on.
    valid: The examples a search may judge candidates by.
    test: The examples for the final number, touched once.
    classes: Number of classes (of next tokens: the vocabulary).
    kind: 'image', 'vector' or 'tokens'.
    mean: Means over the training part (or what the set has instead): per
      channel of images in units of 255, per feature of vectors; None for
      tokens.
    std: Standard deviations likewise; 1 where an input is constant.
    provenance: Where the data came from, in JSON values: 'files' (each with
      its sha256), 'verified' (True, False, or None where no official checksum
      exists), 'seed', 'counts' and what the set adds.
  """

  name: str
  train: Split
  valid: Split
  test: Split
  classes: int
  kind: Kind
  mean: tuple[float, ...] | None
  std: tuple[float, ...] | None
  provenance: Mapping[str, Any]

  @property
  def input_shape(self) -> tuple[int, ...]:
    """Shape of one input, without the batch."""
    return tuple(self.train.x.shape[1:])

  def prepare(self, x: jax.typing.ArrayLike) -> jax.Array:
    """Returns the inputs as a network takes them; traceable, on the device.

    Args:
      x: A batch as it lies in a part, (N, *input_shape). Images may also have
        become floats in 0..255 on the way (an augmentation).

    Returns:
      float32 of the same shape with mean 0 and standard deviation 1 over the
      training part: (x / 255 - mean) / std for images, (x - mean) / std for
      vectors. Tokens come back as they are.
    """
    x = jnp.asarray(x)
    if self.mean is None or self.std is None:
      return x
    unit = 255.0 if self.kind == 'image' else 1.0
    # Explicit axes: the code must also run where rank promotion is an error.
    shape = (1,) * (x.ndim - 1) + (-1,)
    mean = np.reshape(self.mean, shape) * unit
    scale = 1 / (np.reshape(self.std, shape) * unit)
    # One subtraction, one product: compilers may replace a division or contract
    # a product with a following sum, but they leave the bits of this alone.
    x = x.astype(jnp.float32) - mean.astype(np.float32)
    return x * scale.astype(np.float32)
