"""Architectures in a short, readable form.

An arch is a flat dict from path to JSON value, e.g. `{'model.stages.0.kernel':
5, 'optim.lr': 0.01312}`. For a reader it becomes `lr=0.0131 | stages.0:
kernel=5`: numbered parts stand together, equal neighbours are joined, and a
path is cut to its shortest ending that no other path of the study shares.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from effnas.report import labels

Arch = Mapping[str, Any]


def shorten(archs: Sequence[Arch]) -> tuple[str, list[str]]:
  """Writes archs for a reader: what they share, then each one's own choices.

  Args:
    archs: The archs that will be read together.

  Returns:
    The choices that all of them share ('' where there are none, or fewer than
    two archs), and one text for each arch with the remaining choices.

  Example:
    >>> shorten([{'model.stages.0.kernel': 5, 'quant.bits': 8},
    ...          {'model.stages.0.kernel': 3, 'quant.bits': 8}])
    ('bits=8', ['stages.0: kernel=5', 'stages.0: kernel=3'])
  """
  names = _names(archs)
  shared = {}
  if len(archs) > 1:
    for path, choice in archs[0].items():
      if all(_same(arch, path, choice) for arch in archs[1:]):
        shared[path] = choice
  own = [{p: c for p, c in a.items() if p not in shared} for a in archs]
  return _text(shared, names), [_text(arch, names) for arch in own]


def choice(value: Any) -> str:
  """Writes one decision's value: numbers to 3 digits, flags as yes or no.

  Example:
    >>> choice(True), choice(0.0131234), choice('swish'), choice([3, 5])
    ('yes', '0.0131', 'swish', '[3, 5]')
  """
  if isinstance(value, bool):
    return 'yes' if value else 'no'
  if isinstance(value, float):
    return labels.rounded(value, 3)
  if isinstance(value, list):
    return f'[{", ".join(choice(v) for v in value)}]'
  return str(value)


def _same(arch: Arch, path: str, value: Any) -> bool:
  # True and 1 are different options, though they compare equal.
  return path in arch and repr(arch[path]) == repr(value)


def _split(path: str) -> tuple[str, str]:
  """Cuts a path behind its last number: ('stages.0', 'block.kernel')."""
  parts = path.removeprefix('model.').split('.')
  ends = [i + 1 for i, part in enumerate(parts[:-1]) if _numbered(part)]
  end = ends[-1] if ends else 0
  return '.'.join(parts[:end]), '.'.join(parts[end:])


def _names(archs: Sequence[Arch]) -> dict[str, str]:
  """Maps each ending of a path to its shortest form that stays unambiguous."""
  leaves = {_split(path)[1] for arch in archs for path in arch}
  owners: dict[str, set[str]] = {}
  for leaf in leaves:
    for form in _endings(leaf):
      owners.setdefault(form, set()).add(leaf)
  # A number alone says nothing, so 'ops.3' keeps the word before it.
  return {
    leaf: next(
      (f for f in _endings(leaf) if len(owners[f]) == 1 and not _numbered(f)),
      leaf,
    )
    for leaf in leaves
  }


def _endings(leaf: str) -> list[str]:
  parts = leaf.split('.')
  return ['.'.join(parts[i:]) for i in range(len(parts) - 1, -1, -1)]


def _text(arch: Arch, names: Mapping[str, str]) -> str:
  groups: dict[str, list[str]] = {}
  for path, value in arch.items():
    group, leaf = _split(path)
    groups.setdefault(group, []).append(f'{names[leaf]}={choice(value)}')
  # Runs of equal neighbours are said once: 'stages.0-2: kernel=3'.
  runs: list[tuple[str, str, str]] = []
  for group, choices in sorted(groups.items(), key=lambda g: _order(g[0])):
    text = ' '.join(choices)
    if runs and runs[-1][2] == text and _follows(runs[-1][1], group):
      runs[-1] = (runs[-1][0], group, text)
    else:
      runs.append((group, group, text))
  return ' | '.join(_run(*run) for run in runs)


def _order(group: str) -> list[tuple[int, str]]:
  parts = group.split('.') if group else []
  return [(int(p), '') if _numbered(p) else (-1, p) for p in parts]


def _numbered(part: str) -> bool:
  # No '²', and nothing so long that Python would not read it.
  return part.isdecimal() and len(part) < 19


def _follows(before: str, group: str) -> bool:
  stem, _, number = before.rpartition('.')
  if not stem or not _numbered(number):
    return False
  return group == f'{stem}.{int(number) + 1}'


def _run(first: str, last: str, text: str) -> str:
  if not first:
    return text
  span = first if first == last else f'{first}-{last.rpartition(".")[2]}'
  return f'{span}: {text}'
