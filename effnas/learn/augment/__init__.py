"""Random changes of a batch on the device: each file here is one, by its name.

A file `NAME.py` has the class `Name`, an `effnas.learn.change.Change`; add an
augmentation by adding a file. `flip.py` is the smallest example. They are
functions of a key and a batch, so that they stand inside the compiled step and
a seed fixes them.

Reference:
  Shorten and Khoshgoftaar, "A survey on image data augmentation for deep
  learning", Journal of Big Data 6, 2019.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import importlib
import pkgutil
from typing import Any

import jax
import jax.numpy as jnp

from effnas import arguments, errors
from effnas.learn import change as change_lib

Padding = change_lib.Padding
_HARDEST = 'hardest'


def names() -> list[str]:
  """Returns the names of all augmentations."""
  return sorted(module.name for module in pkgutil.iter_modules(__path__))


def find(name: str) -> type[change_lib.Change]:
  """Returns an augmentation by name.

  Raises:
    UserError: There is none of that name.
  """
  if name not in names():
    raise errors.unknown('augmentation', name, names())
  module = importlib.import_module(f'{__name__}.{name}')
  return getattr(module, name.title().replace('_', ''))


@dataclasses.dataclass(frozen=True)
class Augment:
  """Augmentations one after another; equal settings are equal and hash alike.

  Those that take pixels come first, then the preparation, then the others, each
  in the order given.

  Attributes:
    changes: In the order given.
    classes: Number of classes, which mixed labels need.
  """

  changes: tuple[change_lib.Change, ...]
  classes: int | None = None

  @property
  def mixes(self) -> str | None:
    """The first that puts several rows into one; None where none does."""
    mixing = (c.name for c in self.changes if isinstance(c, change_lib.Mix))
    return next(mixing, None)

  @property
  def views(self) -> int:
    """Views of each row among which the losses choose."""
    found = [c for c in self.changes if c.name == _HARDEST]
    return getattr(found[-1], 'k', 1) if found else 1

  def __call__(
    self,
    key: jax.Array,
    inputs: jax.Array,
    labels: Any = None,
    prepare: Callable[[jax.Array], jax.Array] | None = None,
    losses: Callable[[jax.Array, Any], jax.Array] | None = None,
  ) -> Any:
    """Returns changed inputs and their labels; traceable.

    Args:
      key: The source of chance.
      inputs: A batch as it lies in the data set, or a prepared one.
      labels: Integers (N,) or (N, T), weights (N, classes), or a mapping with
        'labels' and other columns.
      prepare: The preprocessing, where `inputs` have not been prepared.
      losses: (inputs, labels) -> (N,); for 'hardest' only.

    Returns:
      (inputs, labels), where labels are float32 weights (N, classes) if
      something mixes them; without labels the inputs alone.

    Raises:
      UserError: The batch does not suit an augmentation.
    """
    if labels is None:
      return self._view(key, inputs, None, prepare)[0]
    if self.views == 1:
      return self._view(key, inputs, labels, prepare)
    if losses is None:
      raise errors.UserError(
        "'hardest' chooses by the losses of a training step; there is none here"
      )

    def one(key):
      view = self._view(key, inputs, labels, prepare)
      return view, losses(*view)

    views, found = jax.lax.map(one, jax.random.split(key, self.views))
    hardest, rows = jnp.argmax(found, axis=0), jnp.arange(len(inputs))
    return jax.tree.map(lambda leaf: leaf[hardest, rows], views)

  def _view(self, key, inputs, labels, prepare):
    numbered = list(enumerate(self.changes))
    for i, change in numbered:
      if change.takes == 'pixels':
        _check(change, inputs)
        inputs = change.change(jax.random.fold_in(key, i), inputs)
    if prepare is not None:
      inputs = prepare(inputs)
    for i, change in numbered:
      if change.takes == 'pixels' or change.name == _HARDEST:
        continue
      _check(change, inputs)
      own = jax.random.fold_in(key, i)
      if isinstance(change, change_lib.Mix):
        inputs, labels = self._mixed(change, own, inputs, labels)
      else:
        inputs = change.change(own, inputs)
    return inputs, labels

  def _mixed(self, change, key, inputs, labels):
    name = change.name
    if len(inputs) < 2:
      raise errors.UserError(
        f'{name} mixes rows of a batch and needs 2 or more; the batch size is 1'
      )
    if isinstance(labels, Mapping):
      if set(labels) != {'labels'}:
        others = ', '.join(sorted(set(labels) - {'labels'}))
        raise errors.UserError(
          f'{name} mixes rows, which leaves {others} of the split behind; '
          'leave out one of them'
        )
      inputs, mixed = self._mixed(change, key, inputs, labels['labels'])
      return inputs, {'labels': mixed}
    if labels is None:
      raise errors.UserError(
        f'{name} mixes labelled rows; these have no labels'
      )
    weighted = jnp.issubdtype(labels.dtype, jnp.floating)
    if labels.ndim != (2 if weighted else 1):
      raise errors.UserError(
        f'{name} takes one label for each row; got labels of {labels.shape}'
      )
    if not change.weights and weighted:
      raise errors.UserError(
        f'{name} takes labels that are not mixed; put it before what mixes them'
      )
    if change.weights and not weighted:
      if self.classes is None:
        raise errors.UserError(f'{name} needs the number of classes')
      labels = jax.nn.one_hot(labels, self.classes, dtype=jnp.float32)
    return change.mix(key, inputs, labels)


def make(
  names: str | Sequence[str | Mapping[str, Any] | change_lib.Change],
  *,
  crop_padding: Padding = 4,
  classes: int | None = None,
) -> Augment:
  """Composes augmentations.

  Args:
    names: Names, or mappings of a 'name' and the fields of its class:
      {'name': 'mixup', 'alpha': 0.2}; or what was made of them. None of them:
      a batch stays as it is.
    crop_padding: The padding of 'crop' where it has none of its own.
    classes: Number of classes, for what mixes labels.

  Returns:
    A function, see `Augment`; each row has its own randomness.

  Raises:
    UserError: An unknown name or setting, or a value out of range.

  Example:
    >>> augment = make(['flip', {'name': 'mixup', 'alpha': 1.0}], classes=10)
    >>> x, y = jnp.ones((4, 8, 8, 3)), jnp.arange(4)
    >>> x, y = augment(jax.random.key(0), x, y)
    >>> x.shape, y.shape
    ((4, 8, 8, 3), (4, 10))
  """
  arguments.value(crop_padding, Padding, 'crop_padding')
  items = [names] if isinstance(names, str | Mapping) else names
  return Augment(tuple(_one(item, crop_padding) for item in items), classes)


def _one(item: Any, crop_padding: int) -> change_lib.Change:
  if isinstance(item, change_lib.Change):
    return item
  given = dict(item) if isinstance(item, Mapping) else {'name': item}
  if 'name' not in given:
    raise errors.UserError(
      f"an augmentation is a name, or a mapping with 'name'; got {item!r}"
    )
  name = given.pop('name')
  kind = find(name)
  if name == 'crop':
    given = {'padding': crop_padding, **given}
  fields = [field.name for field in dataclasses.fields(kind)]
  for field in given:
    if field not in fields:
      raise errors.unknown(f'setting of {name}', field, fields)
  arguments.values(kind, given, f'{name}.')
  return kind(
    **{k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
  )


def _check(change: change_lib.Change, inputs: jax.Array) -> None:
  takes, name = change.takes, change.name
  if takes in ('pixels', 'images') and inputs.ndim != 4:
    raise errors.UserError(
      f'augmentation takes images (N, H, W, C) for {name!r}, got an input of '
      f'shape {inputs.shape}; leave augment empty for other data'
    )
  if takes == 'pixels' and inputs.dtype != jnp.uint8:
    raise errors.UserError(
      f'{name} takes pixels from 0 to 255 as uint8, before they are prepared; '
      f'got {inputs.dtype}'
    )
  if takes == 'tokens' and not (
    inputs.ndim == 2 and jnp.issubdtype(inputs.dtype, jnp.integer)
  ):
    raise errors.UserError(
      f'{name} takes tokens (N, T); got {inputs.dtype} of shape {inputs.shape}'
    )
  if takes == 'floats' and not jnp.issubdtype(inputs.dtype, jnp.floating):
    raise errors.UserError(f'{name} takes floats; got {inputs.dtype}')
