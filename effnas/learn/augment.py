"""Random changes of images that keep their labels, made on the device.

The changes are functions of a key and a batch, so that they stand inside the
compiled training step and a seed fixes them.

Reference:
  Shorten and Khoshgoftaar, "A survey on image data augmentation for deep
  learning", Journal of Big Data 6, 2019.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from effnas import errors

Augment = Callable[[jax.Array, jax.Array], jax.Array]


def make(names: Sequence[str], *, crop_padding: int = 4) -> Augment:
  """Composes augmentations, in the order given.

  Args:
    names: Any of 'flip' (mirror left to right, for half of the images) and
      'crop' (shift by up to `crop_padding` pixels each way, each shift
      equally likely; zeros move in). None of them: images stay as they are.
    crop_padding: The largest shift, in pixels; 0 shifts nothing.

  Returns:
    A traceable function (key, images) -> images on batches (N, H, W, C) of
    any number type; each image has its own randomness.

  Raises:
    UserError: An unknown name, or a padding below 0.

  Example:
    >>> augment = make(['flip', 'crop'], crop_padding=2)
    >>> images = jnp.ones((4, 8, 8, 3), jnp.uint8)
    >>> augment(jax.random.key(0), images).shape
    (4, 8, 8, 3)
  """
  names = (names,) if isinstance(names, str) else tuple(names)
  if (
    not isinstance(crop_padding, int)
    or isinstance(crop_padding, bool)
    or crop_padding < 0
  ):
    raise errors.UserError(
      f'crop_padding must be a number of pixels from 0, got {crop_padding!r}'
    )
  known: dict[str, Augment] = {
    'flip': _flip,
    'crop': lambda key, images: _crop(key, images, crop_padding),
  }
  for name in names:
    if name not in known:
      raise errors.unknown('augmentation', name, known)

  def augment(key: jax.Array, images: jax.Array) -> jax.Array:
    if images.ndim != 4:
      raise errors.UserError(
        'augmentation takes images (N, H, W, C), got an input of shape '
        f'{images.shape}; leave augment empty for other data'
      )
    for i, name in enumerate(names):
      images = known[name](jax.random.fold_in(key, i), images)
    return images

  return augment


def _flip(key: jax.Array, images: jax.Array) -> jax.Array:
  mirrored = jax.random.bernoulli(key, 0.5, (len(images), 1, 1, 1))
  return jnp.where(mirrored, images[:, :, ::-1], images)


def _crop(key: jax.Array, images: jax.Array, padding: int) -> jax.Array:
  edge = (padding, padding)
  padded = jnp.pad(images, ((0, 0), edge, edge, (0, 0)))
  corners = jax.random.randint(key, (len(images), 2), 0, 2 * padding + 1)

  # One slice per image: on CPU about 30 times faster than choosing among all
  # shifted copies of the batch.
  def cut(image, corner):
    start = (corner[0], corner[1], 0)
    return jax.lax.dynamic_slice(image, start, images.shape[1:])

  return jax.vmap(cut)(padded, corners)
