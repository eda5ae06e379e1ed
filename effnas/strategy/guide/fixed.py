"""One network of a space, or several that differ in their width alone."""

from collections.abc import Mapping, Sequence
import functools
import json
from typing import Any

from effnas import errors, zoo
from effnas import space as sp


def space(
  space: str,
  space_args: Mapping[str, Any],
  arch: Mapping[str, Any] | None = None,
  argument: str | None = None,
  key: str | None = None,
  widths: Sequence[float] = (),
) -> sp.Space:
  """Returns the space of a network at several widths.

  Args:
    space: The space that the network is of, as a config names it.
    space_args: Its arguments.
    arch: Which network of the space; of its parts only the model is kept.
    argument: The argument of the space that is the width.
    key: The decision of the space that is the width.
    widths: What the argument or the decision may be; empty for one network.

  Returns:
    A space with the part 'model', and with widths the decision 'width'.

  Raises:
    UserError: There is no such space or network.

  Example:
    >>> found = space(
    ...   'published', {'name': 'survey_cnn_050'}, argument='width',
    ...   widths=(0.25, 0.5))
    >>> found.build({'width': 0.25})['model'].width
    0.25
  """
  if not widths:
    return sp.Space({'model': _model(space, dict(space_args), arch or {})})
  models = []
  for width in widths:
    args, own = dict(space_args), dict(arch or {})
    if argument is not None:
      args[argument] = width
    if key is not None:
      own[key] = width
    models.append(_model(space, args, own))
  return sp.Space({'model': sp.oneof(*models, name='width', labels=widths)})


def models(space: str, space_args: Mapping[str, Any]) -> sp.Space:
  """Returns a space without what it says beside the model.

  Args:
    space: The space, as a config names it.
    space_args: Its arguments.
  """
  return sp.Space({'model': load(space, space_args).tree['model']})


def load(space: str, space_args: Mapping[str, Any]) -> sp.Space:
  """Returns the space that a config names, without the config's choices.

  Args:
    space: The space, as a config names it.
    space_args: Its arguments.

  Raises:
    UserError: There is none of that name, or it has no part 'model'.
  """
  return _load(space, json.dumps(space_args, sort_keys=True))


@functools.lru_cache(maxsize=64)
def _load(space: str, space_args: str) -> sp.Space:
  if ':' not in space and space not in zoo.spaces():
    raise errors.unknown('space', space, zoo.spaces())
  name = zoo.spaces().get(space, space)
  found = sp.load(name, **json.loads(space_args))
  if not isinstance(found.tree, Mapping) or 'model' not in found.tree:
    raise errors.UserError(f"the space {space!r} has no part 'model'")
  return found


def _model(space: str, args: dict[str, Any], arch: Mapping[str, Any]) -> Any:
  return load(space, args).build(dict(arch))['model']
