"""Next token: what follows, from what stands before."""

from collections.abc import Mapping
import dataclasses
import math
from typing import Any

from flax import linen
import jax
import jax.numpy as jnp

from effnas.learn import objective
from effnas.learn.self_supervision import outputs


def losses(logits: jax.Array, tokens: jax.Array) -> jax.Array:
  """Returns the cross-entropy of each token but the first of a row.

      -log softmax(logits_t)[token_{t + 1}],    t = 0 ... T - 2

  Args:
    logits: (N, T, V); those behind a row's last token are not used.
    tokens: (N, T), integers.

  Returns:
    (N, T - 1) in nats.

  Example:
    >>> logits = jnp.zeros((1, 3, 8))
    >>> losses(logits, jnp.array([[0, 1, 2]])).round(4).tolist()
    [[2.0794..., 2.0794...]]
  """
  log_p = jax.nn.log_softmax(logits[:, :-1])
  return -jnp.take_along_axis(log_p, tokens[:, 1:, None], axis=-1)[..., 0]


def perplexity(nats: float) -> float:
  """Returns exp of a mean cross-entropy: among how many tokens one guesses.

  Args:
    nats: Of a token.

  Example:
    >>> round(perplexity(math.log(65)), 6)
    65.0
  """
  return math.exp(nats)


def bits_per_character(nats: float, characters: float = 1.0) -> float:
  """Returns a mean cross-entropy in bits for each character of the text.

  Args:
    nats: Of a token.
    characters: Characters of a token, on average.

  Example:
    >>> bits_per_character(3 * math.log(2), characters=4)
    0.75
  """
  return nats / math.log(2) / characters


@dataclasses.dataclass(frozen=True)
class NextToken(objective.Objective):
  """The cross-entropy of each token given those before it in its row.

  Labels are not looked at. The network must be causal, as the decoders are, or
  it reads what it should foretell. Where a split's labels are the next tokens,
  the ordinary cross-entropy is the same with one more token of each row.

  Attributes:
    at: Path of the module whose output a dense layer tells the tokens by;
      'logits' are the network's own logits (N, T, V).
    vocabulary: Number of tokens V, where `at` names a module.

  Reference:
    Radford, Narasimhan, Salimans, Sutskever, 2018, Improving Language
    Understanding by Generative Pre-Training (equation 1)
  """

  at: str = outputs.LOGITS
  vocabulary: int = 0

  def __post_init__(self):
    """Checks the settings."""
    outputs.check_path(self.at)
    known = self.at == outputs.LOGITS
    outputs.check_whole('vocabulary', self.vocabulary, 0 if known else 2)

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
    del key
    tokens = batch.inputs
    outputs.check_tokens('next_token', tokens)
    logits = outputs.tokens(forward, tokens, self.at)[:, :-1]
    if self.at != outputs.LOGITS:
      logits = forward.head(outputs.TOKENS, logits)
    labels = tokens[:, 1:]
    smoothing = numbers['label_smoothing']
    loss = objective.cross_entropy(logits, labels, smoothing)
    return objective.Outcome(loss, logits, labels)
