"""Sharpness-aware minimisation: the gradient of a worse place nearby."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

# Where the gradient is 0 there is no way up.
_TINY = 1e-12


def climbed(params: Any, grads: Any, rho: Any) -> Any:
  """Returns the parameters a step up the loss.

      w + rho g / |g|,    |.| over all parameters together

  The gradient there is taken for the update of w. It costs a second pass.

  Args:
    params: The parameters w.
    grads: The gradient g at w, over the whole batch.
    rho: Length of the step, 0 or more.

  Returns:
    Parameters of the same shapes and types.

  Example:
    >>> up = climbed(jnp.zeros(2), jnp.array([3.0, 4.0]), 0.5)
    >>> [f'{w:.2f}' for w in up.tolist()]
    ['0.30', '0.40']

  Reference:
    Foret et al., Sharpness-Aware Minimization for Efficiently Improving
    Generalization, 2021, https://arxiv.org/abs/2010.01412 (equation 2)
  """
  scale = rho / jnp.maximum(optax.tree.norm(grads), _TINY)
  return jax.tree.map(
    lambda w, g: (w + scale * g).astype(w.dtype), params, grads
  )
