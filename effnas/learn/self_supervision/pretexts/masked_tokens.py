"""Masked tokens: what stood where some tokens of a text are hidden."""

from collections.abc import Mapping
import dataclasses
from typing import Any

from flax import linen
import jax
import jax.numpy as jnp

from effnas import errors
from effnas.learn import objective
from effnas.learn.distillation import terms
from effnas.learn.self_supervision import outputs


def places(key: jax.Array, shape: tuple[int, ...], share: float) -> jax.Array:
  """Draws places of each row, without repetition.

  Args:
    key: The source of chance.
    shape: (N, T).
    share: Of the T places; rounded, at least one.

  Returns:
    (N, round(share * T)), int32, each row in rising order.
  """
  count = max(1, round(share * shape[-1]))
  scores = jax.random.uniform(key, shape)
  _, found = jax.lax.top_k(scores, count)
  return jnp.sort(found, axis=-1)


def hide(
  key: jax.Array,
  tokens: jax.Array,
  where: jax.Array,
  *,
  vocabulary: int,
  mask: int = 0,
  hidden: float = 0.8,
  replaced: float = 0.1,
) -> jax.Array:
  """Returns tokens of which some are hidden, exchanged, or left in place.

  Args:
    key: The source of chance.
    tokens: (N, T), integers.
    where: Places (N, K); what becomes of each is drawn by itself.
    vocabulary: Number of tokens V, that of the mask among them.
    mask: The token that hides.
    hidden: Chance to be the mask.
    replaced: Chance to be a token drawn evenly from all but the mask; the right
      one may come. The rest stays.

  Returns:
    (N, T); what is not in `where` is as it was.

  Example:
    >>> tokens, where = jnp.array([[1, 2, 3]]), jnp.array([[1]])
    >>> hide(jax.random.key(0), tokens, where, vocabulary=4, hidden=1.0,
    ...      replaced=0.0).tolist()
    [[1, 0, 3]]
  """
  fate_key, token_key = jax.random.split(key)
  fate = jax.random.uniform(fate_key, where.shape)
  other = jax.random.randint(
    token_key, where.shape, 0, vocabulary - 1, tokens.dtype
  )
  other = other + (other >= mask)
  own = jnp.take_along_axis(tokens, where, axis=1)
  new = jnp.where(fate < hidden + replaced, other, own)
  new = jnp.where(fate < hidden, jnp.asarray(mask, tokens.dtype), new)
  return jnp.put_along_axis(tokens, where, new, axis=1, inplace=False)


@dataclasses.dataclass(frozen=True)
class MaskedTokens(objective.Objective):
  """The cross-entropy of the tokens at some places of each row.

  The network must see both sides of a place: an encoder, not a causal decoder.
  Places that are not asked give no loss; every other counts, those that were
  filled up too.

  Attributes:
    vocabulary: Number of tokens V, that of the mask among them.
    mask: The token that hides; one that no text has.
    share: Of the places of a row that are asked.
    hidden: Share of these that are the mask.
    replaced: Share of these that are any other token; the rest stays.
    at: Path of the module whose output a dense layer tells the tokens by, as
      'layer_3'; 'logits' are the network's own logits (N, T, V).

  Reference:
    Devlin, Chang, Lee, Toutanova, 2019, BERT,
    https://arxiv.org/abs/1810.04805 (section 3.1; as in its code the number of
    places is fixed and not drawn)
  """

  vocabulary: int
  mask: int = 0
  share: float = 0.15
  hidden: float = 0.8
  replaced: float = 0.1
  at: str = outputs.LOGITS

  def __post_init__(self):
    """Checks the settings."""
    outputs.check_path(self.at)
    outputs.check_whole('vocabulary', self.vocabulary, 2)
    outputs.check_whole('mask', self.mask, 0)
    if self.mask >= self.vocabulary:
      raise errors.UserError(
        f'mask is one of the {self.vocabulary} tokens of the vocabulary, from '
        f'0 to {self.vocabulary - 1}; got {self.mask}'
      )
    terms.check('share', self.share, above=0, most=1)
    terms.check('hidden', self.hidden, least=0, most=1)
    terms.check('replaced', self.replaced, least=0, most=1)
    if self.hidden + self.replaced > 1 + 1e-9:
      raise errors.UserError(
        'hidden and replaced are shares of one whole and add up to 1 at most; '
        f'got {self.hidden} and {self.replaced}'
      )

  def takes_unlabelled(self) -> bool:
    """Says that labels are not looked at."""
    return True

  def heads(self) -> Mapping[str, Any]:
    """Returns the layer that tells the tokens, where the network has none."""
    if self.at == outputs.LOGITS:
      return {}
    return {outputs.TOKENS: linen.Dense(self.vocabulary)}

  def __call__(
    self,
    forward: Any,
    batch: objective.Batch,
    key: jax.Array,
    numbers: Mapping[str, Any],
  ) -> objective.Outcome:
    """Returns the loss of a batch."""
    tokens = batch.inputs
    outputs.check_tokens('masked_tokens', tokens)
    place_key, hide_key = jax.random.split(key)
    where = places(place_key, tokens.shape, self.share)
    seen = hide(
      hide_key,
      tokens,
      where,
      vocabulary=self.vocabulary,
      mask=self.mask,
      hidden=self.hidden,
      replaced=self.replaced,
    )
    found = outputs.tokens(forward, seen, self.at)
    logits = jnp.take_along_axis(found, where[..., None], axis=1)
    if self.at != outputs.LOGITS:
      logits = forward.head(outputs.TOKENS, logits)
    elif logits.shape[-1] != self.vocabulary:
      raise errors.UserError(
        f'vocabulary is {self.vocabulary} and the network tells '
        f'{logits.shape[-1]} tokens: they must be the same'
      )
    labels = jnp.take_along_axis(tokens, where, axis=1)
    smoothing = numbers['label_smoothing']
    loss = objective.cross_entropy(logits, labels, smoothing)
    return objective.Outcome(loss, logits, labels)
