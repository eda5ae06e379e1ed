"""What an objective without labels takes from a network."""

from typing import Any

from flax import linen
import jax
import jax.numpy as jnp

from effnas import errors
from effnas.learn.distillation import terms

# In place of a module's path: what the network gives itself.
LOGITS = terms.LOGITS
# The name of the head that maps a module's output to tokens.
TOKENS = 'tokens'


def at(forward: Any, inputs: jax.Array, path: str) -> jax.Array:
  """Returns what a module gives, or the logits.

  Args:
    forward: The network in training, see `effnas.learn.objective`.
    inputs: A prepared batch.
    path: Path of a module, 'stages_2', or 'logits'.

  Raises:
    UserError: The network has no such module.
  """
  if path == LOGITS:
    return forward(inputs).logits
  features = forward(inputs, (path,)).features
  if path not in features:
    known = {*forward(inputs, ('*',)).features} - {''}
    raise errors.unknown('module of the network', path, known | {LOGITS})
  return features[path]


def rows(forward: Any, inputs: jax.Array, path: str) -> jax.Array:
  """Returns a vector for each input: the mean over its positions.

  Args:
    forward: As for `at`.
    inputs: A prepared batch of N.
    path: As for `at`.

  Returns:
    (N, C).
  """
  return terms.embedding(at(forward, inputs, path))


def tokens(forward: Any, inputs: jax.Array, path: str) -> jax.Array:
  """Returns a vector for each token.

  Args:
    forward: As for `at`.
    inputs: Tokens (N, T).
    path: As for `at`.

  Returns:
    (N, T, C).

  Raises:
    UserError: The module gives none for each token.
  """
  found = at(forward, inputs, path)
  if found.ndim != 3 or found.shape[:2] != inputs.shape:
    raise errors.UserError(
      f'at names what has an output for each of the tokens {inputs.shape}; '
      f'{path!r} gives {found.shape}: name a layer before the pooling, or take '
      'a decoder'
    )
  return found


def check_tokens(name: str, inputs: jax.Array) -> None:
  """Raises a `UserError` where a batch is no two tokens (N, T) or more."""
  whole = jnp.issubdtype(inputs.dtype, jnp.integer)
  if not whole or inputs.ndim != 2 or inputs.shape[1] < 2:
    raise errors.UserError(
      f'{name} takes tokens (N, T), two or more in a row; got {inputs.dtype} '
      f'of shape {inputs.shape}'
    )


def check_images(name: str, inputs: jax.Array) -> None:
  """Raises a `UserError` where a batch is no images."""
  if inputs.ndim != 4:
    raise errors.UserError(
      f'{name} takes images (N, H, W, C); got an input of shape {inputs.shape}'
    )


def check_path(value: Any) -> None:
  """Raises a `UserError` where `at` is no path."""
  if not isinstance(value, str) or not value:
    raise errors.UserError(
      f"at is the path of a module, as 'stages_2', or 'logits'; got {value!r}"
    )


def check_whole(name: str, value: Any, low: int) -> None:
  """Raises a `UserError` where a setting is no whole number from low."""
  if not isinstance(value, int) or isinstance(value, bool) or value < low:
    raise errors.UserError(
      f'{name} is a whole number from {low}; got {value!r}'
    )


class Projection(linen.Module):
  """Two dense layers with a ReLU between.

  Attributes:
    width: Channels of the output.
    hidden: Channels between; 0 is as many as come in.
  """

  width: int
  hidden: int = 0

  @linen.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps (N, C) to (N, width)."""
    x = linen.Dense(self.hidden or x.shape[-1], name='hidden')(x)
    return linen.Dense(self.width, name='out')(jax.nn.relu(x))
