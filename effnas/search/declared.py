"""Choices in a config: `{'oneof': [4, 8]}` stands where a value would stand.

A config holds JSON values only, so that a choice is written as a mapping of
one key, the name of a function of `effnas.space`, to its arguments:

    'compress': {'prune': {'sparsity': {'oneof': [0.0, 0.5, 0.75]}}}
    'optim': {'lr': {'loguniform': [1e-3, 1e-1]}}

They become decisions of the space, keyed by their place in the config.
"""

from collections.abc import Mapping
from typing import Any

from effnas import errors, space

_KINDS = ('oneof', 'intrange', 'uniform', 'loguniform')


def found(value: Mapping[str, Any]) -> dict[str, Any]:
  """Returns the choices of a section, each at its place.

  Args:
    value: A section of a config.

  Returns:
    A nested dict of choices; what holds none is left out.

  Raises:
    UserError: The arguments of a choice are none.

  Example:
    >>> found({'weights': {'oneof': [4, 8]}, 'activations': 8})
    {'weights': oneof(4, 8)}
  """
  choices = {}
  for key, inner in value.items():
    if not isinstance(inner, Mapping):
      continue
    made = _choice(inner) if _is_choice(inner) else found(inner)
    if made != {}:
      choices[key] = made
  return choices


def joined(
  tree: Mapping[str, Any], choices: Mapping[str, Any], path: str = ''
) -> dict[str, Any]:
  """Returns a space's tree with the choices of a config in it.

  Args:
    tree: What the space declares.
    choices: By section, as `found` returns them.
    path: What leads here, for the message.

  Raises:
    UserError: The space says itself what stands there.

  Example:
    >>> joined({'quant': {'weights': 8}}, {'quant': {'activations': 4}})
    {'quant': {'weights': 8, 'activations': 4}}
  """
  both = dict(tree)
  for key, inner in choices.items():
    here = f'{path}.{key}' if path else key
    if key not in both:
      both[key] = inner
    elif isinstance(inner, Mapping) and isinstance(both[key], Mapping):
      both[key] = joined(both[key], inner, here)
    else:
      raise errors.UserError(
        f'{here} is declared by the space already; take the choice out of the '
        'config'
      )
  return both


def merged(
  section: Mapping[str, Any], chosen: Mapping[str, Any]
) -> dict[str, Any]:
  """Returns a section of a config with what was chosen in it.

  Args:
    section: The section.
    chosen: What a built space has under its name; takes precedence.

  Example:
    >>> merged({'bits': {'oneof': [4, 8]}, 'seed': 0}, {'bits': 4})
    {'bits': 4, 'seed': 0}
  """
  both = dict(section)
  for key, value in chosen.items():
    old = both.get(key)
    deeper = isinstance(value, Mapping) and isinstance(old, Mapping)
    both[key] = merged(old, value) if deeper and old else value
  return both


def _is_choice(value: Mapping[str, Any]) -> bool:
  return len(value) == 1 and next(iter(value)) in _KINDS


def _choice(value: Mapping[str, Any]) -> Any:
  ((kind, arguments),) = value.items()
  if not isinstance(arguments, list | tuple):
    raise errors.UserError(
      f"a choice lists its arguments, as {{'{kind}': [4, 8]}}; got {value!r}"
    )
  options = [tuple(a) if isinstance(a, list) else a for a in arguments]
  try:
    return getattr(space, kind)(*options)
  except TypeError:
    raise errors.UserError(
      f'{kind} takes other arguments than {list(arguments)!r}'
    ) from None
