"""Values of the wrong kind at every key of a config: one line, or they pass."""

from collections.abc import Iterator, Mapping
import copy
import json
import random
from typing import Any

import pytest

from effnas import errors
from effnas.cli import config as config_lib
from effnas.search.networks import network_trials

_VALUES: tuple[Any, ...] = (
  None,
  True,
  -1,
  0,
  1.5,
  10**20,
  -(10**20),
  1e308,
  float('nan'),
  float('inf'),
  '',
  'nan',
  'abc',
  'a/b\0c',
  '\ud800',
  'x' * 5000,
  [],
  [None],
  [0],
  [-1, 'a'],
  [10**20],
  ['nan'],
  [[]],
  {},
  {'a': None},
  {'': []},
  {'name': 3},
  {'a/*': {'weights': -1}},
)


@pytest.fixture(scope='module')
def config():
  return config_lib.load('configs/digits.py:smoke')


def _ways(
  value: Mapping[str, Any], way: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
  for key, inner in value.items():
    yield (*way, key)
    if isinstance(inner, Mapping):
      yield from _ways(inner, (*way, key))


def _changed(
  config: Mapping[str, Any], way: tuple[str, ...], value: Any
) -> Any:
  found = copy.deepcopy(dict(config))
  inner = found
  for key in way[:-1]:
    inner = inner[key]
  inner[way[-1]] = value
  return found


def checked(config: Mapping[str, Any], path: Any) -> str | None:
  """Loads and checks a config as `effnas search` does before any training.

  Args:
    config: JSON values.
    path: A file to load it from.

  Returns:
    The line of its refusal, None where it is taken.
  """
  path.write_text(json.dumps(config))
  try:
    network_trials.problem(config_lib.load(str(path)))
  except errors.UserError as e:
    return str(e)
  return None


@pytest.mark.parametrize('each', [2, pytest.param(14, marks=pytest.mark.slow)])
def test_a_value_of_the_wrong_kind_is_refused_in_one_line(
  config, tmp_path, each
):
  rng = random.Random(each)
  further = [tuple(key.split('.')) for key in config_lib.FURTHER]
  ways = dict.fromkeys([*_ways(config), *further])
  refused = 0
  for way in ways:
    for value in rng.sample(_VALUES, each):
      changed = _changed(config, way, value)
      try:
        said = checked(changed, tmp_path / 'config.json')
      except Exception as e:
        pytest.fail(f'{".".join(way)}={str(value)[:50]!r}: {e!r}')
      refused += said is not None
  assert refused > each * len(ways) / 2
