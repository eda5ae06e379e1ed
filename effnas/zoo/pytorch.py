"""Weights of PyTorch networks, by the names that timm or torchvision gives."""

from collections.abc import Callable, Collection, Mapping, Sequence
import functools
import re
from typing import Any, NamedTuple

from flax import traverse_util
import jax.numpy as jnp
import numpy as np

from effnas import errors
from effnas.nn import rewrite
from effnas.zoo import network as network_lib
from effnas.zoo import state_dict as state_dict_lib
from effnas.zoo import torchvision

# (path of one of our modules or parameters, all such paths) -> timm's name
Names = Callable[[str, Collection[str]], str | None]

_LEAVES = {
  'kernel': 'weight',
  'scale': 'weight',
  'bias': 'bias',
  'mean': 'running_mean',
  'var': 'running_var',
}
# What a file may hold beyond what a network has a place for: counters, and
# tables that follow from the architecture.
_VOID = re.compile(r'(.*\.)?(num_batches_tracked|relative_position_index)')


def by_rules(rules: Sequence[tuple[str, str]]) -> Names:
  r"""Returns names by regular expressions; the first that fits a whole path.

  Args:
    rules: (expression, template) pairs; a template refers to groups by number.

  Returns:
    What names a path.

  Example:
    >>> name = by_rules([(r'layer_(.*)/conv', r'layers.\1.0')])
    >>> name('layer_3/conv', ())
    'layers.3.0'
  """

  def name(path: str, paths: Collection[str]) -> str | None:
    del paths
    for expression, template in rules:
      found = re.fullmatch(expression, path)
      if found:
        return found.expand(template)
    return None

  return name


class Brought(NamedTuple):
  """What was brought in.

  Attributes:
    variables: Of the network, float32.
    prefix: What stood in front of each name; '' is nothing.
    passed_over: Arrays of the file that are of no set that was asked for.
    head: Paths of the classifier, where it was left out.
  """

  variables: dict[str, Any]
  prefix: str
  passed_over: int
  head: tuple[str, ...]


def load(
  network: network_lib.Network,
  state_dict: Mapping[str, Any],
  **arguments: Any,
) -> dict[str, Any]:
  """Turns the weights of a timm or torchvision network into ours.

  Args:
    network: A network of the zoo whose family knows timm's names.
    state_dict: Arrays by name, as a safetensors file holds them.
    **arguments: For `network.build`, e.g. `classes`.

  Returns:
    The variables of `network.build(**arguments)`, float32.

  Raises:
    UserError: See `bring`.

  Example:
    >>> import types
    >>> from flax import linen
    >>> class Linear(linen.Module):
    ...   @linen.compact
    ...   def __call__(self, x):
    ...     return linen.Dense(2, name='classifier')(x)
    >>> network = network_lib.Network(
    ...   Linear, (3,), '', torch=by_rules([('classifier', 'head.fc')]))
    >>> found = load(network, {
    ...   'head.fc.weight': np.ones((2, 3)), 'head.fc.bias': np.zeros(2)})
    >>> found['params']['classifier']['kernel'].shape
    (3, 2)
  """
  return bring(network, state_dict, arguments).variables


def bring(
  network: network_lib.Network,
  state_dict: Mapping[str, Any],
  arguments: Mapping[str, Any] | None = None,
  *,
  prefix: str | None = None,
  headless: bool = False,
) -> Brought:
  """Turns a set of weights of a file of PyTorch's into ours; see `load`.

  Args:
    network: A network of the zoo whose family knows timm's names.
    state_dict: Arrays by name, as a safetensors file holds them.
    arguments: For `network.build`.
    prefix: As for `state_dict.choose`.
    headless: Whether the classifier is left out, which may have another size
      in the file: that is what has another shape for other `classes`.

  Returns:
    The variables of `network.build(**arguments)`, and what was done.

  Raises:
    UserError: The family knows no such names; or a name is missing, is left
      over, has another shape or no proper values: the line names it.
  """
  arguments = dict(arguments or {})
  shapes = _shapes(network, **arguments)
  named, chosen = _named(network, shapes, state_dict, prefix)
  left = chosen.arrays
  head = _head(network, shapes, arguments) if headless else ()
  for path in head:
    left.pop(named.pop(path), None)
  found = {}
  for path, name in named.items():
    if name not in left:
      raise errors.UserError(
        f'the PyTorch weights lack {name!r}, for {path} {shapes[path]}'
      )
    given = np.asarray(left.pop(name))
    array = _arranged(given, shapes[path])
    if array is None:
      raise errors.UserError(
        f'{name!r} of the PyTorch weights has the shape {given.shape}, which '
        f'does not fit {path} {shapes[path]}'
      )
    _check(name, given.dtype, array, variance=path.endswith('/var'))
    found[path] = array
  unknown = [name for name in left if not _VOID.fullmatch(name)]
  if unknown:
    more = f' and {len(unknown) - 1} more' if len(unknown) > 1 else ''
    raise errors.UserError(
      f'the network has no place for {unknown[0]!r}{more} of the PyTorch '
      'weights'
    )
  variables = traverse_util.unflatten_dict(found, sep='/')
  return Brought(variables, chosen.prefix, chosen.passed_over, head)


