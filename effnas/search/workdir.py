"""The folder of a search: one config, one writer.

config.json holds the config and, as 'space_description', what its space was;
environment.json the versions it ran on; trials.jsonl the journal.
"""

from collections.abc import Iterator, Mapping
import contextlib
import fcntl
import importlib.metadata
import json
import logging
import os
import pathlib
import platform
from typing import Any

from effnas import errors
from effnas.search import plain, tidying

_log = logging.getLogger(__name__)
_PACKAGES = (
  'effnas',
  'jax',
  'jaxlib',
  'flax',
  'optax',
  'aqtp',
  'ray',
  'numpy',
  'libtpu',
)
_SHOWN = 5  # differences in one message
# Settings of 'search' that say what a trial gets, and not what it is: a search
# may go on with others.
_LENT = ('resources', 'batch', 'time_limit_s', 'memory_limit_bytes', 'retries')


@contextlib.contextmanager
def opened(
  path: str | os.PathLike[str],
  config: Mapping[str, Any],
  description: Any = None,
  provenance: Mapping[str, Any] | None = None,
) -> Iterator[pathlib.Path]:
  """Creates a workdir or takes one up, and keeps other writers out meanwhile.

  Args:
    path: The folder.
    config: The config of the run, JSON values.
    description: What the config's space is, JSON values.
    provenance: Where the data comes from, JSON values.

  Yields:
    The folder's absolute path.

  Raises:
    UserError: It cannot be written, it is in use, or it holds another search.
      This or a later one, before the first trial, leaves no folder behind.
  """
  folder = pathlib.Path(path).absolute()
  with tidying.tidy(folder), _locked(folder):
    try:
      _take_up(folder, plain.plain(config), plain.plain(description))
      _note_environment(folder, plain.plain(provenance or {}))
    except OSError as e:
      raise errors.UserError(
        f'cannot write the workdir {folder}: {e.strerror}'
      ) from None
    yield folder


@contextlib.contextmanager
def _locked(folder: pathlib.Path) -> Iterator[None]:
  try:
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / '.lock').open('w')
  except OSError as e:
    raise errors.UserError(
      f'cannot write the workdir {folder}: {e.strerror}'
    ) from None
  with lock:
    try:
      fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
      raise errors.UserError(
        f'another search is running in {folder}; wait for it, or choose '
        'another workdir'
      ) from None
    yield


def write(path: pathlib.Path, value: Any) -> None:
  """Writes a JSON file that is there as a whole or not at all.

  Args:
    path: The file.
    value: JSON values.
  """
  draft = path.with_name(f'.{path.name}.new')
  with draft.open('w', encoding='utf-8') as file:
    json.dump(value, file, indent=2, sort_keys=True, allow_nan=False)
    file.write('\n')
    file.flush()
    os.fsync(file.fileno())
  draft.replace(path)


def differences(old: Any, new: Any, path: str = '') -> list[str]:
  """Says where two JSON values differ.

  Args:
    old: The value of the workdir.
    new: The value of now.
    path: What leads to them.

  Returns:
    One text for each difference, in order of the keys.

  Example:
    >>> differences({'search': {'trials': 24}}, {'search': {'trials': 40}})
    ['search.trials: 24 (workdir) != 40 (now)']
  """
  if isinstance(old, dict) and isinstance(new, dict):
    return [
      text
      for key in sorted({*old, *new})
      for text in differences(
        old.get(key, _ABSENT),
        new.get(key, _ABSENT),
        f'{path}.{key}' if path else key,
      )
    ]
  # Compared as text: in JSON, true and 1 are different values.
  if _text(old) == _text(new):
    return []
  return [f'{path}: {_short(old)} (workdir) != {_short(new)} (now)']


_ABSENT = object()


def _text(value: Any) -> str:
  return 'absent' if value is _ABSENT else json.dumps(value, sort_keys=True)


def _short(value: Any) -> str:
  text = _text(value)
  return text if len(text) <= 60 else f'{text[:57]}...'


def _take_up(
  folder: pathlib.Path, config: dict[str, Any], description: Any
) -> None:
  """Writes the config, or refuses one that is not the folder's."""
  now = {**config, 'space_description': description}
  file, journal = folder / 'config.json', folder / 'trials.jsonl'
  begun = journal.exists() and b'\n' in journal.read_bytes()
  if not begun:  # nothing would be lost: mistakes can be mended in place
    write(file, now)
    return
  try:
    old = json.loads(file.read_bytes())
  except (OSError, ValueError) as e:
    raise errors.UserError(
      f'{folder} holds trials but no readable config.json ({e}); choose '
      'another workdir'
    ) from None
  found = differences(_lasting(old), _lasting(now))
  if found:
    more = f'; and {len(found) - _SHOWN} more' if len(found) > _SHOWN else ''
    raise errors.UserError(
      f'{folder} holds a search of another config: '
      f'{"; ".join(found[:_SHOWN])}{more}; choose another workdir'
    )
  changed = differences(old, now)
  if changed:
    _log.warning('%s goes on with other limits: %s', folder, '; '.join(changed))
    write(file, now)


def _lasting(config: Mapping[str, Any]) -> dict[str, Any]:
  """The part of a config that no run of its search may change."""
  search = config.get('search')
  if not isinstance(search, dict):
    return dict(config)
  return {
    **config,
    'search': {key: v for key, v in search.items() if key not in _LENT},
  }


def _note_environment(folder: pathlib.Path, provenance: dict[str, Any]) -> None:
  versions = {}
  for package in _PACKAGES:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
      versions[package] = importlib.metadata.version(package)
  now = {
    'python': platform.python_version(),
    'platform': platform.platform(),
    'machine': platform.machine(),
    'cpus': os.cpu_count(),
    'versions': versions,
    'data': provenance,
  }
  file = folder / 'environment.json'
  if not (folder / 'trials.jsonl').exists() or not file.exists():
    write(file, now)
    return
  with contextlib.suppress(ValueError):
    for text in differences(json.loads(file.read_bytes()), now):
      _log.warning('the environment of %s has changed: %s', folder, text)
