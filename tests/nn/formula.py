"""Runs the section Cost of a module's docstring.

The lines are Python; what they can name:

  H, W, C, T: the input's height, width, channels and positions (H * W).
  H_, W_, F: the output's.
  grid: the shape of the grid of positions, (H, W) or (T,).
  The module's fields, by their names.
  macs(field, T=..., C=...): the MACs of the module in that field, by its own
    docstring, where the other names mean what they mean here unless given.
  divisible: `effnas.nn.channels.divisible`.

The last line sets MACs, those of one example. Embeddings set `parameters` too.
"""

import dataclasses
import inspect
import math
import textwrap
from typing import Any

from effnas.nn import channels


def section(module: Any) -> str:
  """Returns the lines of the section Cost."""
  lines = inspect.getdoc(type(module)).splitlines()
  if 'Cost:' not in lines:
    raise AssertionError(f'{type(module).__name__} has no section Cost')
  start = lines.index('Cost:') + 1
  taken = []
  for line in lines[start:]:
    if line and not line.startswith(' '):
      break
    taken.append(line)
  return textwrap.dedent('\n'.join(taken))


def run(module: Any, names: dict[str, Any]) -> dict[str, Any]:
  """Returns all names after the section has run."""
  fields = {
    f.name: getattr(module, f.name)
    for f in dataclasses.fields(module)
    if f.name not in ('parent', 'name')
  }
  scope = {
    'math': math,
    'divisible': channels.divisible,
    **names,
    **fields,
  }
  scope['macs'] = lambda inner, **given: run(inner, scope | given)['MACs']
  exec(section(module), scope)
  return scope


def of(module: Any, x_shape: tuple, y_shape: tuple) -> dict[str, Any]:
  """Runs the cost of a module that maps one example to another.

  Args:
    module: With a section Cost.
    x_shape: Of its input, without the batch: (H, W, C) or (T, C).
    y_shape: Of its output.
  """
  *grid, c = x_shape
  *out_grid, f = y_shape
  names = {'C': c, 'F': f, 'T': math.prod(grid), 'grid': tuple(grid)}
  if len(grid) == 2:
    names |= dict(zip(('H', 'W'), grid, strict=True))
    names |= dict(zip(('H_', 'W_'), out_grid, strict=True))
  return run(module, names)
