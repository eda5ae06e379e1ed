"""A model with fewer channels, heads and blocks than its fields say."""

from collections.abc import Mapping
import contextlib
import functools
from typing import Any, NamedTuple

from flax import linen
import jax

from effnas.compress.structured import normalised
from effnas.nn import rewrite

# A layer that defines `setup` has its parameters made there.
_METHODS = ('__call__', 'setup')
# What the sizes of a layer normalisation hold: the whole network's channels.
WHOLE = 'whole'

Fields = tuple[tuple[str, Any], ...]


class Told(NamedTuple):
  """What a block is told of its channels; see `Width`.

  Attributes:
    channels: As its field has them.
    same: Whether its input had as many.
  """

  channels: int
  same: bool


class Each(NamedTuple):
  """Groups of a convolution: as many as the input's channels make.

  Attributes:
    channels: In a group.
  """

  channels: int


class Width(int):
  """A block's channels, as its fields have them, in a narrowed network.

  Blocks compare their channels with their input's, to see whether their input
  can be added. When both have lost some, in numbers of their own, the answer
  must still be that of the whole network.

  Attributes:
    same: Whether they were equal there.

  Example:
    >>> width = Width(24, same=True)
    >>> width == 17, 17 != width, width // 2
    (True, False, 12)
  """

  same: bool

  def __new__(cls, channels: int, same: bool):
    """Makes a number that knows the answer."""
    made = super().__new__(cls, channels)
    made.same = same
    return made

  def __eq__(self, other: object) -> bool:
    """Says whether block and input had equal channels."""
    return self.same

  def __ne__(self, other: object) -> bool:
    """Says whether they had not."""
    return not self.same

  __hash__ = int.__hash__


class Narrowed(linen.Module):
  """A model of fewer channels, heads and blocks; its code is the model's.

  The layers that have lost channels are lent their number, at initialisation
  too, so that `init` gives the small parameters. Paths are those of the model,
  and a `Rewritten` around it sees its layers.

  `narrow.remove` makes it; two equal ones are equal static arguments.

  Attributes:
    base: The model: any Linen module, `base(x)` or `base(x, train=...)`.
    sizes: (path, fields) of the modules that are lent other values of fields.
    skipped: Paths of modules that give back what they are given.

  Example:
    >>> model = linen.Sequential([linen.Dense(8), linen.Dense(2)])
    >>> net = Narrowed(model, (('layers_0', (('features', 3),)),))
    >>> variables = net.init(jax.random.key(0), jax.numpy.ones((1, 4)))
    >>> [v['kernel'].shape for v in variables['params'].values()]
    [(4, 3), (3, 2)]
  """

  base: linen.Module
  sizes: tuple[tuple[str, Fields], ...] = ()
  skipped: tuple[str, ...] = ()

  def setup(self):
    """Lets the model's variables stand where they stand without the wrapper."""
    linen.share_scope(self, self.base)

  def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Calls the model.

    Args:
      x: Inputs, batch first.
      train: Passed on to models that take it.

    Returns:
      What the model returns.
    """
    intercept = functools.partial(
      _intercept,
      dict(self.sizes),
      frozenset(self.skipped),
      len(rewrite.path_of(self)),
    )
    return rewrite.call(self.base, intercept, x, train)


def _intercept(
  sizes: Mapping[str, Fields], skipped, depth, next_call, args, kwargs, context
):
  module = context.module
  if context.method_name not in _METHODS or isinstance(module, Narrowed):
    return next_call(*args, **kwargs)
  path = '/'.join(rewrite.path_of(module)[depth:])
  x: Any = next(iter((*args, *kwargs.values())), None)
  if path in skipped:
    return x
  lent = dict(sizes.get(path, ()))
  if WHOLE in lent and context.method_name == '__call__':
    if module.is_initializing():
      return next_call(*args, **kwargs)
    return normalised.narrow(module, x, lent[WHOLE])
  lent = {field: v for field, v in lent.items() if hasattr(module, field)}
  for field, value in lent.items():
    if isinstance(value, Told):
      lent[field] = Width(*value)
    elif isinstance(value, Each):
      lent[field] = x.shape[-1] // value.channels
  with rewrite.lend(module, **lent) if lent else contextlib.nullcontext():
    return next_call(*args, **kwargs)
