"""Which arrays of a file of PyTorch's are a network's, and under which names.

Wrappers leave their names in front: `module.` (data parallel), `_orig_mod.`
(compiled), `model.`, and any of them within another. A training writes several
sets of weights into a file, `state_dict.` and `state_dict_ema.`: each is one
under its prefix.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from effnas import errors

# Of the names that a network has, so many make a set of weights.
_MOST = 0.5


class Chosen(NamedTuple):
  """One set of weights of a file.

  Attributes:
    arrays: By the names without the prefix.
    prefix: What stood in front of each, with its last dot; '' is nothing.
    passed_over: How many arrays of the file are not of this set, where one was
      asked for.
  """

  arrays: dict[str, Any]
  prefix: str
  passed_over: int


def prefixes(names: Collection[str], wanted: Collection[str]) -> Counter[str]:
  """Counts in front of how many of a network's names each prefix stands.

  Args:
    names: Of the arrays in a file.
    wanted: Names of the network's.

  Returns:
    By prefix, '' or with its last dot.

  Example:
    >>> prefixes(['module.a', 'module.b.c', 'step'], ['a', 'b.c'])
    Counter({'module.': 2})
  """
  wanted, found = set(wanted), Counter[str]()
  for name in names:
    words = name.split('.')
    for i in range(len(words)):
      if '.'.join(words[i:]) in wanted:
        found['.'.join([*words[:i], ''])] += 1
  return found


def choose(
  state: Mapping[str, Any], wanted: Collection[str], asked: str | None = None
) -> Chosen:
  """Returns a network's set of weights from a file.

  Args:
    state: Arrays by name.
    wanted: Names of the network's.
    asked: The prefix of the set, its last dot and wrappers behind it left out;
      '' are names without one. None takes the only set that there is.

  Raises:
    UserError: There are several sets, or none under that prefix.

  Example:
    >>> state = {'ema.module.head': 1, 'model.module.head': 2}
    >>> choose(state, ['head'], 'ema')
    Chosen(arrays={'head': 1}, prefix='ema.module.', passed_over=1)
    >>> choose(state, ['head'])
    Traceback (most recent call last):
    effnas.errors.UserError: the file holds several sets of weights, under the
      prefixes 'ema.module' and 'model.module': say which by --prefix
  """
  found = prefixes(state, wanted)
  every = [p for p, n in found.items() if n > _MOST * len(set(wanted))]
  sets = every if asked is None else _asked(every, asked)
  if len(sets) > 1:
    named = ' and '.join(repr(p.removesuffix('.')) for p in sorted(sets))
    raise errors.UserError(
      f'the file holds several sets of weights, under the prefixes {named}: '
      'say which by --prefix'
    )
  if not sets:  # what is missing is told by name
    return Chosen(dict(state), '', 0)
  (prefix,) = sets
  others = tuple(p for p in every if p != prefix and p.startswith(prefix))
  arrays = {
    name.removeprefix(prefix): array
    for name, array in state.items()
    # What is not asked for has no place, and is told by name.
    if asked is None
    or (name.startswith(prefix) and not name.startswith(others))
  }
  return Chosen(arrays, prefix, len(state) - len(arrays))


def _asked(sets: list[str], asked: str) -> list[str]:
  """The sets under a prefix: just that one, or those of wrappers behind it."""
  exact = asked and f'{asked.removesuffix(".")}.'
  known = [p.removesuffix('.') for p in sets]
  if exact in sets:
    return [exact]
  under = [p for p in sets if asked and p.startswith(exact)]
  if not under:
    raise errors.unknown('prefix of weights', asked, known)
  return under
