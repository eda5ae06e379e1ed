"""One published network as a space of one point, to train it from a config."""

from typing import Any

from effnas import arguments as arguments_lib
from effnas import space as sp
from effnas.zoo import network


def space(name: str = 'mobilenet_v2', **arguments: Any) -> sp.Space:
  """Returns the space that holds a published network and nothing to choose.

  Args:
    name: One of `effnas.zoo.networks()`.
    **arguments: Override what the published one has, e.g. `classes`.

  Returns:
    A space of one point.

  Raises:
    UserError: The name is none of the zoo's, or the network does not take one
      of the arguments.

  Example:
    >>> space('mobilenet_v2', classes=10).build({})['model'].classes
    10
  """
  from effnas import zoo  # which imports this file

  build = zoo.load(name).build
  # Configs come from JSON, which has no tuples; fields of networks must hash.
  given = {key: _hashable(value) for key, value in arguments.items()}
  arguments_lib.values(build, given, f'the network {name!r}: ')
  model = arguments_lib.called(build, given, f'the network {name!r}')
  return sp.Space({'model': model})


def takes(name: str = 'mobilenet_v2', **_: Any) -> network.Input:
  """Returns what the network takes, by the arguments of the space."""
  from effnas import zoo

  published = zoo.load(name)
  return network.Input(published.input_shape, published.input_dtype)


def _hashable(value: Any) -> Any:
  if isinstance(value, list | tuple):
    return tuple(_hashable(item) for item in value)
  return value
