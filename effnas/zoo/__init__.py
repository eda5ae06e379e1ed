"""Published networks and the search spaces around them, a file per family.

A file of this folder that has a function `networks() -> dict[str, Network]` is
found by itself, and so is one that has a function `space(**kwargs) -> Space`;
nothing else is edited to add one. Beside them may stand

    miniature() -> Network: the family in small, to try in seconds
    INPUT: what networks of the space take, a `network.Input`
    arch(row), row(arch): from a row of a public table to an arch, and back
"""

from collections.abc import Iterator
import functools
import importlib
import importlib.resources
import json
import pkgutil
from types import ModuleType
from typing import Any

from effnas import errors
from effnas.zoo import network, pytorch

load_torch = pytorch.load


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
def table() -> list[dict[str, Any]]:
  """Returns what was counted of the networks: the file that `make zoo` writes.

  Returns:
    A row per network with its name, paper, params, macs, input. A network may
    be missing that is newer than the table.

  Example:
    >>> {row['name']: row['params'] for row in table()}['mobilenet_v2']
    3504872
  """
  file = importlib.resources.files(__name__) / 'table.json'
  return json.loads(file.read_text(encoding='utf-8'))


@functools.cache
def miniatures() -> dict[str, network.Network]:
  """Returns the small network of each family that has one, by family.

  Example:
    >>> miniatures()['mobilenet_v2'].build().classes
    10
  """
  return {
    name: family.miniature()
    for name, family in _families()
    if hasattr(family, 'miniature')
  }


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


def of_space(name: str, attribute: str) -> Any:
  """Returns what the module of a space has under a name, or None.

  Args:
    name: One of `spaces()`, or 'module:function' for any other.
    attribute: 'arch', 'row', 'INPUT' ...

  Example:
    >>> of_space('survey_cnn', 'INPUT').shape
    (32, 32, 3)
  """
  module, _, _ = spaces().get(name, name).partition(':')
  return getattr(importlib.import_module(module), attribute, None)


def takes(name: str, /, **arguments: Any) -> network.Input | None:
  """Returns what the networks of a space take, or None where it is not said.

  Args:
    name: As for `of_space`.
    **arguments: Those of the space; its module may have a function `takes` of
      them instead of INPUT.

  Example:
    >>> takes('published', name='bert_tiny')
    Input(shape=(512,), dtype='int32')
  """
  said = of_space(name, 'takes')
  return said(**arguments) if said else of_space(name, 'INPUT')
