"""Reading a config: what it has to say, told by name where it does not."""

from collections.abc import Mapping
from typing import Any

from effnas import errors

# What has no default, and what it may be.
_NEEDED: Mapping[str, Any] = {
  'space': 'hybrid',
  'space_args': {},
  'data': {'name': 'digits'},
  'data.name': 'digits',
  'quant': {'weights': 8},
  'optim': {'name': 'adamw'},
  'train': {'epochs': 12, 'batch_size': 64},
  'train.epochs': 12,
  'train.batch_size': 64,
  'train.augment': ['crop'],
  'train.crop_padding': 1,
  'train.checkpoint_every': 0,
  'footprint': {'targets': ['tpu_v5e'], 'batch': 1, 'compile': []},
  'footprint.targets': ['tpu_v5e'],
  'footprint.batch': 1,
  'footprint.compile': ['tpu_v5e'],
  'search': {'objectives': ['accuracy', 'size_bytes']},
}


def value(values: Mapping[str, Any], key: str, section: str = '') -> Any:
  """Returns what a config, or a section of it, says under a key.

  Args:
    values: The config, or the section.
    key: The key.
    section: The section's name, '' for the config itself.

  Raises:
    UserError: It says nothing, or has no section where one is needed.

  Example:
    >>> value({'targets': []}, 'batch', 'footprint')
    Traceback (most recent call last):
    effnas.errors.UserError: the config lacks footprint.batch, e.g. 1
  """
  name = f'{section}.{key}' if section else key
  example = _NEEDED[name]
  if key not in values:
    raise errors.UserError(f'the config lacks {name}, e.g. {example!r}')
  found = values[key]
  if isinstance(example, dict) and not isinstance(found, Mapping):
    raise errors.UserError(
      f'{name} must hold settings by name, e.g. {example!r}; got {found!r}'
    )
  return found


def check(values: Mapping[str, Any], section: str) -> None:
  """Raises a UserError where a section lacks a key that it needs."""
  for name in _NEEDED:
    if name.startswith(f'{section}.'):
      value(values, name.removeprefix(f'{section}.'), section)
