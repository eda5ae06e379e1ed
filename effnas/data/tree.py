"""Folders of examples: one subfolder per class, train and test above or not."""

from collections.abc import Collection, Sequence
import dataclasses
import hashlib
import pathlib
from typing import Any

from effnas import errors
from effnas.data import source


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
  """

  classes: tuple[str, ...]
  train: tuple[Example, ...]
  test: tuple[Example, ...] | None


def read(
  root: pathlib.Path, suffixes: Collection[str], held: str = 'test'
) -> Tree:
  """Finds the classes and files below a folder.

  Args:
    root: Either ROOT/CLASS/FILE, or ROOT/train/CLASS/FILE with or without
      ROOT/test/CLASS/FILE.
    suffixes: Which files are examples, such as '.png'; others are passed over.
    held: Name of the folder that is 'test' above.

  Returns:
    The tree.

  Raises:
    UserError: The folder has another layout, or a class has no example.
  """
  if not root.is_dir():
    raise errors.UserError(f'{root} must be a folder with one per class')
  parts = _folders(root)
  # A folder 'train' of examples (and not of folders) is a class: the vehicle.
  if 'train' not in parts or not _folders(parts['train']):
    classes = tuple(parts)
    return Tree(classes, _examples(parts, classes, suffixes, root), None)
  for name in parts:
    if name not in ('train', held):
      raise errors.UserError(
        f'{parts[name]}: beside train there may only be {held}; move it away'
      )
  train = _folders(parts['train'])
  classes = tuple(train)
  found = _examples(train, classes, suffixes, parts['train'])
  if held not in parts:
    return Tree(classes, found, None)
  test = _folders(parts[held])
  return Tree(classes, found, _examples(test, classes, suffixes, parts[held]))


def fingerprint(tree: Tree, root: pathlib.Path) -> dict[str, str]:
  """Returns one record for all files: sha256 over their names and sha256s."""
  digest = hashlib.sha256()
  for example in (*tree.train, *(tree.test or ())):
    name = example.path.relative_to(root).as_posix()
    digest.update(f'{source.digest_of(example.path)}  {name}\n'.encode())
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


def _folders(root: pathlib.Path) -> dict[str, pathlib.Path]:
  return {
    path.name: path
    for path in sorted(root.iterdir())
    if path.is_dir() and not path.name.startswith('.')
  }


def _examples(
  folders: dict[str, pathlib.Path],
  classes: Sequence[str],
  suffixes: Collection[str],
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
    files = sorted(p for p in path.iterdir() if p.suffix.lower() in suffixes)
    if not files:
      raise errors.UserError(
        f'{path} holds no example ({", ".join(sorted(suffixes))})'
      )
    label = classes.index(name)
    examples += [Example(file, label) for file in files]
  return tuple(examples)
