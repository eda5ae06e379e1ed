"""Where files lie, how missing ones arrive, and what proves them right."""

from collections.abc import Iterator, Mapping, Sequence
import dataclasses
import hashlib
import http.client
import logging
import os
import pathlib
from typing import Any
import urllib.request

from effnas import errors, files

_CHUNK = 1 << 20


@dataclasses.dataclass(frozen=True)
class Official:
  """A file as its publisher serves it.

  Attributes:
    name: File name, also at the address's end.
    url: Where it is served.
    sha256: Checksum of the served bytes.
  """

  name: str
  url: str
  sha256: str


def folder(name: str, path: str | os.PathLike | None) -> pathlib.Path:
  """Returns where the files of a set lie or shall lie.

  Args:
    name: Name of the set.
    path: The user's choice. Otherwise $EFFNAS_DATA/NAME, or
      ~/.cache/effnas/NAME.
  """
  if path is not None:
    return pathlib.Path(path).expanduser()
  base = os.environ.get('EFFNAS_DATA') or '~/.cache/effnas'
  return pathlib.Path(base).expanduser() / name


def given(name: str, path: str | os.PathLike | None) -> pathlib.Path:
  """Returns the path of a user's own data, which must exist.

  Args:
    name: Name of the set.
    path: The option 'path'.

  Raises:
    UserError: No path is given, or nothing is there.
  """
  if path is None:
    raise errors.UserError(
      f'data set {name!r} reads your own files; set path (--config.data.path)'
    )
  found = pathlib.Path(path).expanduser()
  if not found.exists():
    raise errors.UserError(f'data set {name!r}: nothing lies at {found}')
  return found


def obtain(file: Official, target: pathlib.Path, verify: bool) -> pathlib.Path:
  """Returns `target`, downloaded from the official address where missing.

  The file gets its name only when it has arrived whole and its checksum is
  right, so that nothing broken is ever found there.

  Args:
    file: The official file.
    target: Where it lies or shall lie.
    verify: Whether a differing checksum of the download stops.

  Raises:
    UserError: It is missing and cannot be downloaded or stored, or its
      checksum differs.
  """
  if target.exists():
    return target
  logging.info('downloading %s', file.url)
  try:
    response = urllib.request.urlopen(file.url, timeout=30)
  except (OSError, http.client.HTTPException) as e:
    raise _missing(file, target, e) from e
  with response:
    files.made(target.parent)
    with files.draft(target) as place:
      digest, size = hashlib.sha256(), 0
      with place.open('wb') as stream:
        for piece in _pieces(response, file, target):
          stream.write(piece)
          digest.update(piece)
          size += len(piece)
      expected = response.headers.get('Content-Length')
      if expected is not None and size != int(expected):
        raise _missing(file, target, f'{size} of {expected} bytes arrived')
      where = f'as served by {file.url}'
      check(file.name, digest.hexdigest(), file.sha256, verify, where)
  return target


def digest_of(path: pathlib.Path) -> str:
  """Returns the sha256 of a file, read in pieces."""
  with path.open('rb') as stream:
    return hashlib.file_digest(stream, 'sha256').hexdigest()


def check(
  file: object, digest: str, official: str, verify: bool, where: str = ''
) -> dict[str, Any]:
  """Compares a checksum with the official one.

  Args:
    file: The file, as the message should name it.
    digest: Its sha256.
    official: What the sha256 should be.
    verify: Whether a difference stops.
    where: What the message should add to the name.

  Returns:
    The record for the provenance: file, sha256, verified.

  Raises:
    UserError: They differ and `verify` holds.
  """
  if digest != official and verify:
    raise errors.UserError(
      f'{file}{" " + where if where else ""}: sha256 {digest[:12]}... is not '
      f'the official {official[:12]}...; replace the file, or accept it with '
      'verify=False (--config.data.verify=False)'
    )
  return {
    'file': os.path.basename(str(file)),
    'sha256': digest,
    'verified': digest == official,
  }


def record(files: Sequence[Mapping[str, Any]], **more: Any) -> dict[str, Any]:
  """Returns a provenance: verified where each of its files is.

  Args:
    files: The records of `check`, or ones without 'verified' where no official
      checksum exists.
    **more: Further JSON values.

  Example:
    >>> record([{'file': 'my.npz', 'sha256': '00'}])['verified'] is None
    True
  """
  found = [file.get('verified') for file in files]
  verified = None if None in found else all(found)
  return {'files': [dict(f) for f in files], 'verified': verified, **more}


def _pieces(
  response: Any, file: Official, target: pathlib.Path
) -> Iterator[bytes]:
  try:
    while piece := response.read(_CHUNK):
      yield piece
  except (OSError, http.client.HTTPException) as e:
    raise _missing(file, target, e) from e


def _missing(
  file: Official, target: pathlib.Path, why: object
) -> errors.UserError:
  return errors.UserError(
    f'{file.name} is missing and could not be downloaded '
    f'({getattr(why, "reason", None) or why}); put {file.url} at {target}'
  )
