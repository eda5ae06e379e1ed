"""Criteria: how much a weight is worth; the lowest scores are pruned first.

A criterion adds up something over gradients (or nothing) and turns the mean
into scores. So it serves before training, over some batches (`estimate`), and
during it, over the gradients that pass by (`transform.prune`).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from effnas import errors


class Criterion(NamedTuple):
  """What is added up, and what a score is.

  Attributes:
    observe: (weights, gradient) -> what is averaged over gradients; None needs
      no gradients.
    score: (weights, average, key) -> scores of the weights' shape.
    forgets: Whether the average starts anew after each pruning.
  """

  observe: Callable | None
  score: Callable
  forgets: bool = True


CRITERIA = {
  # Han et al., 2015, https://arxiv.org/abs/1506.02626
  'magnitude': Criterion(None, lambda w, _, key: jnp.abs(w)),
  'random': Criterion(None, lambda w, _, key: jax.random.uniform(key, w.shape)),
  # The change of the loss by a multiplicative gate: of the mean gradient.
  'snip': Criterion(lambda w, g: g, lambda w, m, key: jnp.abs(w * m)),
  # The squared first-order change of the loss: of each gradient.
  'taylor': Criterion(lambda w, g: (w * g) ** 2, lambda w, m, key: m),
  # The second-order change, with the diagonal of the Fisher information for
  # that of the Hessian.
  'fisher': Criterion(lambda w, g: g**2, lambda w, m, key: m * w**2 / 2),
  # Weights that move away from zero, over the whole training.
  'movement': Criterion(lambda w, g: -w * g, lambda w, m, key: m, False),
}


def find(name: str) -> Criterion:
  """Returns a criterion by name.

  Args:
    name: 'magnitude', 'random', 'snip', 'taylor', 'fisher' or 'movement'.

  Returns:
    The criterion.

  Raises:
    UserError: Another name.

  Reference:
    Lee et al., 2019, SNIP, https://arxiv.org/abs/1810.02340 (without the
    division by the sum, which changes no order); Molchanov et al., 2019,
    Importance Estimation, https://arxiv.org/abs/1906.10771 (Taylor); LeCun et
    al., 1989, Optimal Brain Damage, and Theis et al., 2018, Faster Gaze
    Prediction, https://arxiv.org/abs/1801.05787 (Fisher); Sanh et al., 2020,
    Movement Pruning, https://arxiv.org/abs/2005.07683
  """
  if name not in list(CRITERIA):
    raise errors.unknown('criterion', name, CRITERIA)
  return CRITERIA[name]


def estimate(
  name: str,
  params: Any,
  gradient: Callable[[Any, Any], Any] | None = None,
  batches: Any = None,
  seed: int = 0,
) -> Any:
  """Scores all parameters without training.

  For the exact diagonal of the empirical Fisher information each batch is one
  example: the squared gradient of a larger batch is smaller.

  Args:
    name: See `find`.
    params: A pytree of arrays.
    gradient: (params, batch) -> gradients of the loss, for criteria that take
      them.
    batches: Pytree of arrays with the batches along the first axis.
    seed: Of 'random'.

  Returns:
    The same tree of float32 scores.

  Raises:
    UserError: An unknown name, or no gradients where the criterion needs them.

  Example:
    >>> params = {'kernel': jnp.array([[1.0, -3.0]])}
    >>> x = jnp.array([[2.0], [4.0]])  # Two batches of one.
    >>> slope = jax.grad(lambda p, x: (p['kernel'] * x).sum())
    >>> estimate('snip', params, slope, x)['kernel'].tolist()
    [[3.0, 9.0]]
    >>> estimate('fisher', params, slope, x)['kernel'].tolist()
    [[5.0, 45.0]]
  """
  criterion = find(name)
  observe = criterion.observe
  params = jax.tree.map(lambda p: jnp.asarray(p, jnp.float32), params)
  means = jax.tree.map(jnp.zeros_like, params)
  if observe is not None:
    if gradient is None or not jax.tree.leaves(batches):
      raise errors.UserError(
        f'{name} takes gradients: give a gradient function and batches, or '
        'take magnitude or random'
      )
    count = len(jax.tree.leaves(batches)[0])
    if not count:
      raise errors.UserError(f'{name} takes at least one batch; got 0')

    def add(total, batch):
      seen = jax.tree.map(observe, params, gradient(params, batch))
      return jax.tree.map(jnp.add, total, seen), None

    totals, _ = jax.lax.scan(add, means, batches)
    means = jax.tree.map(lambda t: t / count, totals)
  leaves, form = jax.tree.flatten(params)
  key = jax.random.key(seed)
  scores = [
    criterion.score(w, mean, jax.random.fold_in(key, i))
    for i, (w, mean) in enumerate(
      zip(leaves, jax.tree.leaves(means), strict=True)
    )
  ]
  return jax.tree.unflatten(form, scores)
