"""Lottery tickets: the final masks on the initial weights."""

from collections.abc import Callable, Mapping
from typing import Any

from effnas import errors
from effnas.compress.pruning import budgets, masks, selection


def rewind(params: Any, found: Mapping[str, Any]) -> Any:
  """Returns initial or early parameters under the masks of trained ones.

  Args:
    params: Parameters from before the training, or from early in it, which
      holds for larger networks, too.
    found: Path -> mask, of the trained network.

  Returns:
    The ticket, to be trained by `transform.hold`.

  Raises:
    UserError: The masks are those of another network.

  Reference:
    Frankle and Carbin, 2019, The Lottery Ticket Hypothesis,
    https://arxiv.org/abs/1803.03635; Frankle et al., 2020, Linear Mode
    Connectivity, https://arxiv.org/abs/1912.05671 (early)

  Example:
    >>> import jax.numpy as jnp
    >>> found = {'kernel': jnp.array([[True, False]])}
    >>> rewind({'kernel': jnp.array([[3.0, 4.0]])}, found)['kernel'].tolist()
    [[3.0, 0.0]]
  """
  return masks.apply(params, found)


def draw(
  train: Callable[[Any, masks.Flat], Any],
  params: Any,
  sparsity: float,
  *,
  rounds: int = 5,
  **settings: Any,
) -> masks.Flat:
  """Finds a ticket by iterative magnitude pruning.

  Each round trains the ticket so far, prunes the same share of the smallest
  weights left and rewinds.

  Args:
    train: (params, masks) -> trained params; pruned weights stay zero, as with
      `transform.hold`.
    params: To rewind to.
    sparsity: In the end.
    rounds: Number of trainings.
    **settings: Fields of `selection.Selection`.

  Returns:
    Masks, for `rewind` and `transform.hold`. The ticket itself is not trained.

  Raises:
    UserError: `rounds` is not a number from 1, or see `selection.Selection`.

  Example:
    >>> import jax.numpy as jnp
    >>> params = {'kernel': jnp.arange(16.).reshape(8, 2)}
    >>> found = draw(lambda p, m: p, params, 0.75, rounds=2)
    >>> masks.sparsity(found)
    0.75
  """
  if isinstance(rounds, bool) or not isinstance(rounds, int) or rounds < 1:
    raise errors.UserError(f'rounds is a number from 1; got {rounds!r}')
  final = selection.Selection(sparsity, **settings)
  weights = final.kernels.select(params)
  found = selection.full(weights)
  for i in range(1, rounds + 1):
    reached = 1 - (1 - budgets.check(sparsity)) ** (i / rounds)
    share = 1.0 if i == rounds else reached / sparsity if sparsity else 0.0
    trained = masks.pick(train(rewind(params, found), found), found)
    found = final.choose(selection.magnitude(trained), share, found)
  return found
