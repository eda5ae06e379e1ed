"""Changes at random: of JSON values, of bytes, of files."""

import copy
import json

_DEEP = '[' * 5000 + ']' * 5000
_NASTY = (
  None, True, False, 0, -1, 1, 3, 2**31, 10**20, -(10**20), 0.5, -0.0, 1e308,
  1e-308, float('inf'), float('nan'), '', 'x', '8', 'None', '\0', '\x1b[31mred',
  '\u202e', '\ud800', '[red]', 'é→', 'n' * 300, '../..', '/', '/dev/null', '{}',
  [], {}, [[]], [None], {'': None}, [1, 2, 3], [-1], ['x'], {'a': {'b': [1]}},
  {'oneof': []}, {'oneof': [1, 'x']}, [1e308, -1e308], list(range(99)),
)  # fmt: skip


def nasty(draw):
  return copy.deepcopy(draw.choice(_NASTY))


def _places(value, way=()):
  """Yields the way to each value inside JSON values."""
  inner = value.items() if isinstance(value, dict) else enumerate(value)
  for key, one in inner:
    yield (*way, key)
    if isinstance(one, dict | list):
      yield from _places(one, (*way, key))


def mutated(draw, value, times=1):
  """Changes, drops or adds values somewhere inside of JSON values."""
  value = copy.deepcopy(value)
  for _ in range(times):
    places = list(_places(value)) if isinstance(value, dict | list) else []
    if not places or draw.random() < 0.05:
      return nasty(draw)
    *way, last = draw.choice(places)
    at = value
    for key in way:
      at = at[key]
    how = draw.randrange(4)
    if how == 0:
      del at[last]
    elif how == 1 and isinstance(at, dict):
      at[draw.choice(['x', '', 'a/b', str(last) + '_'])] = nasty(draw)
    else:
      at[last] = nasty(draw)
  return value


def damaged(draw, data):
  """Cuts, flips, repeats or adds bytes."""
  data = bytearray(data)
  how = draw.randrange(5)
  place = draw.randrange(len(data) + 1)
  if how == 0:
    return bytes(data[:place])
  if how == 1:
    return bytes(data[place:])
  if how == 2:
    data[place:place] = draw.randbytes(draw.randrange(1, 9))
  elif how == 3:
    data[place:place] = data[: draw.randrange(1, 30)]
  else:
    for _ in range(draw.randrange(1, 5)):
      data[draw.randrange(len(data))] = draw.randrange(256)
  return bytes(data)


def written(draw, path, value, damage=0.2):
  """Writes JSON values to a file, now and then damaged or very deep."""
  data = json.dumps(value).encode()
  if draw.random() < 0.05:
    data = _DEEP.encode()
  elif draw.random() < damage:
    data = damaged(draw, data)
  path.write_bytes(data)
  return path