def _check(name: str, dtype: Any, array: np.ndarray, variance: bool) -> None:
  """Raises where an array of a file holds what no training leaves."""
  said = f'{name!r} of the PyTorch weights'
  if not jnp.issubdtype(dtype, jnp.floating):
    raise errors.UserError(
      f'{said} is {dtype}, where floats are due: integers of a quantized '
      'network mean nothing without their scales'
    )
  if not np.isfinite(array).all():
    bad = array[~np.isfinite(array)][0]
    raise errors.UserError(f'{said} holds {bad}; all weights must be finite')
  if variance and array.min(initial=0) < 0:
    raise errors.UserError(
      f'{said} holds {array.min():.3g}; a variance is 0 or more'
    )


def _head(
  network: network_lib.Network,
  shapes: Mapping[str, Any],
  arguments: Mapping[str, Any],
) -> tuple[str, ...]:
  """Paths whose shapes follow from the number of classes."""
  try:
    few, more = (
      _shapes(network, **{**arguments, 'classes': n}) for n in (2, 3)
    )
  except TypeError:
    few = more = {}
  head = tuple(p for p in shapes if few.get(p) != more.get(p))
  if not head:
    raise errors.UserError(
      'the network has no classifier to leave out: nothing in it follows from '
      'a number of classes'
    )
  return head


def names(network: network_lib.Network, **arguments: Any) -> dict[str, str]:
  """Returns timm's name of each array of a network, by our path to it.

  Args:
    network: A network of the zoo.
    **arguments: For `network.build`.

  Raises:
    UserError: The family knows none.
  """
  return _named(network, _shapes(network, **arguments))[0]


def _named(
  network: network_lib.Network,
  shapes: Mapping[str, Any],
  state: Mapping[str, Any] | None = None,
  prefix: str | None = None,
) -> tuple[dict[str, str], state_dict_lib.Chosen]:
  """Returns the names of which most are in a file, and the set they are of."""
  if network.torch is None:
    raise errors.UserError(
      'no names of PyTorch weights are known for this network'
    )
  paths = frozenset(path.partition('/')[2] for path in shapes)
  state = state or {}

  def by(known: Names) -> dict[str, str]:
    named = {p: _name(known, p.partition('/')[2], paths) for p in shapes}
    return {path: name for path, name in named.items() if name is not None}

  def common(found: Mapping[str, str]) -> int:
    counts = state_dict_lib.prefixes(state, found.values()).values()
    return max(counts, default=0)

  tried = [by(known) for known in (network.torch, *torchvision.NAMES)]
  found = max(tried, key=common)
  for path in shapes:
    if path not in found:
      raise errors.UserError(f'no name of PyTorch weights is known for {path}')
  return found, state_dict_lib.choose(state, found.values(), prefix)


def _shapes(
  network: network_lib.Network, **arguments: Any
) -> dict[str, tuple[int, ...]]:
  model = network.build(**arguments)
  return dict(_traced(model, network.input_shape, network.input_dtype))


@functools.lru_cache(maxsize=8)  # one import looks several times
def _traced(
  model: Any, shape: tuple[int, ...], dtype: str
) -> dict[str, tuple[int, ...]]:
  variables = rewrite.abstract_variables(model, shape, dtype)
  flat = traverse_util.flatten_dict(variables, sep='/')
  return {path: leaf.shape for path, leaf in flat.items()}


