"""Variables as training leaves them: none at the value it starts from.

At initialisation normalisations are nearly the identity and biases are zero,
so that a test of equality there would miss what they do.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np


def variables(net, x, seed=0):
  """Draws every variable of a network; its own initialisation is not run."""
  rng = np.random.default_rng(seed)

  def draw(path, leaf):
    value = rng.normal(size=leaf.shape)
    if path[-1].key == 'kernel':
      value /= math.sqrt(math.prod(leaf.shape[:-1]))
    elif path[-1].key == 'scale':
      value = 1 + 0.3 * value
    elif path[-1].key == 'var':
      value = rng.uniform(0.5, 2, leaf.shape)
    return jnp.asarray(value, leaf.dtype)

  shapes = jax.eval_shape(net.init, jax.random.key(0), x)
  return jax.tree.map_with_path(draw, shapes)


def seen(f, x):
  """Says which inputs move which outputs.

  Args:
    f: From x to any array.
    x: What f takes.

  Returns:
    Booleans, the axes of f(x) before those of x.
  """
  return np.asarray(jax.jit(jax.jacrev(f))(x)) != 0
