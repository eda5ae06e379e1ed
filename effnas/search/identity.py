"""What a run was made with: checksums of its data, tables, teachers, files.

A run goes on, or is read again, only with the same. The workdir's identity.json
holds them by name, and every change that somebody has accepted:

    {'made_with': {'data.train': SHA256, ...},
     'changes': [{'name': 'data.train', 'was': SHA256, 'became': SHA256,
                  'from_trial': 8, 'time': Unix seconds}, ...]}

A change without 'was' is of a workdir that did not say it before.
"""

from collections.abc import Callable, Mapping
import hashlib
import json
import logging
import os
import pathlib
import time
from typing import Any

from effnas import errors, files
from effnas.search import plain

_log = logging.getLogger(__name__)

FILE = 'identity.json'
FLAG = '--accept_changes'
_SHOWN = 3  # differences in one message


def of_json(value: Any) -> str:
  """Returns the checksum of JSON values.

  Example:
    >>> of_json({'a': 1, 'b': 2}) == of_json({'b': 2, 'a': 1})
    True
  """
  text = json.dumps(plain.plain(value), sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()


def of_file(path: str | os.PathLike[str], what: str) -> str:
  """Returns the checksum of a file's content.

  Args:
    path: The file.
    what: What it is, for the message.

  Raises:
    UserError: It cannot be read.
  """
  try:
    with pathlib.Path(path).open('rb') as file:
      return hashlib.file_digest(file, 'sha256').hexdigest()
  except OSError as e:
    raise errors.UserError(
      f'cannot read {what} {path}: {e.strerror or e}'
    ) from None
  except ValueError:  # a NUL
    raise errors.UserError(f'cannot read {what} {str(path)!r}') from None


def read(folder: pathlib.Path) -> dict[str, Any] | None:
  """Returns what a workdir was made with, None where it does not say it.

  Raises:
    UserError: Its identity.json cannot be read.
  """
  file = folder / FILE
  if not file.is_file():
    return None
  found = files.read_json(file, 'record of what a run was made with,')
  fits = isinstance(found, dict) and all(
    isinstance(found.get(key), kind)
    for key, kind in (('made_with', dict), ('changes', list))
  )
  if not fits:
    raise errors.UserError(
      f'{file} is no record of what a run was made with; choose another workdir'
    )
  return found


def begin(folder: pathlib.Path, now: Mapping[str, str]) -> None:
  """Writes what a new run is made with.

  Args:
    folder: The workdir.
    now: Checksums by name.
  """
  files.write_json(folder / FILE, {'made_with': dict(now), 'changes': []})


def hold(
  folder: pathlib.Path,
  now: Mapping[str, str],
  *,
  accept: bool = False,
  ended: bool = False,
  trial: Callable[[], int | None] | None = None,
) -> None:
  """Refuses to go on with other data; a change that is accepted is recorded.

  Args:
    folder: The workdir of a run that has begun.
    now: Checksums by name.
    accept: Whether to go on all the same.
    ended: Whether nothing is made any more: then the change is recorded, but
      the run stays one of what it was made with.
    trial: Says which trial of a search is the first that sees what is new.

  Raises:
    UserError: Something differs, and that is not accepted.
  """
  found = read(folder)
  known = found['made_with'] if found else {}
  changed = differing(known, now)
  if changed and not accept:
    raise errors.UserError(
      f'{told(known, now)}: {folder} was made with other data or files; bring '
      f'them back, choose another workdir, or go on with {FLAG}, which is '
      'recorded'
    )
  added = [name for name in now if name not in known]
  if not changed and not added and found:
    return
  first = None if trial is None else trial()
  if changed:
    _log.warning(
      '%s goes on with other data: %s', folder, ', '.join(sorted(changed))
    )
  elif added:
    _log.warning(
      '%s did not say what it was made with (%s); from now on it is held to '
      'what there is now',
      folder,
      ', '.join(sorted(added)),
    )
  changes = [
    {
      'name': name,
      'was': known.get(name),
      'became': now[name],
      'from_trial': first,
      'time': round(time.time(), 3),
    }
    for name in sorted([*changed, *added])
  ]
  before = found['changes'] if found else []
  files.write_json(
    folder / FILE,
    {
      'made_with': {**now, **known} if ended else {**known, **now},
      'changes': [*before, *changes],
    },
  )


def differing(old: Mapping[str, Any], now: Mapping[str, str]) -> list[str]:
  """Returns the names of what is known of both and is not the same."""
  return [name for name in sorted(now) if old.get(name, now[name]) != now[name]]


def told(old: Mapping[str, Any], now: Mapping[str, str]) -> str:
  """Says what differs, in one line.

  Example:
    >>> told({'table': 'a' * 64, 'data.test': '1'}, {'table': 'b' * 64})
    'table aaaaaaaa (workdir) != bbbbbbbb (now)'
  """
  names = differing(old, now)
  texts = [
    f'{name} {str(old[name])[:8]} (workdir) != {now[name][:8]} (now)'
    for name in names[:_SHOWN]
  ]
  more = len(names) - len(texts)
  return '; '.join(texts) + (f'; and {more} more' if more else '')
