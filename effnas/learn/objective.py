"""What a training minimises: a function of the network and a batch.

An objective is a callable that hashes by its settings, as compiled programs
are kept by them:

    objective(forward, batch, key, numbers) -> Outcome

Args:
  forward: The network in training. `forward(inputs, taps=())` returns an
    `Output`; taps are patterns of module paths whose outputs are wanted beside
    the logits ('stages/1', 'stages/*'). `forward.head(name, x)` applies a
    module of the objective's own, see `heads`.
  batch: A `Batch`.
  key: The source of chance, one for each step.
  numbers: What is traced: the config's 'label_smoothing', the objective's
    `numbers()`, its `constants()` under 'constants', and 'progress', the share
    of the training that is done.

It may have, beside,

    heads() -> {name: Linen module}    trained with the network, then dropped
    numbers() -> {name: float}         weights and temperatures: no new program
    constants() -> a tree of arrays    a teacher's variables, say
    extras(x, prepare) -> {name: rows} what rows have beside labels, found once
    takes_unlabelled() -> bool         whether labels may be -1, for none

of which numbers and constants must not count in its hash. Add what it lacks by
deriving from `Objective`.
"""

import abc
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


class Batch(NamedTuple):
  """Rows of a training split.

  Attributes:
    inputs: Prepared inputs, (N, ...).
    labels: Integers (N,), or (N, T) for tokens; or weights over the classes
      (N, classes), float, that sum to one.
    extras: What the split has beside, by name: arrays of N rows.
  """

  inputs: jax.Array
  labels: jax.Array
  extras: Mapping[str, jax.Array] = {}


def batch(inputs: jax.Array, labels: Any) -> Batch:
  """Returns a batch of what a split has.

  Args:
    inputs: Prepared inputs.
    labels: Labels, or a mapping with 'labels' and extras beside.
  """
  if not isinstance(labels, Mapping):
    return Batch(inputs, labels)
  extras = {name: rows for name, rows in labels.items() if name != 'labels'}
  return Batch(inputs, labels['labels'], extras)


class Output(NamedTuple):
  """What a network gives.

  Attributes:
    logits: (N, classes) or (N, T, classes), float32.
    features: Path of a module to its output, for those that were asked for.
  """

  logits: jax.Array
  features: Mapping[str, jax.Array]


class Outcome(NamedTuple):
  """What an objective gives.

  Attributes:
    loss: A scalar.
    logits: The logits to tell the training accuracy by, a row for each label.
    labels: These labels; None is those of the batch.
  """

  loss: jax.Array
  logits: jax.Array
  labels: jax.Array | None = None


class Objective(abc.ABC):
  """An objective without modules, numbers or constants of its own."""

  def heads(self) -> Mapping[str, Any]:
    """Returns modules that train with the network and are dropped after."""
    return {}

  def numbers(self) -> Mapping[str, float]:
    """Returns numbers that are traced."""
    return {}

  def constants(self) -> Any:
    """Returns arrays that are handed to the compiled program."""
    return {}

  def extras(
    self, x: Any, prepare: Callable[[Any], jax.Array]
  ) -> Mapping[str, Any]:
    """Returns what rows of a split have beside their labels.

    Args:
      x: The split's raw inputs, N rows.
      prepare: Raw batch -> what a network takes; hashable.

    Returns:
      Arrays of N rows by name; `Batch.extras` has those of a batch.
    """
    del x, prepare
    return {}

  def takes_unlabelled(self) -> bool:
    """Says whether rows may lack a label (-1)."""
    return False

  @abc.abstractmethod
  def __call__(
    self, forward: Any, batch: Batch, key: jax.Array, numbers: Mapping[str, Any]
  ) -> Outcome:
    """Returns the loss of a batch."""


