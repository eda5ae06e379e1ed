"""SimCLR: two views of an image are nearer to each other than to others'."""

from collections.abc import Mapping
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from effnas import errors
from effnas.learn import augment, change, objective
from effnas.learn.distillation import terms
from effnas.learn.self_supervision import outputs

_VIEWS = (
  {'name': 'scale', 'low': 0.8, 'high': 2.0},
  {'name': 'translate', 'share': 0.25},
  'flip',
  {'name': 'cutout', 'share': 0.25},
)


def alike(one: jax.Array, other: jax.Array, temperature: Any) -> jax.Array:
  """Returns how alike each view is to all others.

  Args:
    one: A view of each row, (N, D).
    other: Another view of each row, (N, D).
    temperature: T.

  Returns:
    (2N, 2N), the cosines over T of the rows of [one, other]; -inf of each with
    itself. Its softmax is the chance of each to be taken for the partner.
  """
  views = jnp.concatenate([one, other])
  squares = jnp.sum(views**2, axis=-1, keepdims=True)
  views = views * jax.lax.rsqrt(jnp.where(squares > 0, squares, 1))
  cosines = jnp.matmul(views, views.T, precision='highest')
  itself = jnp.eye(len(views), dtype=bool)
  return jnp.where(itself, -jnp.inf, cosines / temperature)


def partners(rows: int) -> jax.Array:
  """Returns which of the 2N views is the partner of each, (2N,), int32.

  Args:
    rows: N.

  Example:
    >>> partners(2).tolist()
    [2, 3, 0, 1]
  """
  return jnp.roll(jnp.arange(2 * rows, dtype=jnp.int32), rows)


def nt_xent(
  one: jax.Array, other: jax.Array, temperature: Any = 0.5
) -> jax.Array:
  """Returns the normalised, temperature-scaled cross-entropy of a batch.

      l(i, j) = -log(exp(<z_i, z_j> / T) / sum_{k != i} exp(<z_i, z_k> / T)),
      vectors of length 1, averaged over both orders of all pairs (i, j)

  Negatives of a view are the 2N - 2 views of other rows. No batch is better
  than log(1 + (2N - 2) exp(-N / (N - 1) / T)), where partners are equal and
  the N directions are as far apart as they can be, the corners of a regular
  simplex.

  Args:
    one: A view of each row, (N, D).
    other: Another view of each row, (N, D).
    temperature: T.

  Returns:
    A scalar in nats; log(2N - 1) where all views are equal.

  Raises:
    UserError: Fewer than two rows.

  Example:
    >>> rows = jnp.eye(4)
    >>> good, bad = (float(nt_xent(rows, x)) for x in (rows, rows[::-1]))
    >>> f'{good:.3f} {bad:.3f}'
    '0.594 2.594'

  Reference:
    Chen, Kornblith, Norouzi, Hinton, 2020, A Simple Framework for Contrastive
    Learning of Visual Representations, https://arxiv.org/abs/2002.05709
    (equation 1 and algorithm 1)
  """
  _check(one)
  return _loss(alike(one, other, temperature))


def _check(rows: jax.Array) -> None:
  if len(rows) < 2:
    raise errors.UserError(
      f'simclr takes 2 rows of a batch or more; this one has {len(rows)}: make '
      'batch_size larger'
    )


def _loss(logits: jax.Array) -> jax.Array:
  pairs = partners(len(logits) // 2)[:, None]
  own = jnp.take_along_axis(logits, pairs, axis=-1)[:, 0]
  return jnp.mean(jax.nn.logsumexp(logits, axis=-1) - own)


@dataclasses.dataclass(frozen=True)
class Simclr(objective.Objective):
  """The loss `nt_xent` between two augmented views of each image.

  Both views go through the network in one batch; a projection of two layers
  trains with it and is dropped. The reported accuracy is the share of views
  whose partner is the nearest of all.

  Attributes:
    at: Path of the module whose output, averaged over positions, is projected:
      the last one before the classifier for instance. 'logits' are the
      network's logits.
    temperature: More than 0.
    width: Channels of the projection.
    hidden: Channels between its layers; 0 is as many as come in.
    views: Augmentations for `effnas.learn.augment.make`, of prepared images:
      not those that take pixels or mix rows. Each view draws its own.

  Reference:
    Chen, Kornblith, Norouzi, Hinton, 2020, https://arxiv.org/abs/2002.05709;
    views there are crops of any size, flips, colour distortion and blur, of
    which the default's scaling, shifts, flips and cutout are the part that
    prepared images allow.
  """

  at: str = outputs.LOGITS
  temperature: float = dataclasses.field(default=0.5, compare=False)
  width: int = 128
  hidden: int = 0
  views: Any = _VIEWS

  def __post_init__(self):
    """Checks the settings and makes the augmentations."""
    outputs.check_path(self.at)
    terms.check('temperature', self.temperature, above=0)
    outputs.check_whole('width', self.width, 1)
    outputs.check_whole('hidden', self.hidden, 0)
    if isinstance(self.views, augment.Augment):
      return
    made = augment.make(self.views)
    if not made.changes:
      raise errors.UserError(
        "views must name augmentations, as ['crop', 'flip']: equal views are "
        'nothing to learn from'
      )
    for each in made.changes:
      mixes = isinstance(each, change.Mix) or each.name == 'hardest'
      if mixes or each.takes not in ('images', 'floats'):
        raise errors.UserError(
          f'views are changes of single prepared images, and {each.name} is '
          "none; take 'crop', 'scale', 'rotate', 'cutout' or the like"
        )
    object.__setattr__(self, 'views', made)

  def takes_unlabelled(self) -> bool:
    """Says that labels are not looked at."""
    return True

  def heads(self) -> Mapping[str, Any]:
    """Returns the projection."""
    return {'projection': outputs.Projection(self.width, self.hidden)}

  def numbers(self) -> Mapping[str, float]:
    """Returns the temperature."""
    return {'temperature': self.temperature}

  def __call__(
    self,
    forward: Any,
    batch: objective.Batch,
    key: jax.Array,
    numbers: Mapping[str, Any],
  ) -> objective.Outcome:
    """Returns the loss of a batch."""
    outputs.check_images('simclr', batch.inputs)
    _check(batch.inputs)
    views = [self.views(own, batch.inputs) for own in jax.random.split(key)]
    rows = outputs.rows(forward, jnp.concatenate(views), self.at)
    one, other = jnp.split(forward.head('projection', rows), 2)
    logits = alike(one, other, numbers['temperature'])
    return objective.Outcome(_loss(logits), logits, partners(len(one)))
