"""Published networks and the search spaces around them, a file per family.

A file of this folder that has a function `networks() -> dict[str, Network]` is
found by itself, and so is one that has a function `space(**kwargs) -> Space`;
nothing else is edited to add one.
"""

from collections.abc import Iterator
import functools
import importlib
import pkgutil
from types import ModuleType

from effnas import errors
from effnas.zoo import network


def _families() -> Iterator[tuple[str, ModuleType]]:
  for info in pkgutil.iter_modules(__path__):
    yield info.name, importlib.import_module(f'{__name__}.{info.name}')


@functools.cache
def networks() -> dict[str, network.Network]:
  """Returns every published network by its name, sorted.

  Example:
    >>> networks()['mobilenet_v2'].input_shape
    (224, 224, 3)
  """
  found: dict[str, network.Network] = {}
  for _, family in _families():
    found.update(getattr(family, 'networks', dict)())
  return dict(sorted(found.items()))


def load(name: str) -> network.Network:
  """Returns a published network.

  Args:
    name: One of `networks()`.

  Returns:
    The network.

  Raises:
    UserError: The name is none of the zoo's; says the near ones.
  """
  if name not in networks():
    raise errors.unknown('network', name, networks())
  return networks()[name]


@functools.cache
def spaces() -> dict[str, str]:
  """Returns the zoo's search spaces: short name -> 'module:function'.

  Example:
    >>> spaces()['hybrid']
    'effnas.zoo.hybrid:space'
  """
  return {
    name: f'{family.__name__}:space'
    for name, family in _families()
    if hasattr(family, 'space')
  }
