"""A network on its way through a recipe."""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import functools
from typing import Any

import jax

from effnas import quant
from effnas.compress.pruning import masks as masks_lib
from effnas.nn import rewrite


@dataclasses.dataclass(frozen=True)
class Tied:
  """A kernel whose living weights are members of a few clusters.

  Attributes:
    clusters: The most different values k that they take.
    book: Name of the codebook; kernels of one name share it.
    indices: uint8 in the kernel's shape; None in a plan.
  """

  clusters: int
  book: str
  indices: Any = None


@dataclasses.dataclass(frozen=True)
class Network:
  """A network, its variables, and what holds for its kernels.

  In a plan nothing has values: variables are `jax.ShapeDtypeStruct`, and a
  mask is the number of weights that live.

  Attributes:
    net: The network under the rules it is trained or served with.
    variables: Its variables; None are drawn where it is trained.
    masks: Path of a pruned kernel below 'params' -> bool array, true where a
      weight lives.
    tied: Path of a clustered kernel -> its clusters.
    huffman: Whether the file is Huffman-coded.
  """

  net: rewrite.Rewritten
  variables: Any
  masks: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  tied: Mapping[str, Tied] = dataclasses.field(default_factory=dict)
  huffman: bool = False

  @property
  def planned(self) -> bool:
    """Whether it is a plan, without values."""
    leaves = jax.tree.leaves(self.variables)
    return bool(leaves) and isinstance(leaves[0], jax.ShapeDtypeStruct)

  def mapped(self, function: Callable[[Any], Any]) -> Any:
    """Returns a function of the variables; of a plan's, the shapes of it."""
    call = functools.partial(jax.eval_shape, function)
    return (call if self.planned else function)(self.variables)

  def replace(self, **changes: Any) -> 'Network':
    """Returns it with other values of some fields."""
    return dataclasses.replace(self, **changes)


def planned(
  net: rewrite.Rewritten, input_shape: Sequence[int], dtype: Any
) -> Network:
  """Returns the plan of a network that is to be trained.

  Args:
    net: Under the rules it is trained with.
    input_shape: Of one example, without the batch.
    dtype: Of the inputs.
  """
  return Network(net, rewrite.abstract_variables(net, input_shape, dtype))


def flat(params: Any) -> dict[str, Any]:
  """Returns parameters by path, joined by slashes."""
  return masks_lib.flatten(params)


def at(params: Any, path: str) -> Any:
  """Returns the parameter at a path."""
  for name in path.split('/'):
    params = params[name]
  return params


def apart(
  rules: Sequence[rewrite.Rule], paths: Sequence[str]
) -> tuple[rewrite.Rule, ...]:
  """Returns rules that leave some layers in float.

  Args:
    rules: Of a network.
    paths: Of layers in whose place others compute.

  Example:
    >>> [(r.pattern, r.weights) for r in apart(quant.rules(4), ['head'])]
    [('head', 32), ('*', 4)]
  """
  if not any(isinstance(rule, quant.Quantize) for rule in rules):
    return tuple(rules)
  return (*(quant.Quantize(path, quant.FLOAT) for path in paths), *rules)
