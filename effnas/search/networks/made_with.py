"""What the networks of a config are made with; see `effnas.search.identity`."""

from collections.abc import Mapping
import functools
import json
import re
from typing import Any

from effnas import errors
from effnas.data import identity as data_identity
from effnas.search import identity, metrics
from effnas.search.networks import candidate, teaching

_DATA = 'data.'
# Where a config names teachers, and weights to start from.
_TEACHERS = ('distill', 'curriculum')


def of(
  config: Mapping[str, Any], given: Mapping[str, str | None] | None = None
) -> dict[str, str]:
  """Returns checksums of what a config's networks are made with, by name.

  They are those of the data's parts, of the weights file of 'train.init', of
  teachers, and of device files that are no part of effnas. Where the space
  chooses among several, each counts.

  Args:
    config: As a search's of networks.
    given: Further files by name; None where there is none.

  Raises:
    UserError: A file cannot be read.
  """
  found = data(config)
  train = config.get('train') or {}
  starts = [one for one in _chosen(config, train, 'train.init') if one]
  for name, file in _named('train.init', starts):
    found[name] = identity.of_file(file, 'the weights file')
  for section in _TEACHERS:
    settings = train.get(section)
    if isinstance(settings, Mapping):
      key = f'train.{section}.teacher'
      for name, one in _named(key, _chosen(config, settings, key)):
        found[name] = teaching.digest(one)
  for file in _devices(config):
    found[f'target {file}'] = identity.of_file(file, 'the target')
  for name, path in (given or {}).items():
    if path is not None:
      found[name] = identity.of_file(path, 'the weights file')
  return found


def data(config: Mapping[str, Any]) -> dict[str, str]:
  """Returns the checksums of a config's data alone."""
  found = _data(json.dumps(config['data'], sort_keys=True))
  return {f'{_DATA}{part}': digest for part, digest in found.items()}


def check(task: Mapping[str, Any]) -> None:
  """Finds a worker that has other data than its search; looks once only.

  Args:
    task: What all trials share; 'identity' is that of the search.

  Raises:
    MachineError: It has. That is no fault of a trial, which stays unfinished.
  """
  wanted = {
    name: digest
    for name, digest in (task.get('identity') or {}).items()
    if name.startswith(_DATA)
  }
  if not wanted:
    return
  here = data(task['config'])
  if identity.differing(wanted, here):
    raise errors.MachineError(
      'a worker has other data than its search: '
      f'{identity.told(wanted, here).replace("(workdir)", "(search)")}; give '
      'all machines the same'
    )


@functools.lru_cache(maxsize=4)
def _data(told: str) -> dict[str, str]:
  return data_identity.digests(candidate.load_data({'data': json.loads(told)}))


def _chosen(
  config: Mapping[str, Any], section: Mapping[str, Any], key: str
) -> list[Any]:
  """All that a key may be: what a section says, or the space chooses from."""
  said = _several(section.get(key.rpartition('.')[2]))
  choice = candidate.load_space(config).decisions.get(key)
  if said or choice is None:
    return said
  return [value for value in choice.values() if isinstance(value, str)]


def _several(value: Any) -> list[Any]:
  """All that a setting names: one, a list of them, or a choice among them."""
  if isinstance(value, Mapping) and set(value) == {'oneof'}:
    value = value['oneof']
  values = value if isinstance(value, list | tuple) else [value]
  if any(isinstance(one, list | tuple) for one in values):
    values = [one for each in values for one in _several(each)]
  return [one for one in values if one is not None]


def _named(name: str, values: list[Any]) -> list[tuple[str, Any]]:
  """Pairs values with names: without their paths, as a workdir may be moved."""
  if len(values) == 1:
    return [(name, values[0])]
  return [(f'{name}[{i}]', value) for i, value in enumerate(values)]


def _devices(config: Mapping[str, Any]) -> list[str]:
  """The device files that the config's metrics and targets name."""
  search = config.get('search') or {}
  names = [
    name
    for key in ('objectives', 'constraints', 'soft_constraints')
    for name in search.get(key) or ()
  ]
  targets = [metrics.parse(name).target for name in names]
  targets += (config.get('footprint') or {}).get('targets') or ()
  files = [re.sub(r':\d+$', '', str(target)) for target in targets]
  return [f for f in dict.fromkeys(files) if f.endswith('.json')]
