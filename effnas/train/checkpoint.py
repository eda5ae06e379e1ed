"""Checkpoints of a training: state, history and the settings that made them.

The one file that imports Orbax. A checkpoint is a folder that appears under
its final name only when it is complete, so that one cut off by a kill is
never read.
"""

from collections.abc import Collection, Mapping
import errno
import hashlib
import json
import os
import pathlib
import re
import shutil
from typing import Any, NamedTuple

import jax
import numpy as np

from effnas import errors, files

_BESIDE = 2**18  # bytes of a checkpoint's names and notes, and to spare


class Restored(NamedTuple):
  """The latest checkpoint of a folder.

  Attributes:
    epoch: Epochs finished.
    state: The state after them.
    history: The metrics of each of them.
  """

  epoch: int
  state: Any
  history: list[dict[str, Any]]


def _manager(folder: str | pathlib.Path) -> Any:
  from orbax import checkpoint

  options = checkpoint.CheckpointManagerOptions(
    max_to_keep=2,
    enable_async_checkpointing=False,
    # By default a file may be opened before its folder is there.
    async_options=checkpoint.options.AsyncOptions(
      create_directories_asynchronously=False
    ),
    cleanup_tmp_directories=True,
  )
  return checkpoint.CheckpointManager(
    pathlib.Path(folder).absolute(), options=options
  )


def digest(tree: Any) -> str:
  """Returns a short hash of a tree's paths, shapes, types and (arrays') values.

  Leaves without values (`jax.ShapeDtypeStruct`) count by shape and type.
  """
  sha = hashlib.sha256()
  for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
    name = jax.tree_util.keystr(path)
    sha.update(f'{name}{leaf.shape}{leaf.dtype}'.encode())
    if not isinstance(leaf, jax.ShapeDtypeStruct):
      sha.update(np.asarray(leaf).tobytes())
  return sha.hexdigest()[:12]


def digest_repr(value: Any) -> str:
  """Returns a short hash of a value's repr, without addresses in memory.

  Example:
    >>> digest_repr(len) == digest_repr(len) != digest_repr(max)
    True
  """
  text = re.sub(r' at 0x[0-9a-f]+', '', repr(value))
  return hashlib.sha256(text.encode()).hexdigest()[:12]


def save(
  folder: str | pathlib.Path,
  epoch: int,
  state: Any,
  history: list[dict[str, Any]],
  settings: Mapping[str, Any],
) -> None:
  """Writes a checkpoint and keeps only it and the one before.

  Args:
    folder: Where; made if it is not there.
    epoch: Epochs finished.
    state: A pytree of arrays.
    history: JSON values.
    settings: JSON values that `latest` compares.

  Raises:
    UserError: It cannot be written; nothing of it stays.
  """
  from orbax import checkpoint

  items = checkpoint.args.Composite(
    state=checkpoint.args.StandardSave(state),
    log=checkpoint.args.JsonSave(
      {'history': history, 'settings': dict(settings)}
    ),
  )
  try:
    _check_room(folder, state)
    with _manager(folder) as manager:
      manager.save(epoch, args=items, force=True)
  except Exception as e:
    refused = _refused(e)
    if refused is None:
      raise
    for rest in pathlib.Path(folder).glob('*.orbax-checkpoint-tmp'):
      shutil.rmtree(rest, ignore_errors=True)
    raise files.unwritable(folder, refused) from e


def _check_room(folder: str | pathlib.Path, state: Any) -> None:
  """Raises where a state cannot fit: Orbax's threads would tell it at length.

  Its compression is not counted on: the next state may give less way to it.
  """
  place = files.made(folder)
  size = sum(leaf.nbytes for leaf in jax.tree.leaves(state))
  if shutil.disk_usage(place).free < size + _BESIDE:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(place))


def _refused(error: Exception) -> OSError | None:
  """The system's error in one of Orbax's, which may be only told in words."""
  if isinstance(error, OSError):
    return error
  told = re.search(r"os_error_code='(\d+)'", str(error))
  return OSError(int(told[1]), os.strerror(int(told[1]))) if told else None


def latest(
  folder: str | pathlib.Path,
  state: Any,
  settings: Mapping[str, Any],
  compared: Collection[str] | None = None,
) -> Restored | None:
  """Reads the latest complete checkpoint.

  Args:
    folder: Where checkpoints may be.
    state: The state to be, arrays or `jax.ShapeDtypeStruct`s, for the shapes.
    settings: What the checkpoint's settings must equal.
    compared: Which of them; None is all.

  Returns:
    The checkpoint, or None where there is none.

  Raises:
    UserError: If it was made with other settings.
  """
  from orbax import checkpoint

  if not pathlib.Path(folder).is_dir():
    return None
  with _manager(folder) as manager:
    epoch = manager.latest_step()
    if epoch is None:
      return None
    items = checkpoint.args.Composite(log=checkpoint.args.JsonRestore())
    log = manager.restore(epoch, args=items)['log']
    _compare(folder, log['settings'], settings, compared)
    shapes = jax.tree.map(
      lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding),
      state,
    )
    items = checkpoint.args.Composite(
      state=checkpoint.args.StandardRestore(shapes)
    )
    state = manager.restore(epoch, args=items)['state']
  return Restored(epoch, state, log['history'])


def _compare(
  folder: Any,
  old: Mapping[str, Any],
  new: Mapping[str, Any],
  compared: Collection[str] | None,
) -> None:
  new = json.loads(json.dumps(dict(new)))
  differences = [
    f'{key} {old.get(key)!r}, not {new.get(key)!r}'
    for key in sorted({*old, *new} if compared is None else compared)
    if old.get(key) != new.get(key)
  ]
  if differences:
    raise errors.UserError(
      f'the checkpoints in {folder} were made with '
      f'{"; ".join(differences)}: train with those settings or into another '
      'folder'
    )