class CrossEntropy(Objective):
  """The softmax cross-entropy with the config's label smoothing.

  Example:
    >>> CrossEntropy() == CrossEntropy(), hash(CrossEntropy()) == hash(
    ...   CrossEntropy())
    (True, True)
  """

  def __eq__(self, other: object) -> bool:
    return type(self) is type(other)

  def __hash__(self) -> int:
    return hash(type(self))

  def __repr__(self) -> str:
    return 'CrossEntropy()'

  def __call__(
    self, forward: Any, batch: Batch, key: jax.Array, numbers: Mapping[str, Any]
  ) -> Outcome:
    """Returns the mean cross-entropy of a batch."""
    del key
    logits = forward(batch.inputs).logits
    smoothing = numbers['label_smoothing']
    return Outcome(cross_entropy(logits, batch.labels, smoothing), logits)


def cross_entropy(
  logits: jax.Array, labels: jax.Array, smoothing: Any = 0.0
) -> jax.Array:
  """Returns the mean softmax cross-entropy with label smoothing.

  Args:
    logits: (..., classes), float.
    labels: (...), integers: (N,) for images, (N, T) for tokens; or weights over
      the classes, float, of the shape of the logits.
    smoothing: Share of the target that is spread evenly over all classes.

  Returns:
    A scalar in nats.

  Example:
    >>> logits = jnp.zeros((2, 10))
    >>> round(float(cross_entropy(logits, jnp.array([3, 4]))), 4)
    2.3026

  Reference:
    Szegedy et al., Rethinking the Inception Architecture for Computer Vision,
    2016 (label smoothing).
  """
  return -jnp.mean(log_likelihood(logits, labels, smoothing))


def log_likelihood(
  logits: jax.Array, labels: jax.Array, smoothing: Any = 0.0
) -> jax.Array:
  """Returns what `cross_entropy` is the negative mean of, (...), in nats.

  Args:
    logits: (..., classes), float.
    labels: As for `cross_entropy`.
    smoothing: Likewise.
  """
  log_p = jax.nn.log_softmax(logits)
  if jnp.issubdtype(labels.dtype, jnp.floating):
    right = jnp.sum(labels * log_p, axis=-1)
  else:
    right = jnp.take_along_axis(log_p, labels[..., None], axis=-1)[..., 0]
  return (1 - smoothing) * right + smoothing * log_p.mean(-1)


def row_losses(logits: jax.Array, labels: jax.Array) -> jax.Array:
  """Returns the cross-entropy of each row, the mean over its tokens.

  Args:
    logits: (N, classes) or (N, T, classes).
    labels: As for `cross_entropy`.

  Returns:
    (N,), in nats.

  Example:
    >>> row_losses(jnp.zeros((2, 3, 10)), jnp.zeros((2, 3), int)).shape
    (2,)
  """
  found = -log_likelihood(logits, labels)
  return found.reshape(len(found), -1).mean(1)


def labelled(labels: jax.Array) -> jax.Array:
  """Says which rows have a label.

  Args:
    labels: Integers (...), -1 for none; or weights (..., classes), which are 0
      for none.

  Returns:
    Booleans (...).

  Example:
    >>> labelled(jnp.array([3, -1])).tolist()
    [True, False]
  """
  if jnp.issubdtype(labels.dtype, jnp.floating):
    return labels.sum(-1) > 0
  return labels >= 0


def accuracy(
  logits: jax.Array, labels: jax.Array, *, unlabelled: bool = False
) -> jax.Array:
  """Returns the share of right answers; mixed labels count by their largest.

  Args:
    logits: (..., classes).
    labels: As for `cross_entropy`.
    unlabelled: Whether some rows may lack a label; they are left out.

  Example:
    >>> logits = jnp.eye(2)
    >>> float(accuracy(logits, jnp.array([0, -1]), unlabelled=True))
    1.0
  """
  known = labelled(labels) if unlabelled else None
  if jnp.issubdtype(labels.dtype, jnp.floating):
    labels = labels.argmax(-1)
  right = (logits.argmax(-1) == labels).astype(jnp.float32)
  if known is None:
    return jnp.mean(right)
  return jnp.sum(right * known) / jnp.maximum(known.sum(), 1)
