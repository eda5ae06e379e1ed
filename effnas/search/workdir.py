"""The folder of a search: one config, one writer.

config.json holds the config and, as 'space_description', what its space was;
identity.json what it was made with (`effnas.search.identity`); environment.json
the versions it ran on; trials.jsonl the journal.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
import contextlib
import fcntl
import functools
import importlib.metadata
import itertools
import json
import logging
import os
import pathlib
import platform
from typing import Any

from effnas import errors, files
from effnas.search import identity as identity_lib
from effnas.search import journal, plain, tidying

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
_SHOWN = 3  # differences in one message
# What a run leaves beside a journal.
_LEFT = ('training', 'weights.safetensors', 'steps')
# Settings of 'search' that say what a trial gets, and not what it is: a search
# may go on with others.
_LENT = ('resources', 'batch', 'time_limit_s', 'memory_limit_bytes', 'retries')


@contextlib.contextmanager
def opened(
  path: str | os.PathLike[str],
  config: Mapping[str, Any],
  description: Any = None,
  provenance: Mapping[str, Any] | None = None,
  *,
  identity: Mapping[str, str] | None = None,
  accept_changes: bool = False,
  finished: str = '',
  resize: Callable[[pathlib.Path, Any], None] | None = None,
) -> Iterator[pathlib.Path]:
  """Creates a workdir or takes one up, and keeps other writers out meanwhile.

  Args:
    path: The folder.
    config: The config of the run, JSON values.
    description: What the config's space is, JSON values.
    provenance: Where the data comes from, JSON values.
    identity: What the run is made with, checksums by name; see
      `effnas.search.identity`.
    accept_changes: Whether it may go on with another identity.
    finished: The file that a run leaves when it has ended, beside its journal:
      whatever is accepted, its result stays what it was made with.
    resize: Called with the folder and its 'search.trials' where that is another
      number now; raises a UserError where the search cannot go on so. None
      refuses.

  Yields:
    The folder's absolute path.

  Raises:
    UserError: It cannot be written, it is in use, or it holds another run.
      This or a later one, before anything was trained, leaves no folder behind.
  """
  folder = pathlib.Path(path).absolute()
  now = {**plain.plain(config), 'space_description': plain.plain(description)}
  begun_in = functools.partial(_begun, finished=finished)
  with tidying.tidy(folder, begun_in), _locked(folder):
    try:
      begun = begun_in(folder)
      if begun:
        old = _held(folder)
        _compare(folder, old, now, resize)
        identity_lib.hold(
          folder,
          identity or {},
          accept=accept_changes,
          ended=bool(finished) and (folder / finished).is_file(),
          trial=functools.partial(_next_trial, folder),
        )
        _take_up(folder, old, now)
      else:  # nothing would be lost: mistakes can be mended in place
        files.write_json(folder / 'config.json', now)
        identity_lib.begin(folder, identity or {})
      _note_environment(folder, plain.plain(provenance or {}), begun)
    except OSError as e:
      raise files.unwritable(f'the workdir {folder}', e) from None
    yield folder


@contextlib.contextmanager
def _locked(folder: pathlib.Path) -> Iterator[None]:
  try:
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / '.lock').open('w')
  except OSError as e:
    raise files.unwritable(f'the workdir {folder}', e) from None
  with lock:
    try:
      fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
      raise errors.UserError(
        f'another search is running in {folder}; wait for it, or choose '
        'another workdir'
      ) from None
    yield


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
  return text if len(text) <= 40 else f'{text[:37]}...'


def _begun(folder: pathlib.Path, finished: str) -> bool:
  events = folder / 'trials.jsonl'
  if events.is_file() and events.stat().st_size:
    return True
  left = [folder / name for name in (*_LEFT, finished) if name]
  inside = (file for path in left for file in path.rglob('*'))
  return any(file.is_file() for file in itertools.chain(left, inside))


def _next_trial(folder: pathlib.Path) -> int | None:
  """The first trial of a search that has not finished yet."""
  if not (folder / 'trials.jsonl').is_file():
    return None
  trials = journal.read(folder)
  return next((t.id for t in trials if not t.finished), len(trials))


def _held(folder: pathlib.Path) -> dict[str, Any]:
  """Returns the config of a run that has begun."""
  try:
    found = files.parse((folder / 'config.json').read_bytes())
    if not isinstance(found, dict):
      raise ValueError('no JSON object')
  except (OSError, ValueError) as e:
    raise errors.UserError(
      f'{folder} holds a run but no readable config.json ({e}); choose another '
      'workdir'
    ) from None
  return found


def _compare(
  folder: pathlib.Path,
  old: dict[str, Any],
  now: dict[str, Any],
  resize: Callable[[pathlib.Path, Any], None] | None,
) -> None:
  """Refuses a config that is not the folder's."""
  free = _LENT if resize is None else (*_LENT, 'trials')
  found = differences(_lasting(old, free), _lasting(now, free))
  if found:
    more = f'; and {len(found) - _SHOWN} more' if len(found) > _SHOWN else ''
    raise errors.UserError(
      f'{folder} holds another run: {"; ".join(found[:_SHOWN])}{more}; choose '
      'another workdir'
    )
  if resize is not None:
    was, wanted = (c['search'].get('trials') for c in (old, now))
    if differences(was, wanted):
      resize(folder, was)


def _take_up(
  folder: pathlib.Path, old: dict[str, Any], now: dict[str, Any]
) -> None:
  """Writes the config where what may differ does."""
  changed = differences(old, now)
  if changed:
    _log.warning('%s goes on with %s', folder, '; '.join(changed))
    files.write_json(folder / 'config.json', now)


def _lasting(config: Mapping[str, Any], free: Sequence[str]) -> dict[str, Any]:
  """The part of a config that no run of its search may change."""
  search = config.get('search')
  if not isinstance(search, dict):
    return dict(config)
  return {
    **config,
    'search': {key: v for key, v in search.items() if key not in free},
  }


def _note_environment(
  folder: pathlib.Path, provenance: dict[str, Any], begun: bool
) -> None:
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
  if not begun or not file.exists():
    files.write_json(file, now)
    return
  with contextlib.suppress(ValueError):
    for text in differences(files.parse(file.read_bytes()), now):
      _log.warning('the environment of %s has changed: %s', folder, text)
