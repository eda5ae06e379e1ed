"""Configs: a Python file with `get_config`, and overrides by command line.

A config ends as plain JSON values, so that workers, a resumed search and the
record of a run all have the same. What the keys of a section mean, the function
says whose arguments they are.
"""

from collections.abc import Iterator, Mapping, Sequence
import importlib.util
import math
import pathlib
import re
import traceback
from typing import Any

from absl import flags
from ml_collections import config_dict, config_flags

from effnas import errors, files

_SECTIONS = (
  'space',
  'space_args',
  'data',
  'quant',
  'optim',
  'train',
  'footprint',
  'search',
)
# Those of a config whose trials are looked up in a table.
_OF_A_TABLE = ('table', 'search')
# Sections that a config may leave out.
_OPTIONAL = ('compress', 'proxies')
# Keys that the code reads by name, beside those with defaults.
_NEEDED = {
  'data': ('name',),
  'train': ('augment', 'crop_padding', 'checkpoint_every'),
  'footprint': ('targets', 'batch', 'compile'),
  'search': ('objectives', 'constraints'),
}
# Settings that a config need not have to be overridden, with their defaults (a
# test compares them with the code's).
FURTHER: Mapping[str, Any] = {
  'search.constraints': {},
  'search.soft_constraints': {},
  'search.start_with': [],
  'search.warm_start': None,
  'search.trials': 24,
  'search.concurrency': 1,
  'search.sampler': 'nsga2',
  'search.sampler_args': {},
  'search.prefilter': {},
  'search.scheduler': 'none',
  'search.scheduler_args': {},
  'search.seed': 0,
  'search.engine': 'ray',
  'search.asynchronous': False,
  'search.max_draws': 100,
  'search.resources': {},
  'search.batch': 1,
  'search.time_limit_s': None,
  'search.memory_limit_bytes': None,
  'search.retries': 1,
  'search.tune_searcher': None,
  'search.tune_scheduler': None,
  'data.path': None,
  'data.valid': None,
  'data.test': None,
  'data.limit': None,
  'data.labels': None,
  'data.verify': True,
  'data.remap': False,
  'data.bits': None,
  'data.layout': None,
  'optim.sam': 0.0,
  'optim.lookahead': 0,
  'optim.lookahead_alpha': 0.5,
  'train.init': None,
  'train.accumulate': 1,
  'train.resolutions': None,
  'train.curriculum': None,
  'train.stop_after': 0,
  'train.pretrain': None,
  'train.distill': None,
}
# What a run writes into its config.json beside the config.
_NOTES = ('space_description', 'arch', 'trained')
_OVERRIDE = re.compile(r'--?(no)?config\.([^=]+)(?:=(.*))?', re.DOTALL)
_NUMBER = re.compile(r'-[\d.]')
_NULL = ('None', 'null')


def define(values: flags.FlagValues) -> None:
  """Defines `--config`."""
  flags.DEFINE_string(
    'config',
    None,
    'The config: a Python file with get_config(), FILE.py or FILE.py:VARIANT '
    '(e.g. configs/digits.py:smoke), or the config.json of a run.',
    flag_values=values,
  )


