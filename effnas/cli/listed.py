"""Archs of a file: a public table, or one arch a line, and their space."""

import pathlib
from typing import Any, NamedTuple

from effnas import errors, files
from effnas.cli import request as request_lib
from effnas.cli import rows


class Space(NamedTuple):
  """The space that the flags name.

  Attributes:
    name: Its name.
    space: The `effnas.space.Space`.
    input_shape: Of one example.
    input_dtype: dtype of the input.
  """

  name: str
  space: Any
  input_shape: tuple[int, ...]
  input_dtype: str


def space(request: request_lib.Request) -> Space:
  """Returns the space of `--space` and `--args`, with what `--input` says.

  Args:
    request: With these flags.

  Raises:
    UserError: There is none, or nothing says what its networks take.
  """
  from effnas import zoo
  from effnas.cli import networks
  from effnas.search.networks import candidate

  name = request.need('space', 'the space of the archs')
  arguments = request.json('args')
  found = candidate.load_space({'space': name, 'space_args': arguments})
  takes = zoo.takes(name, **arguments)
  shape = networks.input_shape(request.flags.input) or (
    takes.shape if takes else ()
  )
  if not shape:
    raise errors.UserError(
      f'{name} says nothing of its input; add --input, e.g. --input=224,224,3'
    )
  return Space(name, found, shape, takes.dtype if takes else 'float32')


def read(path: str, space_name: str) -> list[dict[str, Any]]:
  """Returns the archs of a file.

  Args:
    path: A public table of the space's archs, or a file with an arch, a JSON
      object, a line.
    space_name: The space.

  Raises:
    UserError: It cannot be read, or a line is no arch.
  """
  if rows.is_table(path):
    as_arch = rows.as_archs(space_name)
    return [as_arch(row) for row in rows.read(path)]
  try:
    lines = pathlib.Path(path).read_text(encoding='utf-8').splitlines()
  except (OSError, ValueError) as e:
    why = getattr(e, 'strerror', None) or e
    raise errors.UserError(f'cannot read {path}: {why}') from None
  found = []
  for i, line in enumerate(lines, 1):
    try:
      arch = files.parse(line)
    except ValueError:
      arch = None
    if not isinstance(arch, dict):
      raise errors.UserError(
        f'line {i} of {path} is no arch, which is a JSON object'
      )
    found.append(arch)
  return found
