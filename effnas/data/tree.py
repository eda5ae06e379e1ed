"""Folders of examples: one subfolder per class, train and test above or not.

A class has all files below its folder, those of folders within it too. What is
passed over is counted by its reason and said.
"""

import collections
from collections.abc import Collection, Sequence
import dataclasses
import hashlib
import logging
import os
import pathlib
import re
from typing import Any

from effnas import errors
from effnas.data import source

_log = logging.getLogger(__name__)

# What a folder without 'train' may not consist of: these are no classes.
_PARTS = {
  *('train', 'training', 'test', 'testing', 'val', 'valid', 'validation'),
  *('dev', 'eval', 'evaluation'),
}
_HIDDEN, _LOOSE = 'hidden', 'outside of the class folders'
_REPEATED, _OTHERS = 'folder that was read before', 'of other kinds'
# A folder that macOS packs beside the files.
_OF_MACOS = '__MACOSX'
# So many reasons are told apart, and so many names are shown.
_KINDS, _SHOWN = 12, 6
_SUFFIX = re.compile(r'\.[A-Za-z0-9_+-]{1,12}')


@dataclasses.dataclass(frozen=True)
class Example:
  """A file and the number of its class."""

  path: pathlib.Path
  label: int


@dataclasses.dataclass(frozen=True)
class Tree:
  """The examples below a folder.

  Attributes:
    classes: Names of the classes, sorted; a label is a position here.
    train: The examples, in a fixed order.
    test: Those of the test folder, or None without one.
    passed_over: How many files (or whole folders) were not taken, by reason.
  """

  classes: tuple[str, ...]
  train: tuple[Example, ...]
  test: tuple[Example, ...] | None
  passed_over: dict[str, int] = dataclasses.field(default_factory=dict)

  def provenance(self) -> dict[str, Any]:
    """Returns what there is to record of it, JSON values."""
    return {
      'labels': list(self.classes),
      'read': len(self.train) + len(self.test or ()),
      'passed_over': self.passed_over,
    }


def read(
  root: pathlib.Path, suffixes: Collection[str], held: str = 'test'
) -> Tree:
  """Finds the classes and files below a folder, and says how many.

  Args:
    root: Either ROOT/CLASS/.../FILE, or ROOT/train/CLASS/.../FILE with or
      without ROOT/test/CLASS/.../FILE.
    suffixes: Which files are examples, such as '.png'; others are passed over,
      and so is what is hidden: names that begin with a dot.
    held: Name of the folder that is 'test' above.

  Returns:
    The tree.

  Raises:
    UserError: The folder has another layout or cannot be read, or a class has
      no example.
  """
  if not root.is_dir():
    raise errors.UserError(f'{root} must be a folder with one per class')
  search = _Search(suffixes)
  try:
    found = _tree(root, search, held)
  except OSError as error:
    raise errors.UserError(
      f'{error.filename or root} cannot be read: {error.strerror or error}'
    ) from error
  search.say(root, found)
  return found


def _tree(root: pathlib.Path, search: '_Search', held: str) -> Tree:
  parts = search.folders(root)
  # A folder 'train' of examples (and not of folders) is a class: the vehicle.
  if 'train' not in parts or not _Search(()).folders(parts['train']):
    if len(parts) < 2 or any(name.lower() not in _PARTS for name in parts):
      classes = tuple(parts)
      found = _examples(parts, classes, search, root)
      return Tree(classes, found, None, search.passed())
    raise errors.UserError(
      f'{root} holds parts ({", ".join(sorted(parts))}) and no classes; name '
      f'the part to train on train and the one to test on {held}'
    )
  for name in parts:
    if name not in ('train', held):
      raise errors.UserError(
        f'{parts[name]}: beside train there may only be {held}; move it away'
      )
  train = search.folders(parts['train'])
  classes = tuple(train)
  found = _examples(train, classes, search, parts['train'])
  if held not in parts:
    return Tree(classes, found, None, search.passed())
  test = search.folders(parts[held])
  tested = _examples(test, classes, search, parts[held])
  return Tree(classes, found, tested, search.passed())


def fingerprint(tree: Tree, root: pathlib.Path) -> dict[str, str]:
  """Returns one record for all files: sha256 over their names and sha256s."""
  digest = hashlib.sha256()
  for example in (*tree.train, *(tree.test or ())):
    name = example.path.relative_to(root).as_posix()
    line = f'{source.digest_of(example.path)}  {name}\n'
    digest.update(line.encode(errors='surrogateescape'))
  return {'file': root.resolve().name, 'sha256': digest.hexdigest()}