def split(argv: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
  """Takes the overrides out of a command line.

  Args:
    argv: Its words.

  Returns:
    The other words, and (key, text) of each override.

  Example:
    >>> split(['--config=a.py', '--config.seed=1', '--noconfig.fast', 'b'])
    (['--config=a.py', 'b'], [('seed', '1'), ('fast', 'false')])
  """
  rest, overrides = [], []
  words = list(argv)
  while words:
    word = words.pop(0)
    match = _OVERRIDE.fullmatch(word)
    if not match:
      rest.append(word)
      continue
    no, key, text = match.groups()
    if no:
      text = 'false'
    elif text is None:
      value = words and (words[0][:1] != '-' or _NUMBER.match(words[0]))
      text = words.pop(0) if value else 'true'
    overrides.append((key, text))
  return rest, overrides


def load(
  path: str, overrides: Sequence[tuple[str, str]] = ()
) -> dict[str, Any]:
  """Loads a config.

  Args:
    path: 'FILE.py', 'FILE.py:VARIANT', or a 'config.json'.
    overrides: (dotted key, text of its value).

  Returns:
    The config, plain JSON values: tuples have become lists.

  Raises:
    UserError: The file gives no config, or an override does not fit it.
  """
  file, _, variant = path.partition(':')
  raw = _read(file) if file.endswith('.json') else _call(file, variant)
  try:
    found = _apply(_plain(raw, ''), overrides)
  except RecursionError:
    raise errors.UserError(
      f'the config {path} is nested too deep, or holds itself'
    ) from None
  _check(found)
  return found


def _read(file: str) -> dict[str, Any]:
  found = files.read_json(file, 'config')
  if not isinstance(found, dict):
    raise errors.UserError(f'the config {file} is no JSON object')
  return {key: v for key, v in found.items() if key not in _NOTES}


def arch(path: str | None) -> Any:
  """Returns the arch that a run noted in its config.json; None where none is.

  Args:
    path: What `load` took.
  """
  if path is None or not path.endswith('.json'):
    return None
  found = files.read_json(path, 'config')
  return found.get('arch') if isinstance(found, dict) else None


def _call(file: str, variant: str) -> Any:
  """Returns what the `get_config` of a file does."""
  if not pathlib.Path(file).is_file():
    raise errors.UserError(f'there is no config file {file!r}')
  try:
    spec = importlib.util.spec_from_file_location('config', file)
    if spec is None or spec.loader is None:
      raise errors.UserError(f'a config is a Python file, got {file!r}')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    get_config = getattr(module, 'get_config', None)
    if not callable(get_config):
      raise errors.UserError(f'{file} has no function get_config()')
    found = get_config(*([variant] if variant else []))
  except errors.UserError:
    raise
  except (Exception, SystemExit) as e:
    where = [
      frame.lineno
      for frame in traceback.extract_tb(e.__traceback__)
      if frame.filename.endswith(file)
    ]
    line = getattr(e, 'lineno', None) or (where[-1] if where else '?')
    raise errors.UserError(
      f'the config {file} failed in line {line}: {type(e).__name__}: {e}'
    ) from e
  if isinstance(found, config_dict.ConfigDict):
    return found.to_dict()
  if isinstance(found, Mapping):
    return found
  raise errors.UserError(
    f'get_config() of {file} must return a ConfigDict, it returned {found!r}'
  )


def _plain(value: Any, key: str) -> Any:
  """Returns a value as JSON gives it back; `key` is for the message."""
  if isinstance(value, Mapping):
    return {
      str(k): _plain(v, f'{key}.{k}' if key else str(k))
      for k, v in value.items()
    }
  if isinstance(value, list | tuple):
    return [_plain(v, key) for v in value]
  if isinstance(value, str) and '\0' in value:
    raise errors.UserError(f'the config value {key} holds a NUL: {value!r}')
  finite = not isinstance(value, float) or math.isfinite(value)
  if value is None or (isinstance(value, str | int | float) and finite):
    return value
  raise errors.UserError(
    f'the config value {key} is no JSON value: {value!r}; name functions as '
    "'module:function'"
  )


def _apply(
  found: dict[str, Any], overrides: Sequence[tuple[str, str]]
) -> dict[str, Any]:
  """Returns the config with the overrides, checked against its types."""
  if not overrides:
    return found
  found = _declared(found, [key for key, _ in overrides])
  keys = {'.'.join(way): way for way in _keys(found)}
  argv = ['effnas']
  free = set()  # keys that may have any type now
  for key, text in overrides:
    if key not in keys:
      raise errors.unknown('config key', key, keys)
    if text in _NULL:
      free.add(keys[key])
      text = 'None'  # noqa: PLW2901
    # In brackets, as a key may be no Python name: 'stem/*'.
    path = ''.join(f'[{part!r}]' for part in keys[key][1:])
    argv.append(f'--config.{keys[key][0]}{path}={text}')
  values = flags.FlagValues()
  try:
    config_flags.DEFINE_config_dict(
      'config',
      config_dict.ConfigDict(_typed(found, free)),
      flag_values=values,
      sys_argv=argv,
    )
    values(argv)
  except (flags.Error, ValueError, TypeError) as e:
    raise errors.UserError(str(e)) from None
  return _plain(values.config.to_dict(), '')


def _declared(found: dict[str, Any], wanted: Sequence[str]) -> dict[str, Any]:
  """Returns the config with what it leaves out and shall be overridden."""
  for key in wanted:
    section, _, name = key.partition('.')
    inner = found.get(section)
    if key in FURTHER and isinstance(inner, Mapping) and name not in inner:
      found = {**found, section: {**inner, name: FURTHER[key]}}
  return found


def _keys(
  value: Mapping[str, Any], way: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
  for key, inner in value.items():
    yield (*way, key)
    if isinstance(inner, Mapping):
      yield from _keys(inner, (*way, key))


def _typed(value: Any, free: set, way: tuple[str, ...] = ()) -> Any:
  """Returns values that `config_flags` can override, each by its own type."""
  if value is None or way in free:
    # An unset field of any type; None is its value.
    kept = None if isinstance(value, Mapping) else value
    return config_dict.FieldReference(kept, field_type=object)
  if isinstance(value, Mapping):
    return {k: _typed(v, free, (*way, k)) for k, v in value.items()}
  if isinstance(value, list):
    return tuple(value)
  return value


def _check(found: Mapping[str, Any]) -> None:
  needed: tuple[str, ...] = _SECTIONS
  further: tuple[str, ...] = _OPTIONAL
  if 'table' in found:
    needed, further = _OF_A_TABLE, ()
  for section in needed:
    if section not in found:
      raise errors.UserError(
        f'the config has no section {section!r}; it needs {", ".join(needed)}'
      )
  for section, value in found.items():
    if section not in (*needed, *further):
      raise errors.unknown('config section', section, (*needed, *further))
    if section == 'space':
      if not isinstance(value, str):
        raise errors.UserError(f'config.space must be a name, got {value!r}')
    elif not isinstance(value, Mapping):
      raise errors.UserError(
        f'config.{section} must be a mapping of settings, got {value!r}'
      )
    for key in _NEEDED.get(section, ()):
      if key not in value:
        raise errors.UserError(f'the config lacks {section}.{key}')
  for key in found.get('footprint', ()):
    if key not in _NEEDED['footprint']:
      raise errors.unknown('config key footprint', key, _NEEDED['footprint'])
