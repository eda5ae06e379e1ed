"""Look-up tables of others: latencies of archs or of blocks, from a file.

A table has a row per arch of a space, or a row per block of networks; one or
more columns are the key, another holds milliseconds. Such a latency's source is
'measured by others': on which device, at which batch and how, the table's
authors say. A network's latency out of blocks is the sum over them, as in
Cai et al. (2019) and Wu et al. (2019); what happens between blocks is left out.

Reference:
  Cai, Zhu and Han, 2019, ProxylessNAS, https://arxiv.org/abs/1812.00332
  Wu et al., 2019, FBNet, https://arxiv.org/abs/1812.03443
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import json
import statistics
from typing import Any

from flax import linen

from effnas import errors, files
from effnas.footprint import tables
from effnas.footprint.measured import keys

SOURCE = 'measured by others'
Key = tuple[str, ...]
# Measured twice, a latency may differ by this factor.
_NOISE = 1.1


@dataclasses.dataclass(frozen=True)
class Table:
  """Latencies by key.

  Attributes:
    name: The file's, for messages.
    columns: Names of the columns of the key.
    milliseconds: By the values of these columns.
    missing: How many rows of the file have no latency.
  """

  name: str
  columns: tuple[str, ...]
  milliseconds: Mapping[Key, float]
  missing: int = 0

  @classmethod
  def read(
    cls,
    path: str,
    key: str | Sequence[str],
    value: str,
    canonical: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None,
  ) -> 'Table':
    """Reads a table.

    Args:
      path: A .csv or .csv.gz file, or a .json one, see `tables.read`.
      key: Column of the key, or several. Keys that are JSON (as `blocks`
        lists them) are compared as such, whatever their spaces and order.
      value: Column of milliseconds; rows where it is empty or NaN are left out
        and counted.
      canonical: From a row to the one form of its key, for tables that write
        an arch in several: `lambda r: space.row(space.arch(r))` with the two
        functions of a space's file.

    Returns:
      The table.

    Raises:
      UserError: The file or a column is not there, a value is no latency, or
        two rows say of one key what is not noise: more than 10 % apart.
        (Of rows that are nearer the median counts.)
    """
    columns = (key,) if isinstance(key, str) else tuple(key)
    rows = tables.read(path)
    if not rows:
      raise errors.UserError(f'{path} has no rows')
    for column in (*columns, value):
      if column not in rows[0]:
        raise errors.unknown(f'column of {path}', column, map(str, rows[0]))
    found: dict[Key, list[float]] = {}
    missing = 0
    for i, row in enumerate(rows):
      ms = _milliseconds(row[value], f'row {i} of {path}: {value}')
      if ms is None:
        missing += 1
        continue
      at = _key(canonical(row) if canonical else row, columns)
      others = found.setdefault(at, [])
      others.append(ms)
      if max(others) > _NOISE * min(others):
        raise errors.UserError(
          f'row {i} of {path} repeats the key {_say(at)} with {ms} ms instead '
          f'of {others[0]}; does the key lack a column?'
        )
    medians = {at: statistics.median(values) for at, values in found.items()}
    return cls(path, columns, medians, missing)

  def arch(self, row: Mapping[str, Any]) -> float:
    """Returns the latency of an arch as a whole.

    Args:
      row: Has the key's columns; a space's `row(arch)` makes them of an arch.

    Returns:
      Milliseconds.

    Raises:
      UserError: A column or the arch is missing.
    """
    lacks = [c for c in self.columns if c not in row]
    if lacks:
      raise errors.UserError(
        f'{self.name} is looked up by {", ".join(self.columns)}; got no '
        f'{lacks[0]}'
      )
    at = _key(row, self.columns)
    if at not in self.milliseconds:
      raise errors.UserError(f'{self.name} has no latency of {_say(at)}')
    return self.milliseconds[at]

  def network(
    self,
    net: linen.Module,
    input_shape: Sequence[int],
    *,
    input_dtype: Any = 'float32',
  ) -> float:
    """Returns the latency of a network as the sum over its blocks.

    From the outside in, a module that the table has counts as a whole. What has
    parameters and lies in none of them is missing.

    Args:
      net: A Linen module; `net(x)` is inference.
      input_shape: Shape of one example, without the batch.
      input_dtype: dtype of the input.

    Returns:
      Milliseconds.

    Raises:
      UserError: The table lacks a block, which the message names, or is one of
        archs.
    """
    if len(self.columns) != 1:
      raise errors.UserError(
        'a table of blocks has one column as its key; '
        f'{self.name} is looked up by {", ".join(self.columns)}'
      )
    calls = keys.blocks(net, input_shape, input_dtype=input_dtype)
    total, inside, lacking = 0.0, None, []
    for block in calls:
      if inside is not None and block.call[: len(inside)] == inside:
        continue
      ms = self.milliseconds.get((block.key,))
      if ms is not None:
        total, inside = total + ms, block.call
      elif block.params:
        lacking.append(self._whole(calls, block))
    if lacking:
      names = dict.fromkeys(f'{b.path or "/"}: {b.key}' for b in lacking)
      first, *more = names
      raise errors.UserError(
        f'{self.name} has no latency of {first}'
        + (f' and {len(more)} more' if more else '')
      )
    return total

  def _whole(self, calls: Sequence[keys.Block], part: keys.Block) -> keys.Block:
    """The outermost block around a part of a kind that the table has."""
    kinds = {_kind(key) for (key,) in self.milliseconds}
    around = [calls[i] for i in part.call]
    return next((b for b in around if _kind(b.key) in kinds), part)


def _key(row: Mapping[str, Any], columns: Sequence[str]) -> Key:
  return tuple(_canonical(str(row[c]).strip()) for c in columns)


def _canonical(text: str) -> str:
  if not text.startswith('{'):
    return text
  try:
    return json.dumps(files.parse(text), sort_keys=True)
  except ValueError:
    return text


def _kind(key: str) -> str | None:
  """The class in the key of a block, None in any other key."""
  try:
    return files.parse(key).get('block')
  except (ValueError, AttributeError):
    return None


def _say(key: Key) -> str:
  return ', '.join(key)


def _milliseconds(text: Any, where: str) -> float | None:
  if text is None or not str(text).strip():
    return None
  if str(text).strip().lower() == 'nan':
    return None
  try:
    ms = tables.number(text)
  except ValueError:
    ms = -1.0
  if ms <= 0:
    raise errors.UserError(
      f'{where} must be milliseconds above 0; got {text!r}'
    )
  return ms
