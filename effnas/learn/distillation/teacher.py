"""A trained network that others learn from."""

from collections.abc import Callable, Collection
import dataclasses
import functools
import hashlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effnas import errors
from effnas.learn import objective
from effnas.learn import taps as taps_lib
from effnas.nn import rewrite


@dataclasses.dataclass(frozen=True)
class Teacher:
  """A network with its variables, which never change.

  Only the network counts in `==` and hash: compiled programs are handed the
  variables. The repr has a digest of them.

  Attributes:
    net: A Linen module, `net(x)` or `net(x, train=...)`; it may be under rules,
      converted too.
    variables: Its variables.
    dtype: Type of its arithmetic.

  Example:
    >>> from flax import linen
    >>> net = linen.Dense(3)
    >>> teacher = Teacher(net, net.init(jax.random.key(0), jnp.ones((1, 2))))
    >>> teacher(teacher.variables, jnp.ones((4, 2))).logits.shape
    (4, 3)
  """

  net: Any
  variables: Any = dataclasses.field(compare=False)
  dtype: str = 'float32'

  def __post_init__(self):
    """Checks that programs can be kept by the network."""
    try:
      hash(self.net)
    except TypeError:
      raise errors.UserError(
        f'the fields of the teacher {type(self.net).__name__} must hash, as '
        'compiled programs are kept by them: use tuples instead of lists, '
        'dicts, arrays'
      ) from None

  def __repr__(self) -> str:
    return f'Teacher({self.net!r}, {self.digest}, {self.dtype!r})'

  @functools.cached_property
  def digest(self) -> str:
    """A short hash of the variables."""
    sha = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(self.variables):
      array = np.asarray(leaf)
      name = jax.tree_util.keystr(path)
      sha.update(f'{name}{array.shape}{array.dtype}'.encode())
      sha.update(array.tobytes())
    return sha.hexdigest()[:12]

  def __call__(
    self,
    variables: Any,
    inputs: jax.Array,
    paths: Collection[str] | None = (),
  ) -> objective.Output:
    """Returns what the network gives in evaluation, without gradients.

    Args:
      variables: Those of the network, an argument of the compiled program.
      inputs: Prepared inputs, (N, ...).
      paths: Of modules whose outputs are wanted too; None is all.
    """
    further: dict[str, Any] = {}
    if paths is None or paths:
      further['mutable'] = ['intermediates']
      further['capture_intermediates'] = taps_lib.wanted(paths)
    if rewrite.takes_train(type(self.net)):
      further['train'] = False
    cast = functools.partial(jax.tree.map, self._cast)
    given = self.net.apply(cast(variables), cast(inputs), **further)
    logits, features = given, {}
    if 'mutable' in further:
      logits, changed = given
      features = taps_lib.by_path(changed.get('intermediates', {}))
    told = objective.Output(
      logits.astype(jnp.float32),
      {path: x.astype(jnp.float32) for path, x in features.items()},
    )
    return jax.lax.stop_gradient(told)

  def shapes(self, inputs: jax.ShapeDtypeStruct) -> objective.Output:
    """Returns shapes of the logits and of every module's output.

    Args:
      inputs: Of a prepared batch.
    """
    return jax.eval_shape(
      lambda variables, x: self(variables, x, None), self.variables, inputs
    )

  def _cast(self, x: Any) -> Any:
    floating = jnp.issubdtype(x.dtype, jnp.floating)
    return x.astype(self.dtype) if floating else x


@functools.lru_cache(maxsize=4)
def _logits(teacher: Teacher, prepare: Callable) -> Callable:
  # The cache holds on to no variables: they are an argument.
  bare = dataclasses.replace(teacher, variables=None)
  return jax.jit(lambda variables, x: bare(variables, prepare(x)).logits)


def cached(
  net: Any,
  variables: Any,
  x: Any,
  prepare: Callable[[Any], jax.Array],
  *,
  batch_size: int = 256,
  dtype: str = 'float32',
) -> np.ndarray:
  """Computes a teacher's logits of all rows once, to train on again and again.

  Args:
    net: A Linen module.
    variables: Its variables.
    x: Raw inputs (N, ...), an array or what reads as one.
    prepare: Raw batch -> what the network takes; hashable.
    batch_size: Inputs per batch; the last one is padded.
    dtype: Type of the arithmetic.

  Returns:
    The logits, float32 (N, classes) or (N, T, classes).

  Example:
    >>> from flax import linen
    >>> net, x = linen.Dense(3), np.ones((5, 2), np.float32)
    >>> variables = net.init(jax.random.key(0), x)
    >>> cached(net, variables, x, jnp.asarray, batch_size=2).shape
    (5, 3)
  """
  if not len(x):
    raise errors.UserError('a teacher has nothing to say of no rows')
  teacher = Teacher(net, variables, dtype)
  batch_size = min(batch_size, len(x))
  told = []
  for start in range(0, len(x), batch_size):
    rows = np.asarray(x[start : start + batch_size])
    missing = batch_size - len(rows)
    if missing:
      rows = np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)])
    told.append(np.asarray(_logits(teacher, prepare)(variables, rows)))
  return np.concatenate(told)[: len(x)]