def listing(tree: Tree, root: pathlib.Path) -> dict[str, Any]:
  """Returns one record for all files, of which none is read.

  The sha256 is over their sizes and names; 'count' and 'bytes' say how many
  and how large.
  """
  digest, count, total = hashlib.sha256(), 0, 0
  for example in (*tree.train, *(tree.test or ())):
    name = example.path.relative_to(root).as_posix()
    size = example.path.stat().st_size
    digest.update(f'{size}  {name}\n'.encode(errors='surrogateescape'))
    count, total = count + 1, total + size
  return {
    'file': root.resolve().name,
    'sha256': digest.hexdigest(),
    'of': 'sizes and names',
    'count': count,
    'bytes': total,
  }


class _Search:
  """Looks through folders and counts what it passes over."""

  def __init__(self, suffixes: Collection[str]):
    self.suffixes = suffixes
    self.nested = 0
    self._passed: collections.Counter[str] = collections.Counter()
    self._worth = False  # whether anything may be missed

  def folders(self, root: pathlib.Path) -> dict[str, pathlib.Path]:
    """Returns the folders in one, by name and in its order."""
    found = {}
    with os.scandir(root) as entries:
      for entry in entries:
        if self._hides(entry):
          continue
        if entry.is_dir():
          found[entry.name] = root / entry.name
        elif self._fits(entry.name):
          self._pass(_LOOSE)
    return dict(sorted(found.items()))

  def files(self, root: pathlib.Path, above: pathlib.Path) -> list[str]:
    """Returns the examples at any depth in a folder, as paths within it.

    Args:
      root: The folder of a class.
      above: The folder that it lies in, which no link may lead back to.
    """
    seen = {_identity(above), _identity(root)}
    found, left = [], ['']
    while left:
      inner = left.pop()
      with os.scandir(root / inner) as entries:
        for entry in entries:
          if self._hides(entry):
            continue
          name = os.path.join(inner, entry.name)
          if entry.is_dir():
            identity = _identity(root / name)
            if identity in seen:
              self._pass(_REPEATED)
            else:
              seen.add(identity)
              left.append(name)
          elif self._fits(entry.name):
            if not entry.is_file():
              raise errors.UserError(f'{root / name} is no file to read')
            found.append(name)
            self.nested += bool(inner)
    # In the order of their parts, as paths compare.
    return sorted(found, key=lambda name: name.split(os.sep))

  def passed(self) -> dict[str, int]:
    """Returns how many were passed over, by reason, the most first."""
    ordered = sorted(self._passed.items(), key=lambda one: (-one[1], one[0]))
    found = dict(ordered[:_KINDS])
    rest = sum(count for _, count in ordered[_KINDS:])
    if rest:
      found[_OTHERS] = found.get(_OTHERS, 0) + rest
    return found

  def say(self, root: pathlib.Path, tree: Tree) -> None:
    """Logs how many were read; a warning where any may be missed."""
    count = len(tree.train) + len(tree.test or ())
    text = f'{root}: {count} files read of classes {_listed(tree.classes)}'
    if self.nested:
      text += f', {self.nested} of them from folders within'
    passed = tree.passed_over
    if passed:
      told = _listed([f'{n} {reason}' for reason, n in passed.items()])
      text += f'; {sum(passed.values())} passed over: {told}'
    worth = self._worth or self.nested
    _log.log(logging.WARNING if worth else logging.INFO, '%s', text)

  def _hides(self, entry: os.DirEntry[str]) -> bool:
    hidden = entry.name.startswith('.') or entry.name == _OF_MACOS
    if hidden:
      self._passed[_HIDDEN] += 1
      like = os.path.splitext(entry.name)[1].lower() in self.suffixes
      self._worth |= like or entry.is_dir()
    return hidden

  def _fits(self, name: str) -> bool:
    suffix = os.path.splitext(name)[1].lower()
    if suffix in self.suffixes:
      return True
    self._pass(suffix if _SUFFIX.fullmatch(suffix) else _OTHERS)
    return False

  def _pass(self, reason: str) -> None:
    self._passed[reason] += 1
    self._worth = True


def _identity(folder: pathlib.Path) -> tuple[int, int]:
  found = folder.stat()
  return found.st_dev, found.st_ino


def _examples(
  folders: dict[str, pathlib.Path],
  classes: Sequence[str],
  search: _Search,
  root: pathlib.Path,
) -> tuple[Example, ...]:
  if len(classes) < 2 or not folders:
    raise errors.UserError(
      f'{root} must hold one folder per class, two or more; '
      f'found {len(folders)}'
    )
  examples = []
  for name, path in folders.items():
    if name not in classes:
      raise errors.UserError(f'{path}: train has no class {name!r}')
    files = search.files(path, root)
    if not files:
      raise errors.UserError(
        f'{path} holds no example ({_listed(sorted(search.suffixes))})'
      )
    label = classes.index(name)
    examples += [Example(path / file, label) for file in files]
  return tuple(examples)


def _listed(words: Sequence[str]) -> str:
  shown = ', '.join(words[:_SHOWN])
  more = len(words) - _SHOWN
  return f'{shown} and {more} more' if more > 0 else shown