def _name(known: Names, path: str, paths: Collection[str]) -> str | None:
  module, _, leaf = path.rpartition('/')
  whole = known(path, paths)
  if whole is not None:
    return whole
  # Normalisations lie one level below the name that their rule is for.
  for above in (module, module.rpartition('/')[0]):
    name = known(above, paths)
    if name is not None:
      return f'{name}.{_LEAVES.get(leaf, leaf)}'
  return None


def _arranged(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
  """Returns an array of PyTorch's in the layout of ours; None: does not fit."""
  with np.errstate(over='ignore'):  # an inf is told of by name
    array = array.astype(np.float32)
  # [O, I, h, w] and [O, I] become [h, w, I, O] and [I, O]; axes of length 1
  # make the difference between a dense layer and a 1x1 convolution.
  axes = {4: (2, 3, 1, 0), 2: (1, 0)}.get(array.ndim)
  array = array if axes is None else array.transpose(axes)
  if [n for n in array.shape if n > 1] != [n for n in shape if n > 1]:
    return None
  return np.ascontiguousarray(array.reshape(shape))


# By the parts that a block has: each part's convolution and normalisation.
_MOBILE = {
  frozenset({'depthwise', 'pointwise'}): {
    'depthwise': ('conv_dw', 'bn1'),
    'pointwise': ('conv_pw', 'bn2'),
  },
  frozenset({'depthwise', 'project'}): {
    'depthwise': ('conv_dw', 'bn1'),
    'project': ('conv_pw', 'bn2'),
  },
  frozenset({'expand', 'depthwise', 'project'}): {
    'expand': ('conv_pw', 'bn1'),
    'depthwise': ('conv_dw', 'bn2'),
    'project': ('conv_pwl', 'bn3'),
  },
  frozenset({'expand', 'project'}): {
    'expand': ('conv_exp', 'bn1'),
    'project': ('conv_pwl', 'bn2'),
  },
  frozenset({'single'}): {'single': ('conv', 'bn1')},
}
_SQUEEZE = {'reduce': 'conv_reduce', 'expand': 'conv_expand'}
_KINDS = ('conv', 'normalise')


def mobile(path: str, paths: Collection[str]) -> str | None:
  """Names what MobileNets and EfficientNets are built from.

  Args:
    path: Of a module, 'stages_0/block_1/expand/conv'.
    paths: Of all parameters, as the parts of a block tell its kind.

  Returns:
    timm's name, 'blocks.0.1.conv_pw'.
  """
  single = {'classifier': 'classifier', 'widen': 'conv_head'}
  words = path.split('/')
  if path in single:
    return single[path]
  if len(words) == 2 and words[1] in _KINDS:
    return _ends(paths).get(words[0], (None, None))[_KINDS.index(words[1])]
  found = re.fullmatch(r'stages_(\d+)/block_(\d+)/(\w+)/(\w+)', path)
  if not found:
    return None
  stage, block, part, kind = found.groups()
  name = _part(f'stages_{stage}/block_{block}/', part, kind, paths)
  return name and f'blocks.{stage}.{block}.{name}'


def _ends(paths: Collection[str]) -> dict[str, tuple[str, str]]:
  """Returns the names of stem and head."""
  ends = {'stem': ('conv_stem', 'bn1'), 'head': ('conv_head', 'bn2')}
  if 'widen/kernel' in paths:
    # timm counts the last 1x1 convolution of MobileNetV3 among the blocks.
    stages = {p.split('/')[0] for p in paths if p.startswith('stages_')}
    last = f'blocks.{len(stages)}.0'
    ends['head'] = (f'{last}.conv', f'{last}.bn1')
  return ends


def _part(
  block: str, part: str, kind: str, paths: Collection[str]
) -> str | None:
  if part == 'se':
    name = _SQUEEZE.get(kind)
    return name and f'se.{name}'
  parts = {p[len(block) :].split('/')[0] for p in paths if p.startswith(block)}
  known = _MOBILE.get(frozenset(parts - {'se'}), {})
  if part not in known or kind not in _KINDS:
    return None
  return known[part][_KINDS.index(kind)]
